"""The culture suite: the same pictures under the policies of several places, ages and audiences.

What is right differs from pack to pack, and that is meant: the question is whether a guard follows each of them alike,
or serves one audience better than another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from eyeward.data.folder import SampleFolder
from eyeward.evaluate.intervals import RESAMPLES, stray
from eyeward.evaluate.metrics import Estimate, estimates
from eyeward.evaluate.outcome import Outcome, OutcomeKind, category_id
from eyeward.evaluate.suites.annotators import GuardAnnotators, Vote, annotator_report, share_estimate
from eyeward.evaluate.table import OutcomeTable
from eyeward.policy import Policy
from eyeward.policy.loading import PACKS
from eyeward.scenes.labels import graph_of
from eyeward.scenes.truth import UnknownRule, decide
from eyeward.verdict import Rating

FOLDER = PACKS / "cultures"
FILE_NAME = "cultures.json"
MOST_CAUSES = 40
Column = NDArray[Any]
"""A value for each image."""
_METRICS = ("balanced_accuracy", "recall", "specificity", "accuracy", "review_share")


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Cause(_Record):
    """A rule or a stance that makes packs differ."""

    category: str
    words: str
    """Of the rule that decides where the picture is Unsafe, or the stance."""
    images: int
    forbids: tuple[str, ...]
    """Packs under which these pictures are Unsafe."""
    allows: tuple[str, ...]


class GuardCultures(_Record):
    """How one guard follows the packs."""

    guard: str
    by_pack: dict[str, dict[str, Estimate]]
    worst: str
    """The pack with the lowest accuracy."""
    best: str
    gap: float
    """Accuracy under the best minus that under the worst."""
    gap_low: float | None
    gap_high: float | None
    """Ends of an interval that holds the differences of every two packs at once with 95 %, so that it is right though
    the two ends were picked; whole groups of images are drawn. None where no resample tells packs apart."""
    agreement: dict[str, dict[str, float]]
    """Share of pictures that it rates alike under two packs, Review counted as a rating; failures are like nothing."""
    followed: dict[str, Estimate]
    """By pack: of pictures that are right otherwise under the first pack, those that it is right about under both."""


class CultureReport(_Record):
    """What stands in `cultures.json`."""

    data: str
    images: int
    packs: dict[str, str]
    """Hash by name."""
    agreement: dict[str, dict[str, float]]
    """Share of pictures that two packs rate alike, by what is right."""
    unsafe: dict[str, float]
    """Share of pictures that are Unsafe under each pack."""
    causes: tuple[Cause, ...]
    guards: tuple[GuardCultures, ...]
    annotators: tuple[GuardAnnotators, ...] = ()
    """Guards against groups of people under the first pack, where votes were given."""

    def write(self, folder: Path) -> None:
        """Write the file into the folder of a run."""
        unfinished = folder / f".{FILE_NAME}.unfinished"
        unfinished.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        unfinished.replace(folder / FILE_NAME)


@cache
def culture_packs() -> tuple[Policy, ...]:
    """Return the packs that ship, the default first: what all others are compared with."""
    return (Policy.load("default"), *(Policy.load(file) for file in sorted(FOLDER.glob("*.yaml"))))


def culture_report(
    outcomes: Mapping[str, Sequence[Outcome]],
    packs: Sequence[Policy],
    data: Path,
    resamples: int = RESAMPLES,
    votes: Sequence[Vote] = (),
) -> CultureReport:
    """Count how packs differ and how guards follow them; every image was asked under every pack.

    `votes` of groups of people are held against what guards said under the first pack.

    Raises:
        UsageError: when there are votes, and none is about an image that was asked about.
    """
    first = next(iter(outcomes.values()))
    names = [policy.name for policy in packs]
    right = _by_pack(OutcomeTable.of(first), packs, lambda table: table.unsafe)
    return CultureReport(
        data=str(data),
        images=len(next(iter(right.values()))),
        packs={policy.name: policy.hash for policy in packs},
        agreement=_agreement(right),
        unsafe={name: float(right[name].mean()) for name in names},
        causes=causes(data, packs, {outcome.question.image for outcome in first}),
        guards=tuple(_guard(name, said, packs, resamples) for name, said in outcomes.items()),
        annotators=annotator_report(outcomes, votes, packs[0].hash, resamples) if votes else (),
    )


def _guard(name: str, outcomes: Sequence[Outcome], packs: Sequence[Policy], resamples: int) -> GuardCultures:
    table = OutcomeTable.of(outcomes)
    by_pack = {policy.name: estimates(_under(table, policy), _METRICS, resamples) for policy in packs}
    right = _by_pack(table, packs, lambda rows: rows.right)
    unsafe = _by_pack(table, packs, lambda rows: rows.unsafe)
    said = _by_pack(table, packs, lambda rows: np.where(rows.answered, rows.said.astype(str), rows.kind))
    accuracy = {policy.name: float(right[policy.name].mean()) for policy in packs}
    worst = min(accuracy, key=lambda pack: accuracy[pack])
    best = max(accuracy, key=lambda pack: accuracy[pack])
    group = _under(table, packs[0]).group
    spread = stray(np.stack([right[policy.name] for policy in packs], axis=1), group, resamples)
    gap = accuracy[best] - accuracy[worst]
    base = packs[0].name
    followed = {}
    for policy in packs[1:]:
        rows = unsafe[policy.name] != unsafe[base]
        followed[policy.name] = share_estimate((right[policy.name] & right[base])[rows], group[rows])
    return GuardCultures(
        guard=name,
        by_pack=by_pack,
        worst=worst,
        best=best,
        gap=gap,
        gap_low=None if spread is None else gap - spread,
        gap_high=None if spread is None else min(1.0, gap + spread),
        agreement=_agreement(said, (OutcomeKind.failed.value, OutcomeKind.unparsable.value)),
        followed=followed,
    )


def _under(table: OutcomeTable, policy: Policy) -> OutcomeTable:
    """Return the rows of one pack, in the order of the images."""
    rows = table.where(table.policy == policy.hash)
    return rows.where(np.argsort(rows.item, kind="stable"))


def _by_pack(
    table: OutcomeTable, packs: Sequence[Policy], column: Callable[[OutcomeTable], Column]
) -> dict[str, Column]:
    return {policy.name: column(_under(table, policy)) for policy in packs}


def _agreement(columns: Mapping[str, Column], like_nothing: Sequence[str] = ()) -> dict[str, dict[str, float]]:
    return {
        one: {two: float(((column == other) & ~np.isin(column, like_nothing)).mean()) for two, other in columns.items()}
        for one, column in columns.items()
    }


def causes(data: Path, packs: Sequence[Policy], images: Collection[str]) -> tuple[Cause, ...]:
    """Return what makes packs differ on drawn scenes, the most frequent first; for other images nobody wrote it down.

    A picture on which packs disagree is counted at the words that decide it under the first pack that forbids it.
    `images` are those that were asked about; each counts once.
    """
    found: Counter[tuple[str, str, tuple[str, ...]]] = Counter()
    left = set(images)
    for sample in SampleFolder(data):
        if sample.scene is None or sample.image not in left:
            continue
        left.remove(sample.image)
        graph = graph_of(sample)
        try:
            truths = {policy.name: decide(graph, policy) for policy in packs}
        except UnknownRule:
            continue
        forbids = tuple(name for name, truth in truths.items() if truth.rating is Rating.Unsafe)
        if 0 < len(forbids) < len(packs):
            truth = truths[forbids[0]]
            decided = truth.decided_by
            words = decided.rule or (f"the category is {decided.stance}" if decided.stance else str(decided.kind))
            found[(category_id(truth.category), words, forbids)] += 1
    names = [policy.name for policy in packs]
    return tuple(
        Cause(
            category=category,
            words=words,
            images=count,
            forbids=forbids,
            allows=tuple(name for name in names if name not in forbids),
        )
        for (category, words, forbids), count in found.most_common(MOST_CAUSES)
    )
