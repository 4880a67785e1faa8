"""Labels by groups of people: does a guard side with one group against another?

Where people of one group disagree among themselves, no guard can side with all of them, so the share of them that it
agrees with stands beside its accuracy against their majority.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from eyeward.errors import DataError, UsageError, described
from eyeward.evaluate.intervals import RESAMPLES, group_weights, percentile_interval, share_interval
from eyeward.evaluate.metrics import Estimate
from eyeward.evaluate.outcome import Outcome
from eyeward.evaluate.shares import Share
from eyeward.evaluate.suites.differences import differences_of
from eyeward.evaluate.table import Bools, Floats, Numbers
from eyeward.verdict import Rating

SURE = 0.05
"""Chance up to which a gap is marked."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Vote(_Record):
    """What one person says of one image."""

    image: str = Field(min_length=1)
    """As the labels name it."""
    annotator: str = Field(min_length=1)
    group: str = Field(min_length=1)
    rating: Rating

    @field_validator("rating")
    @classmethod
    def _is_a_label(cls, rating: Rating) -> Rating:
        if rating is Rating.Review:
            raise ValueError("a label is Safe or Unsafe; Review is what a guard says")
        return rating


class GroupResult(_Record):
    """A guard against one group of people."""

    annotators: int
    images: int
    """With a vote of the group, among those that the guard was asked about."""
    ties: int
    """Images without a majority; they are in `shared` alone."""
    accuracy: Estimate
    """Against the majority; Review and failures are wrong."""
    shared: Estimate
    """The share of the group's people who say what the guard says, mean over images."""
    unity: float | None
    """The share of the group's people who say what most of them say, mean over images: `shared` cannot be more."""


class GroupGap(_Record):
    """How much more often a guard is with the majority of one group than of another, on images that both voted on."""

    first: str
    second: str
    images: int
    value: float
    low: float
    high: float
    """Ends of the interval of 95 %: other images, the same people."""
    chance: float
    """Of such a gap, did the guard side with both alike: McNemar's exact test, adjusted after Holm for all gaps of the
    guard."""

    @property
    def sure(self) -> bool:
        """Whether it is more than luck, though every two groups were compared."""
        return self.chance <= SURE


class GuardAnnotators(_Record):
    """A guard against all groups."""

    guard: str
    groups: dict[str, GroupResult]
    gaps: tuple[GroupGap, ...]


def read_votes(file: Path) -> tuple[Vote, ...]:
    """Read votes, one a line: `{"image": …, "annotator": …, "group": …, "rating": "Safe"}`.

    Raises:
        DataError: with file and line, for a line that is no vote, and for a person who votes twice on an image.
        UsageError: when the file cannot be read.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"{file} cannot be read as votes: {problem}.") from problem
    votes: list[Vote] = []
    seen: set[tuple[str, str]] = set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            vote = Vote.model_validate_json(line)
        except ValidationError as problem:
            raise DataError(f"{described(problem)}.", file, number) from None
        if (vote.annotator, vote.image) in seen:
            raise DataError(f"{vote.annotator!r} votes on {vote.image!r} twice; keep one of them.", file, number)
        seen.add((vote.annotator, vote.image))
        votes.append(vote)
    return tuple(votes)


def annotator_report(
    outcomes: Mapping[str, Sequence[Outcome]], votes: Sequence[Vote], policy_hash: str, resamples: int = RESAMPLES
) -> tuple[GuardAnnotators, ...]:
    """Hold what guards said under one policy against the votes of each group.

    Raises:
        UsageError: when nobody voted on an image that was asked about.
    """
    return tuple(
        _guard(name, [o for o in said if o.question.policy_hash == policy_hash], votes, resamples)
        for name, said in outcomes.items()
    )


def _guard(name: str, outcomes: Sequence[Outcome], votes: Sequence[Vote], resamples: int) -> GuardAnnotators:
    said = {outcome.question.image: outcome for outcome in outcomes}
    groups: dict[str, dict[str, list[Rating]]] = {}
    people: dict[str, set[str]] = {}
    for vote in votes:
        if vote.image in said:
            groups.setdefault(vote.group, {}).setdefault(vote.image, []).append(vote.rating)
            people.setdefault(vote.group, set()).add(vote.annotator)
    if not groups:
        raise UsageError("No vote is about an image that was asked about; name images as labels.jsonl does.")
    names = sorted(groups)
    return GuardAnnotators(
        guard=name,
        groups={group: _group(groups[group], len(people[group]), said, resamples) for group in names},
        gaps=_gaps({group: groups[group] for group in names}, said),
    )


def _group(
    by_image: Mapping[str, Sequence[Rating]], people: int, said: Mapping[str, Outcome], resamples: int
) -> GroupResult:
    decided = {image: majority for image, votes in by_image.items() if (majority := _majority(votes)) is not None}
    right = np.array([_says(said[image], rating) for image, rating in decided.items()], bool)
    shared = [np.mean([_says(said[image], vote) for vote in votes]) for image, votes in by_image.items()]
    unity = [max(votes.count(rating) for rating in votes) / len(votes) for votes in map(list, by_image.values())]
    return GroupResult(
        annotators=people,
        images=len(by_image),
        ties=len(by_image) - len(decided),
        accuracy=share_estimate(right, _groups_of(list(decided), said)),
        shared=_estimate(np.array(shared, np.float64), _groups_of(list(by_image), said), resamples),
        unity=float(np.mean(unity)) if unity else None,
    )


def _gaps(groups: Mapping[str, Mapping[str, Sequence[Rating]]], said: Mapping[str, Outcome]) -> tuple[GroupGap, ...]:
    """Compare every two groups on the images of which both have a majority."""
    majorities = {
        name: {image: majority for image, votes in by_image.items() if (majority := _majority(votes)) is not None}
        for name, by_image in groups.items()
    }
    margins: dict[tuple[str, str], tuple[Floats, Numbers]] = {}
    for one, two in combinations(majorities, 2):
        first, second = majorities[one], majorities[two]
        both = [image for image in first if image in second]
        if both:
            differences = [_says(said[image], first[image]) - _says(said[image], second[image]) for image in both]
            margins[one, two] = np.array(differences, np.float64), _groups_of(both, said)
    return tuple(
        GroupGap(first=one, second=two, images=len(margins[one, two][0]), **found._asdict())
        for (one, two), found in differences_of(margins).items()
    )


def _majority(votes: Sequence[Rating]) -> Rating | None:
    unsafe = sum(vote is Rating.Unsafe for vote in votes)
    if 2 * unsafe == len(votes):
        return None
    return Rating.Unsafe if 2 * unsafe > len(votes) else Rating.Safe


def _says(outcome: Outcome, rating: Rating) -> int:
    return int(outcome.verdict.rating is rating)


def _groups_of(images: Sequence[str], said: Mapping[str, Outcome]) -> Numbers:
    groups = [said[image].question.group for image in images]
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    return np.array([numbers[group] for group in groups], np.int64)


def share_estimate(hits: Bools, group: Numbers) -> Estimate:
    """Return a share of questions with Wilson's interval, questions of one group taken as one."""
    if not len(hits):
        return Estimate(value=None, count=0)
    low, high = share_interval(Share(np.ones(len(hits), bool), hits), group)
    return Estimate(value=float(hits.mean()), low=low, high=high, count=len(hits))


def _estimate(values: Floats, group: Numbers, resamples: int) -> Estimate:
    interval = _interval(values, group, resamples)
    return Estimate(
        value=float(values.mean()) if len(values) else None,
        low=None if interval is None else interval[0],
        high=None if interval is None else interval[1],
        count=len(values),
    )


def _interval(values: Floats, group: Numbers, resamples: int) -> tuple[float, float] | None:
    if not len(values):
        return None
    drawn = [weights @ values / weights.sum(axis=1) for weights in group_weights(group, resamples, 0)]
    return percentile_interval(np.concatenate(drawn))
