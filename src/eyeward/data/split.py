"""Sides for groups of images: stratified, the same for the same seed, and hardly moved by images that come later.

A stratum is a category with a severity, or with a rating where no severity is known. Within a stratum groups stand in
the order of a hash of their own name and the seed; the first ones go to the test side until it is full, the next ones
to the validation side, the rest is for training. A group is never divided.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from eyeward.data.sample import Severity, Split
from eyeward.verdict import Rating

_BAD_FIRST = (*Severity, Rating.Unsafe, Rating.Safe)
_PROTECTED_FIRST = (Split.TEST, Split.VALIDATION, Split.TRAIN)
"""Where the copies of one image were put on several sides, the first of these keeps it."""


@dataclass(frozen=True, order=True, slots=True)
class Stratum:
    """What a side holds its share of."""

    category: str
    """The id."""
    level: str
    """A severity, or a rating where none is known."""

    @property
    def unsafe(self) -> bool:
        """Whether its images are violations."""
        if self.level in (Rating.Safe, Rating.Unsafe):
            return self.level == Rating.Unsafe
        return Severity(self.level).rating is Rating.Unsafe


class Amount(BaseModel):
    """How many images a side gets: a share of every stratum, a number, or a number of every unsafe stratum."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: float | None = Field(default=None, ge=0.0, lt=1.0)
    images: int | None = Field(default=None, ge=0)
    """Of all strata, or of the safe ones beside `unsafe_each`."""
    unsafe_each: int | None = Field(default=None, ge=0)
    """Images of each unsafe stratum."""

    @model_validator(mode="after")
    def _is_one_amount(self) -> Self:
        if (self.share is None) == (self.images is None):
            raise ValueError("give either a share or a number of images")
        if self.unsafe_each is not None and self.images is None:
            raise ValueError("unsafe_each needs the number of safe images beside it")
        return self

    def quotas(self, sizes: Mapping[Stratum, int]) -> dict[Stratum, int]:
        """Return the images that this amount asks of strata of these sizes, which may be more than they have."""
        if self.unsafe_each is None:
            share = self.share if self.share is not None else _ratio(self.images or 0, sum(sizes.values()))
            return _apportioned(sizes, share)
        safe = {stratum: size for stratum, size in sizes.items() if not stratum.unsafe}
        each = {stratum: self.unsafe_each for stratum in sizes if stratum.unsafe}
        return each | _apportioned(safe, _ratio(self.images or 0, sum(safe.values())))


class Plan(BaseModel):
    """What is held back from training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    test: Amount = Amount(share=0.1)
    validation: Amount = Amount(share=0.1)
    seed: int = 0


class Preset(StrEnum):
    """Plans with a name."""

    standard = "standard"
    """A tenth each for test and validation."""
    paper = "paper"
    """As LlavaGuard held back: 5 images of each unsafe category and severity, and 374 safe ones, for test (with its
    augmentation 824 samples); 71 for validation."""

    def plan(self, seed: int = 0) -> Plan:
        """Return the plan."""
        if self is Preset.standard:
            return Plan(seed=seed)
        return Plan(test=Amount(unsafe_each=5, images=374), validation=Amount(images=71), seed=seed)


@dataclass(frozen=True, slots=True)
class Member:
    """An image of a group, with what it is stratified by and the side that it was given before."""

    group: str
    stratum: Stratum
    split: Split | None = None


@dataclass(frozen=True, slots=True)
class Sides:
    """The side of every group."""

    of: Mapping[str, Split]
    crossing: frozenset[str]
    """Groups whose images had been given different sides; the most protected one keeps them."""
    missing: Mapping[Split, Mapping[Stratum, int]] = field(default_factory=dict)
    """Images that a side lacks, because a stratum is too small or its groups are too large."""


def split(members: Iterable[Member], plan: Plan) -> Sides:
    """Put every group on a side. Groups that were given one keep it and count towards its share."""
    sizes: Counter[str] = Counter()
    strata: dict[str, Stratum] = {}
    given: defaultdict[str, set[Split]] = defaultdict(set)
    for member in members:
        sizes[member.group] += 1
        known = strata.setdefault(member.group, member.stratum)
        strata[member.group] = min(known, member.stratum, key=_badness)
        if member.split is not None:
            given[member.group].add(member.split)
    sides = {group: next(side for side in _PROTECTED_FIRST if side in had) for group, had in given.items()}
    totals: Counter[Stratum] = Counter()
    for group, stratum in strata.items():
        totals[stratum] += sizes[group]
    in_order = sorted(strata, key=lambda group: _chance(plan.seed, group))
    missing: dict[Split, Mapping[Stratum, int]] = {}
    for side, amount in ((Split.TEST, plan.test), (Split.VALIDATION, plan.validation)):
        left = amount.quotas(totals)
        for group, chosen in sides.items():
            if chosen is side:
                left[strata[group]] -= sizes[group]
        for group in in_order:
            stratum = strata[group]
            if group not in sides and sizes[group] <= left[stratum]:
                sides[group] = side
                left[stratum] -= sizes[group]
        missing[side] = {stratum: number for stratum, number in sorted(left.items()) if number > 0}
    for group in strata:
        sides.setdefault(group, Split.TRAIN)
    crossing = frozenset(group for group, had in given.items() if len(had) > 1)
    return Sides(sides, crossing, missing)


def _chance(seed: int, group: str) -> tuple[bytes, str]:
    return hashlib.sha256(f"split\x1f{seed}\x1f{group}".encode()).digest(), group


def _badness(stratum: Stratum) -> tuple[int, Stratum]:
    return _BAD_FIRST.index(stratum.level), stratum


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _apportioned(sizes: Mapping[Stratum, int], share: float) -> dict[Stratum, int]:
    """Return whole numbers near `share` of each size, with the nearest total (largest remainders)."""
    exact = {stratum: share * size for stratum, size in sizes.items()}
    quotas = {stratum: math.floor(number + 1e-9) for stratum, number in exact.items()}
    rest = round(sum(exact.values())) - sum(quotas.values())
    by_remainder = sorted(exact, key=lambda stratum: (quotas[stratum] - exact[stratum], stratum))
    for stratum in by_remainder[: max(rest, 0)]:
        quotas[stratum] += 1
    return quotas
