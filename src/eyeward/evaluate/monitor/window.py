"""A window: what a guard said about the images of some days, as counts. A line of a counter log is one of these.

Nothing of a window shows an image: a service may keep such counts where it may keep nothing else.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from eyeward.engine.rating import log_odds
from eyeward.errors import UsageError
from eyeward.evaluate.outcome import category_id
from eyeward.images.statistics import RANGES
from eyeward.verdict import ModelRef, Rating

ERROR = "error"
"""In place of a rating: the image could not be judged."""
NONE = "none"
"""In place of a category: nothing was named."""
BINS = 50
"""Scores are counted by their log-odds: a bin each half, from -12 to 12, and one at each end."""
LOWEST, WIDTH = -12.0, 0.5
STATISTIC_BINS = 40
"""Numbers about images are counted in so many bins of equal width over their range; what is beyond goes to the ends."""


class Label(BaseModel):
    """What a person says of an image of the window, beside what the guard said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    truth: Rating
    said: str
    """A rating, or `error`."""

    @property
    def agrees(self) -> bool:
        """Whether they say the same; Review and errors agree with nothing."""
        return self.said == self.truth.value


class Window(BaseModel):
    """Counts of one window under one policy."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    """What people call it: a week, a run."""
    policy: str
    """Hash of the policy that was asked."""
    model: ModelRef
    images: int = Field(ge=0)
    ratings: dict[str, int]
    """By rating; images without one under `error`."""
    categories: dict[str, int]
    """By id of the category that was named, whatever the rating; `none` where none was."""
    scores: tuple[int, ...] = (0,) * BINS
    """Images by the log-odds of `p_unsafe`; images without one are in no bin."""
    statistics: dict[str, tuple[int, ...]] = {}
    """By name of a number about images (`eyeward.images.statistics`): images in each bin. Empty where none was kept."""
    labels: tuple[Label, ...] = ()
    """In the order in which they were made."""
    canaries: dict[str, str] = {}
    """Ratings by the SHA-256 of canary images: pictures that are put into every window on purpose."""
    notices: tuple[str, ...] = ()
    """What is to be known of these counts, such as that images of the window are missing. Sentences."""

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        for what, counts in (("ratings", self.ratings), ("categories", self.categories)):
            if any(count < 0 for count in counts.values()) or sum(counts.values()) != self.images:
                raise ValueError(f"the {what} of window {self.name!r} do not add up to its {self.images} images")
        if len(self.scores) != BINS or min(self.scores) < 0 or sum(self.scores) > self.images:
            raise ValueError(f"the scores of window {self.name!r} are not {BINS} counts of its images")
        for name, bins in self.statistics.items():
            if name not in RANGES or len(bins) != STATISTIC_BINS:
                raise ValueError(f"window {self.name!r} counts {name!r}, which is unknown, or in other bins")
            if min(bins) < 0 or sum(bins) > self.images:
                raise ValueError(f"the counts of {name} in window {self.name!r} are no counts of its images")
        return self


@dataclass
class Counting:
    """Counts verdicts into a window, one at a time."""

    name: str
    policy: str
    model: ModelRef
    canaries: Collection[str] = ()
    """SHA-256 of images to remember one by one. They are counted nowhere else: they are no traffic."""
    _ratings: Counter[str] = field(default_factory=Counter)
    _categories: Counter[str] = field(default_factory=Counter)
    _scores: list[int] = field(default_factory=lambda: [0] * BINS)
    _statistics: dict[str, list[int]] = field(default_factory=dict)
    _labels: list[Label] = field(default_factory=list)
    _canaries: dict[str, str] = field(default_factory=dict)
    _labelled: set[str] = field(default_factory=set)

    def add(
        self,
        rating: str | None,
        category: str | None,
        p_unsafe: float | None,
        sha256: str | None = None,
        truth: Rating | None = None,
        statistics: Mapping[str, float] | None = None,
    ) -> None:
        """Count one image; `rating` is None where it could not be judged. `statistics` are numbers about it by name.

        `truth` is what a person says. A label counts once, however often its image comes: copies are no new evidence.
        """
        said = ERROR if rating is None else rating
        if sha256 is not None and sha256 in self.canaries:
            before = self._canaries.setdefault(sha256, said)
            self._canaries[sha256] = said if before == said else f"{before}, then {said}"
            return
        self._ratings[said] += 1
        self._categories[category_id(category) or NONE] += 1
        if p_unsafe is not None:
            self._scores[score_bin(p_unsafe)] += 1
        for name, value in (statistics or {}).items():
            self._statistics.setdefault(name, [0] * STATISTIC_BINS)[statistic_bin(name, value)] += 1
        if truth is not None and sha256 not in self._labelled:
            self._labelled |= {sha256} if sha256 is not None else set()
            self._labels.append(Label(truth=truth, said=said))

    def finish(self) -> Window:
        """Return the window."""
        return Window(
            name=self.name,
            policy=self.policy,
            model=self.model,
            images=self._ratings.total(),
            ratings=dict(sorted(self._ratings.items())),
            categories=dict(sorted(self._categories.items())),
            scores=tuple(self._scores),
            statistics={name: tuple(counts) for name, counts in sorted(self._statistics.items())},
            labels=tuple(self._labels),
            canaries=dict(sorted(self._canaries.items())),
        )


def score_bin(p_unsafe: float) -> int:
    """Return the bin of a probability; the higher, the higher."""
    return min(BINS - 1, max(0, math.floor((log_odds(p_unsafe) - LOWEST) / WIDTH) + 1))


def statistic_bin(name: str, value: float) -> int:
    """Return the bin of a number about an image."""
    low, high = RANGES[name]
    return min(STATISTIC_BINS - 1, max(0, math.floor((value - low) / (high - low) * STATISTIC_BINS)))


def pooled(windows: Sequence[Window], name: str = "reference") -> Window:
    """Put windows together; labels and notices in their order, canaries as the last window has them.

    Raises:
        UsageError: when there are none, or they were asked under several policies.
    """
    if not windows:
        raise UsageError("There is no window to compare with; name a run or a log that is known to be good.")
    policies = {window.policy for window in windows}
    if len(policies) > 1:
        raise UsageError(
            f"The windows were asked under {len(policies)} policies; what changes with the policy is no drift. Watch "
            "each policy by itself, with --policy where a run holds several."
        )
    ratings: Counter[str] = Counter()
    categories: Counter[str] = Counter()
    canaries: dict[str, str] = {}
    for window in windows:
        ratings.update(window.ratings)
        categories.update(window.categories)
        canaries.update(window.canaries)
    return Window(
        name=name,
        policy=windows[0].policy,
        model=windows[-1].model,
        images=sum(window.images for window in windows),
        ratings=dict(ratings),
        categories=dict(categories),
        scores=tuple(sum(counts) for counts in zip(*(window.scores for window in windows), strict=True)),
        statistics=_summed([window.statistics for window in windows]),
        labels=tuple(label for window in windows for label in window.labels),
        canaries=canaries,
        notices=tuple(f"{window.name}: {notice}" for window in windows for notice in window.notices),
    )


def _summed(statistics: Sequence[Mapping[str, Sequence[int]]]) -> dict[str, tuple[int, ...]]:
    """Add counts up by name; windows that did not count a number add nothing to it."""
    names = sorted({name for each in statistics for name in each})
    return {
        name: tuple(map(sum, zip(*(each[name] for each in statistics if name in each), strict=True))) for name in names
    }
