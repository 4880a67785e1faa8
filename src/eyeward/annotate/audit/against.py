"""Two answers to the same images beside each other: two policies of a run, or two runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from eyeward.annotate.audit.counts import Count
from eyeward.annotate.query import VERDICTS, connected, view
from eyeward.annotate.record import RunRecord, read_run
from eyeward.errors import UsageError
from eyeward.policy import Policy
from eyeward.verdict import Rating

if TYPE_CHECKING:
    import duckdb

MOST_DIFFERENT = 50
_OTHER = "other_verdicts"
_ERROR = "error"
WORDS = (*map(str, Rating), _ERROR)
"""What a row can say: a rating, or none."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Difference(_Record):
    """How much larger a share is in the first answer, with an interval of 95 % for pairs."""

    value: float
    low: float
    high: float

    @classmethod
    def of_pairs(cls, only_first: int, only_second: int, pairs: int) -> Difference:
        """Compare two shares of the same images by those that are in one of them only.

        What McNemar's test counts, as an interval: Wald's after adding one to either count and two to the pairs, which
        keeps its level where they are few (Bonett and Price, 2012).
        """
        if pairs == 0:
            return cls(value=0.0, low=-1.0, high=1.0)
        one, two = (only_first + 1) / (pairs + 2), (only_second + 1) / (pairs + 2)
        half = NormalDist().inv_cdf(0.975) * math.sqrt((one + two - (one - two) ** 2) / (pairs + 2))
        value = (only_first - only_second) / pairs
        return cls(
            value=value, low=max(-1.0, min(value, one - two - half)), high=min(1.0, max(value, one - two + half))
        )


class Disagreement(_Record):
    """An image of which the two say different things."""

    shard: str
    index: int
    key: str
    first: str
    second: str
    first_p_unsafe: float | None
    second_p_unsafe: float | None


class Comparison(_Record):
    """What two answers say of the images that both are about."""

    first: str
    second: str
    images: int
    only_first: int
    only_second: int
    """Images that only one of them is about; they are left out."""
    changed: int
    """Images whose bytes were others in the second run; they are left out."""
    table: dict[str, dict[str, int]]
    """Images by what the first says, then by what the second says."""
    agree: Count
    unsafe: Difference
    """The share rated Unsafe."""
    not_kept: Difference
    """The share that is not rated Safe, which is what an export would leave out."""
    different: tuple[Disagreement, ...]
    """Those that disagree, the farthest apart first; at most fifty."""


def against_policy(folder: Path, name: str, policy: str | None = None) -> tuple[Comparison, ...]:
    """Compare policies of a run with the one of this name: all others, or the one that is named.

    Raises:
        UsageError: when the run did not ask about them.
    """
    record = read_run(folder)
    base = connected(folder)
    second = _named(record, name)
    firsts = [found for found in record.policies if found.hash != second.hash and policy in (None, found.name)]
    if not firsts:
        raise UsageError(f"The run asked about no policy to compare with {name!r}; {_asked_about(record)}.")
    return tuple(
        _compared(base, (VERDICTS, first.hash, first.name), (VERDICTS, second.hash, second.name)) for first in firsts
    )


def against_run(folder: Path, other: Path, policy: str | None = None) -> tuple[Comparison, ...]:
    """Compare a run with another of the same dataset: under each policy that both asked about, or the one named.

    Policies are the same when they say the same, or else when they are called the same.

    Raises:
        UsageError: when they have no policy in common, or answer different datasets.
    """
    here, there = read_run(folder), read_run(other)
    base = connected(folder)
    view(base, _OTHER, other)
    pairs = []
    for first in here.policies:
        matches = [p for p in there.policies if p.hash == first.hash] or [
            p for p in there.policies if p.name == first.name
        ]
        if policy in (None, first.name) and matches:
            pairs.append((first, matches[0]))
    if not pairs:
        raise UsageError(
            f"{folder} and {other} have no policy in common: {_asked_about(here)}, and {_asked_about(there)} there."
        )
    return tuple(
        _compared(
            base,
            (VERDICTS, one.hash, f"{one.name}, {folder.name}"),
            (_OTHER, two.hash, f"{two.name}, {other.name}"),
        )
        for one, two in pairs
    )


def _compared(base: duckdb.DuckDBPyConnection, first: tuple[str, str, str], second: tuple[str, str, str]) -> Comparison:
    """Compare two answers, each a view, the hash of a policy and a title."""

    def rows(of: str, parameter: int) -> str:
        return (
            f"(SELECT shard, index, key, sha256, p_unsafe, coalesce(rating, '{_ERROR}') AS said FROM {of} "
            f"WHERE policy_hash = ${parameter})"
        )

    def asked(sql: str) -> Sequence[tuple[Any, ...]]:
        return base.execute(sql, [first[1], second[1]]).fetchall()

    joined = f'{rows(first[0], 1)} AS a FULL JOIN {rows(second[0], 2)} AS b USING (shard, "index")'
    both = "a.said IS NOT NULL AND b.said IS NOT NULL"
    same = f"{both} AND NOT coalesce(a.sha256 <> b.sha256, false)"
    ((only_first, only_second, changed, strange),) = asked(
        f"SELECT count(*) FILTER (b.said IS NULL), count(*) FILTER (a.said IS NULL), "
        f"count(*) FILTER ({both} AND a.sha256 <> b.sha256), count(*) FILTER ({both} AND a.key <> b.key) FROM {joined}"
    )
    if strange:
        raise UsageError(
            f"{first[2]} and {second[2]} answer different datasets: {strange:,} images have other keys; compare runs "
            "over the same one."
        )
    table = {one: dict.fromkeys(WORDS, 0) for one in WORDS}
    for one, two, count in asked(f"SELECT a.said, b.said, count(*) FROM {joined} WHERE {same} GROUP BY 1, 2"):
        table[str(one)][str(two)] = int(count)
    different = asked(
        "SELECT shard, index, a.key, a.said, b.said, a.p_unsafe, b.p_unsafe "
        f"FROM {joined} WHERE {same} AND a.said <> b.said "
        f"ORDER BY abs(a.p_unsafe - b.p_unsafe) DESC NULLS LAST, shard, index LIMIT {MOST_DIFFERENT}"
    )
    images = sum(sum(row.values()) for row in table.values())

    def compared_on(words: Sequence[str]) -> Difference:
        only_first = sum(table[one][two] for one in words for two in WORDS if two not in words)
        only_second = sum(table[one][two] for one in WORDS if one not in words for two in words)
        return Difference.of_pairs(only_first, only_second, images)

    return Comparison(
        first=first[2],
        second=second[2],
        images=images,
        only_first=only_first,
        only_second=only_second,
        changed=changed,
        table=table,
        agree=Count.of(sum(table[word][word] for word in WORDS), images),
        unsafe=compared_on([Rating.Unsafe.value]),
        not_kept=compared_on([word for word in WORDS if word != Rating.Safe.value]),
        different=tuple(Disagreement(**dict(zip(Disagreement.model_fields, row, strict=True))) for row in different),
    )


def _named(record: RunRecord, name: str) -> Policy:
    found = [policy for policy in record.policies if policy.name == name]
    if not found:
        raise UsageError(f"The run did not ask about {name!r}; {_asked_about(record)}.")
    return found[0]


def _asked_about(record: RunRecord) -> str:
    return f"it asked about {', '.join(policy.name for policy in record.policies)}"
