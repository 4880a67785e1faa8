"""Differences between arms that were trained with several seeds, with intervals over images and seeds together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eyeward.evaluate.intervals import group_weights, percentile_interval
from eyeward.evaluate.metrics import METRICS, value
from eyeward.evaluate.table import OutcomeTable

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
    """Return the mean over seeds."""
    return difference(metric, seeds, None)


def difference(metric: str, first: Sequence[OutcomeTable], second: Sequence[OutcomeTable] | None) -> Estimate:
    """Return the mean over seeds of one arm, less that of another.

    Every resample draws whole groups of images, the same for all, and as many seeds of each arm as it has.
    """
    rng = np.random.default_rng(5)
    drawn = []
    for weights in group_weights(first[0].group, RESAMPLES, 3):
        drawn.append(_drawn(metric, first, weights, rng))
        if second is not None:
            drawn[-1] = drawn[-1] - _drawn(metric, second, weights, rng)
    found = _plain(metric, first)
    if found is not None and second is not None:
        other = _plain(metric, second)
        found = None if other is None else found - other
    interval = percentile_interval(np.concatenate(drawn)) if found is not None else None
    return Estimate(found, *(interval or (None, None)))


def _drawn(metric: str, tables: Sequence[OutcomeTable], weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    values = np.stack([METRICS[metric](table, weights) for table in tables])
    chosen = rng.integers(len(tables), size=values.shape)
    drawn: np.ndarray = np.take_along_axis(values, chosen, axis=0).mean(axis=0)
    return drawn


def _plain(metric: str, tables: Sequence[OutcomeTable]) -> float | None:
    values = [value(metric, table) for table in tables]
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if len(known) == len(values) else None
