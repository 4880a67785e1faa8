"""What a run says of a dataset: counts, thresholds, doubtful cases; with labels also what is true of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from eyeward.annotate.answers import Answers
from eyeward.annotate.audit.against import Comparison, against_run
from eyeward.annotate.audit.against import against_policy as compared_policies
from eyeward.annotate.audit.classes import ClassEffects, class_effects
from eyeward.annotate.audit.corrected import Corrected, correct
from eyeward.annotate.audit.counts import Count
from eyeward.annotate.audit.look_alikes import LookAlikes, likeness
from eyeward.annotate.query import VERDICTS, connected
from eyeward.verdict import ModelRef, Note, Rating

if TYPE_CHECKING:
    import duckdb

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))
BINS = 20
MOST_CASES = 24
FILE_NAME = "audit.json"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Case(_Record):
    """A row that is worth a look."""

    shard: str
    index: int
    key: str
    rating: str
    category: str | None
    p_unsafe: float


class PolicyAudit(_Record):
    """What the guard says under one policy."""

    policy: str
    hash: str
    rows: int
    ratings: dict[str, Count]
    """By rating; rows without one under `error`."""
    unsafe_by_category: dict[str, Count]
    """Rows rated Unsafe; those that were known by their hash under `hash_match`."""
    reviews: dict[str, int]
    errors: dict[str, int]
    histogram: list[int]
    """Rows by `p_unsafe`, in twenty bins of equal width; exactly 1 is in the last."""
    would_remove: dict[str, Count]
    """Rows with a `p_unsafe` of at least each threshold."""
    nearest: list[Case]
    """Rated rows nearest the threshold."""
    look_alikes: int | None
    """Groups of images with equal perceptual hashes; None where there are no hashes."""
    look_alikes_apart: int | None
    """Those of them that are rated otherwise, an error being one way."""
    look_alikes_listed: tuple[LookAlikes, ...] = ()
    """These, those with the widest gap of probabilities first; at most fifty."""


class Audit(_Record):
    """A run, policy by policy."""

    source: tuple[str, ...]
    model: ModelRef
    images: int
    shards: int
    """Those that are judged; all counts are of them."""
    shards_missing: int | None
    """Those that are not judged yet; None where the dataset is not there as it was, and nobody knows."""
    sample: int | None
    policies: tuple[PolicyAudit, ...]
    corrected: tuple[Corrected, ...] = ()
    """What is really there, for each file of labels."""
    comparisons: tuple[Comparison, ...] = ()
    """Beside another policy or another run."""
    classes: tuple[ClassEffects, ...] = ()
    """What each class loses, for each policy."""


def audit(
    folder: Path,
    *,
    labels: Sequence[Path] = (),
    against: Path | None = None,
    against_policy: str | None = None,
    policy: str | None = None,
    class_column: str | None = None,
    source: Sequence[str] | None = None,
) -> Audit:
    """Count what a run says, over all shards that are finished.

    `labels` are CSV files of `eyeward audit sample`, filled in; `policy` is the one that is compared; `source` says
    where the dataset lies now, if it was moved: it is looked at to tell whether all of it is judged, and read for
    `class_column` only.

    Raises:
        UsageError: when there is no run, nothing of it is finished, there is a file of another run, or what is asked
            besides makes no sense.
        MissingExtra: when there is no DuckDB.
    """
    answers = Answers.of(folder)
    record = answers.record
    base = connected(folder)
    comparisons: tuple[Comparison, ...] = () if against is None else against_run(folder, against, policy)
    if against_policy is not None:
        comparisons += compared_policies(folder, against_policy, policy)
    ((images,),) = _asked(base, f"SELECT count(*) FROM (SELECT DISTINCT shard, index FROM {VERDICTS})")
    return Audit(
        source=record.source,
        model=record.guard.model,
        images=images,
        shards=len(answers.names),
        shards_missing=answers.missing(source),
        sample=record.sample,
        policies=tuple(_audit_of(base, asked.name, asked.hash) for asked in record.policies),
        corrected=tuple(correct(folder, file) for file in labels),
        comparisons=comparisons,
        classes=() if class_column is None else class_effects(folder, class_column, source),
    )


def _audit_of(base: duckdb.DuckDBPyConnection, name: str, hash: str) -> PolicyAudit:
    rows = f"(SELECT * FROM {VERDICTS} WHERE policy_hash = $1)"
    ((count,),) = _asked(base, f"SELECT count(*) FROM {rows}", hash)

    def counted(column: str, where: str = "true") -> dict[str, int]:
        found = _asked(base, f"SELECT {column}, count(*) FROM {rows} WHERE {where} GROUP BY 1 ORDER BY 2 DESC, 1", hash)
        return {str(value): int(number) for value, number in found}

    categories = f"CASE WHEN list_contains(notes, '{Note.hash_match}') THEN '{Note.hash_match}' ELSE category END"
    bins = dict(
        _asked(
            base,
            f"SELECT least(floor(p_unsafe * {BINS}), {BINS - 1})::INT, count(*) FROM {rows} "
            "WHERE p_unsafe IS NOT NULL GROUP BY 1",
            hash,
        )
    )
    at_least = ", ".join(f"count(*) FILTER (p_unsafe >= {threshold})" for threshold in THRESHOLDS)
    (removed,) = _asked(base, f"SELECT {at_least} FROM {rows}", hash)
    nearest = _asked(
        base,
        f"SELECT shard, index, key, rating, category, p_unsafe FROM {rows} WHERE p_unsafe IS NOT NULL AND "
        f"threshold IS NOT NULL ORDER BY abs(p_unsafe - threshold), shard, index LIMIT {MOST_CASES}",
        hash,
    )
    alike = likeness(base, hash)
    by_rating = counted("coalesce(rating, 'error')")
    return PolicyAudit(
        policy=name,
        hash=hash,
        rows=count,
        ratings={word: Count.of(by_rating.get(word, 0), count) for word in (*map(str, Rating), "error")},
        unsafe_by_category={
            category: Count.of(number, count) for category, number in counted(categories, "rating = 'Unsafe'").items()
        },
        reviews=counted("review_reason", "review_reason IS NOT NULL"),
        errors=counted("error_type", "error_type IS NOT NULL"),
        histogram=[int(bins.get(number, 0)) for number in range(BINS)],
        would_remove={f"{t:g}": Count.of(number, count) for t, number in zip(THRESHOLDS, removed, strict=True)},
        nearest=[Case(**dict(zip(Case.model_fields, row, strict=True))) for row in nearest],
        look_alikes=alike.groups,
        look_alikes_apart=alike.apart,
        look_alikes_listed=alike.listed,
    )


def _asked(base: duckdb.DuckDBPyConnection, sql: str, *values: str) -> Sequence[tuple[Any, ...]]:
    return base.execute(sql, list(values)).fetchall()
