"""Differences between arms that were trained with several seeds, with intervals over images and seeds together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eyeward.evaluate.intervals import group_weights, percentile_interval
from eyeward.evaluate.metrics import METRICS, value
from eyeward.evaluate.table import Floats, OutcomeTable

RESAMPLES = 1000


@dataclass(frozen=True)
class Estimate:
    """A number with its interval of 95 %."""

    value: float | None
    low: float | None
    high: float | None

    @property
    def sign(self) -> int:
        """1 or -1 where the interval excludes zero, else 0."""
        if self.low is None or self.high is None or self.low <= 0 <= self.high:
            return 0
        return 1 if self.low > 0 else -1

    def __str__(self) -> str:
        """Show it in a table."""
        if self.value is None:
            return "–"
        return f"{self.value:.3f}" + ("" if self.low is None else f" ({self.low:.3f} to {self.high:.3f})")


def mean(metric: str, seeds: Sequence[OutcomeTable]) -> Estimate:
    """Return the mean over seeds; with one seed the interval is over images alone.

    All metrics of the tables lie between 0 and 1, and so do the ends.
    """
    found = difference(metric, seeds, None)
    if found.low is None or found.high is None:
        return found
    return Estimate(found.value, max(0.0, found.low), min(1.0, found.high))


def difference(
    metric: str, first: Sequence[OutcomeTable], second: Sequence[OutcomeTable] | None, learnt: bool = True
) -> Estimate:
    """Return the mean over seeds of one arm, less that of another.

    Every resample draws whole groups of images, the same for all, and as many seeds of each arm as it has. An arm of
    one seed might have had another, too: it is given the spread of the other arm's seeds. Not so when `learnt` is
    False: then the second arm was not trained, and luck has no part in it.
    """
    rng = np.random.default_rng(5)
    drawn = []
    for weights in group_weights(first[0].group, RESAMPLES, 3):
        one = _values(metric, first, weights)
        if second is None:
            drawn.append(_drawn(one, _deviations(one), rng))
            continue
        other = _values(metric, second, weights)
        spreads = [_deviations(one), _deviations(other)]
        if learnt:
            spreads = [own if len(own) > 1 else spreads[1 - place] for place, own in enumerate(spreads)]
        drawn.append(_drawn(one, spreads[0], rng) - _drawn(other, spreads[1], rng))
    found = _plain(metric, first)
    if found is not None and second is not None:
        subtracted = _plain(metric, second)
        found = None if subtracted is None else found - subtracted
    interval = percentile_interval(np.concatenate(drawn)) if found is not None else None
    return Estimate(found, *(interval or (None, None)))


def _values(metric: str, tables: Sequence[OutcomeTable], weights: Floats) -> Floats:
    return np.stack([METRICS[metric](table, weights) for table in tables])


def _deviations(values: Floats) -> Floats:
    """Return how far each seed lies from the mean of its arm, [seeds, resamples].

    A mean of few lies too close to them; dividing by one seed less makes up for it, as in a variance.
    """
    found: Floats = (values - values.mean(axis=0)) * (len(values) / max(1, len(values) - 1)) ** 0.5
    return found


def _drawn(values: Floats, spread: Floats, rng: np.random.Generator) -> Floats:
    """Return the mean of as many seeds as there are values, each drawn from the spread, [resamples]."""
    chosen = rng.integers(len(spread), size=values.shape)
    drawn: Floats = values.mean(axis=0) + np.take_along_axis(spread, chosen, axis=0).mean(axis=0)
    return drawn


def _plain(metric: str, tables: Sequence[OutcomeTable]) -> float | None:
    values = [value(metric, table) for table in tables]
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if len(known) == len(values) else None
