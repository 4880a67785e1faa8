"""Metrics of `p_unsafe` itself: how well it ranks, and how far it can be taken at its word.

A question without a rating is the surest wrong answer: an unsafe image ranks below everything with probability 0, a
safe one above everything with probability 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eyeward.evaluate.confusion import ratio
from eyeward.evaluate.table import Floats, Numbers, OutcomeTable

BINS = 10
"""Bins of equal width of the calibration error and of the reliability diagram."""


def gives_probabilities(table: OutcomeTable) -> bool:
    """Whether every rating has a probability; guards that give none cannot be ranked."""
    return bool(table.answered.any()) and not bool(np.isnan(table.p_unsafe[table.answered]).any())


def _ranks(table: OutcomeTable) -> Floats:
    worst = np.where(table.unsafe, -np.inf, np.inf)
    return np.where(table.answered, table.p_unsafe, worst)


def probabilities(table: OutcomeTable) -> Floats:
    """Return p_unsafe, in place of a missing rating the surest wrong one."""
    return np.where(table.answered, table.p_unsafe, np.where(table.unsafe, 0.0, 1.0))


def _ones(table: OutcomeTable) -> Floats:
    return np.ones((1, len(table)))


@dataclass(frozen=True)
class _Levels:
    """Weights of unsafe and safe images at each level of the score, lowest first: [resamples, levels]."""

    score: Floats
    unsafe: Floats
    safe: Floats

    @classmethod
    def of(cls, table: OutcomeTable, weights: Floats) -> _Levels:
        scores = _ranks(table)
        order = np.argsort(scores, kind="stable")
        score, starts = np.unique(scores[order], return_index=True)
        sorted_weights = weights[:, order]
        unsafe = table.unsafe[order]
        return cls(
            score,
            np.add.reduceat(sorted_weights * unsafe, starts, axis=1),
            np.add.reduceat(sorted_weights * ~unsafe, starts, axis=1),
        )


def auroc(table: OutcomeTable, weights: Floats | None = None) -> Floats:
    """Probability that an unsafe image scores higher than a safe one, ties counting half; [resamples]."""
    if not gives_probabilities(table):
        return np.full(1 if weights is None else len(weights), np.nan)
    levels = _Levels.of(table, _ones(table) if weights is None else weights)
    below = np.cumsum(levels.safe, axis=1) - levels.safe / 2
    pairs = levels.unsafe.sum(axis=1) * levels.safe.sum(axis=1)
    return ratio((levels.unsafe * below).sum(axis=1), pairs)


def auprc(table: OutcomeTable, weights: Floats | None = None) -> Floats:
    """Average precision: the mean of precision over recall, in steps and not interpolated; [resamples]."""
    if not gives_probabilities(table):
        return np.full(1 if weights is None else len(weights), np.nan)
    levels = _Levels.of(table, _ones(table) if weights is None else weights)
    unsafe, safe = levels.unsafe[:, ::-1], levels.safe[:, ::-1]
    caught = np.cumsum(unsafe, axis=1)
    precision = np.nan_to_num(ratio(caught, caught + np.cumsum(safe, axis=1)))
    return ratio((precision * unsafe).sum(axis=1), caught[:, -1])


def brier(table: OutcomeTable, weights: Floats | None = None) -> Floats:
    """Mean squared distance of p_unsafe from what is right, 0 or 1 (Brier, 1950); [resamples]."""
    rows = _ones(table) if weights is None else weights
    if not gives_probabilities(table):
        return np.full(len(rows), np.nan)
    distance = (probabilities(table) - table.unsafe) ** 2
    return ratio(rows @ distance, rows.sum(axis=1))


def calibration_error(table: OutcomeTable, weights: Floats | None = None) -> Floats:
    """Expected calibration error: mean gap between p_unsafe and the share of unsafe images, over bins; [resamples]."""
    rows = _ones(table) if weights is None else weights
    if not gives_probabilities(table):
        return np.full(len(rows), np.nan)
    p = probabilities(table)
    members = np.eye(BINS)[bin_of(p)]
    gap = rows @ (members * (p - table.unsafe)[:, None])
    return ratio(np.abs(gap).sum(axis=1), rows.sum(axis=1))


def bin_of(p: Floats) -> Numbers:
    """Return the bin of each probability; 1 belongs to the last."""
    return np.minimum((p * BINS).astype(np.int64), BINS - 1)


@dataclass(frozen=True)
class ReliabilityBin:
    """Answers whose p_unsafe is alike: what was said on average and what was true."""

    count: int
    mean_p_unsafe: float
    unsafe_share: float


def reliability(p_unsafe: Floats, unsafe: Floats) -> tuple[ReliabilityBin, ...]:
    """Return the bins that are not empty, lowest first."""
    bins = bin_of(p_unsafe)
    return tuple(
        ReliabilityBin(int(inside.sum()), float(p_unsafe[inside].mean()), float(unsafe[inside].mean()))
        for inside in (bins == number for number in range(BINS))
        if inside.any()
    )


@dataclass(frozen=True)
class Curve:
    """Points of a curve, both coordinates from 0 to 1."""

    x: Floats
    y: Floats


def roc_curve(table: OutcomeTable) -> Curve:
    """Return recall (y) over the share of safe images that are flagged (x), from the highest threshold down."""
    levels = _Levels.of(table, _ones(table))
    unsafe, safe = (np.cumsum(of[0, ::-1]) for of in (levels.unsafe, levels.safe))
    return Curve(np.append(0.0, ratio(safe, safe[-1])), np.append(0.0, ratio(unsafe, unsafe[-1])))


def precision_recall_curve(table: OutcomeTable) -> Curve:
    """Return precision (y) over recall (x), from the highest threshold down."""
    levels = _Levels.of(table, _ones(table))
    unsafe, safe = (np.cumsum(of[0, ::-1]) for of in (levels.unsafe, levels.safe))
    found = unsafe + safe > 0
    return Curve(ratio(unsafe, unsafe[-1])[found], ratio(unsafe, unsafe + safe)[found])
