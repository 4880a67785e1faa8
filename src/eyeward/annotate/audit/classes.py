"""What filtering would take from each class of a dataset, where the dataset itself has classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from eyeward.annotate.audit.counts import Count
from eyeward.annotate.query import answer
from eyeward.annotate.record import read_run
from eyeward.verdict import Rating

MOST_CLASSES = 1000
NO_CLASS = "(none)"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClassEffect(_Record):
    """What happens to one class."""

    name: str
    rows: int
    removed: Count
    """Rows that are not rated Safe, which is what an export leaves out: Unsafe, Review and errors."""
    unsafe: Count


class ClassEffects(_Record):
    """What happens to the classes under one policy."""

    policy: str
    policy_hash: str
    column: str
    classes: int
    removed: Count
    """Over all classes."""
    effects: tuple[ClassEffect, ...]
    """Those that lose most, surely: in the order of the lower ends of their intervals; at most a thousand."""


def class_effects(folder: Path, column: str, source: Sequence[str] | None = None) -> tuple[ClassEffects, ...]:
    """Count what each class loses under each policy of a run, by a column of the dataset.

    Raises:
        UsageError: when the run is not finished, the dataset is not as it was, or has no such column.
    """
    record = read_run(folder)
    quoted = '"' + column.replace('"', '""') + '"'
    sql = (
        f"SELECT policy_hash, coalesce({quoted}::VARCHAR, '{NO_CLASS}'), count(*), "
        f"count(*) FILTER (rating IS DISTINCT FROM '{Rating.Safe}'), count(*) FILTER (rating = '{Rating.Unsafe}') "
        "FROM annotated GROUP BY 1, 2 ORDER BY 1, 2"
    )
    rows = list(answer(folder, sql, source, only=[column]).rows)
    return tuple(
        _effects(policy.name, policy.hash, column, [row[1:] for row in rows if row[0] == policy.hash])
        for policy in record.policies
    )


def _effects(policy: str, hash: str, column: str, rows: Sequence[tuple[str, int, int, int]]) -> ClassEffects:
    found = [
        ClassEffect(name=name, rows=count, removed=Count.of(removed, count), unsafe=Count.of(unsafe, count))
        for name, count, removed, unsafe in rows
    ]
    found.sort(key=lambda effect: (-effect.removed.low, -effect.removed.share, effect.name))
    return ClassEffects(
        policy=policy,
        policy_hash=hash,
        column=column,
        classes=len(found),
        removed=Count.of(sum(effect.removed.count for effect in found), sum(effect.rows for effect in found)),
        effects=tuple(found[:MOST_CLASSES]),
    )
