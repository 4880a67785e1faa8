"""Labels by groups of people: does a guard side with one group against another?

Where people of one group disagree among themselves, no guard can side with all of them, so the share of them that it
agrees with stands beside its accuracy against their majority.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from eyeward.errors import DataError, UsageError, described
from eyeward.evaluate.intervals import RESAMPLES, group_weights, percentile_interval
from eyeward.evaluate.metrics import Estimate
from eyeward.evaluate.outcome import Outcome
from eyeward.evaluate.table import Floats, Numbers
from eyeward.verdict import Rating


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
    low: float | None
    high: float | None

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


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
        gaps=tuple(
            gap
            for place, one in enumerate(names)
            for two in names[place + 1 :]
            if (gap := _gap(one, groups[one], two, groups[two], said, resamples)) is not None
        ),
    )


def _group(
    by_image: Mapping[str, Sequence[Rating]], people: int, said: Mapping[str, Outcome], resamples: int
) -> GroupResult:
    decided = {image: majority for image, votes in by_image.items() if (majority := _majority(votes)) is not None}
    right = np.array([_says(said[image], rating) for image, rating in decided.items()], np.float64)
    shared = [np.mean([_says(said[image], vote) for vote in votes]) for image, votes in by_image.items()]
    unity = [max(votes.count(rating) for rating in votes) / len(votes) for votes in map(list, by_image.values())]
    return GroupResult(
        annotators=people,
        images=len(by_image),
        ties=len(by_image) - len(decided),
        accuracy=_estimate(right, _groups_of(list(decided), said), resamples),
        shared=_estimate(np.array(shared, np.float64), _groups_of(list(by_image), said), resamples),
        unity=float(np.mean(unity)) if unity else None,
    )


def _gap(
    one: str,
    first: Mapping[str, Sequence[Rating]],
    two: str,
    second: Mapping[str, Sequence[Rating]],
    said: Mapping[str, Outcome],
    resamples: int,
) -> GroupGap | None:
    both = [i for i in first if i in second and None not in (_majority(first[i]), _majority(second[i]))]
    if not both:
        return None
    margin = np.array(
        [_says(said[i], _majority(first[i])) - _says(said[i], _majority(second[i])) for i in both], np.float64
    )
    interval = _interval(margin, _groups_of(both, said), resamples)
    return GroupGap(
        first=one,
        second=two,
        images=len(both),
        value=float(margin.mean()),
        low=None if interval is None else interval[0],
        high=None if interval is None else interval[1],
    )


def _majority(votes: Sequence[Rating]) -> Rating | None:
    unsafe = sum(vote is Rating.Unsafe for vote in votes)
    if 2 * unsafe == len(votes):
        return None
    return Rating.Unsafe if 2 * unsafe > len(votes) else Rating.Safe


def _says(outcome: Outcome, rating: Rating | None) -> int:
    return int(outcome.verdict.rating is rating and rating is not None)


def _groups_of(images: Sequence[str], said: Mapping[str, Outcome]) -> Numbers:
    groups = [said[image].question.group for image in images]
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    return np.array([numbers[group] for group in groups], np.int64)


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
