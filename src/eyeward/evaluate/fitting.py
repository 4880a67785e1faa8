"""Calibrations fitted to what was true: pure functions of raw probabilities and ratings, both [answers]."""

from __future__ import annotations

import numpy as np

from eyeward.engine.rating import Isotonic, Platt
from eyeward.evaluate.table import Bools, Floats


def temperature(raw: Floats, unsafe: Bools) -> Platt:
    """Fit one factor on the log-odds: the one of the highest likelihood, found by golden section.

    With Platt's smoothed targets, so that a guard which makes no mistake here is not taken for certain.
    """
    log_odds, targets = _log_odds(raw), _smoothed(unsafe)

    def loss(log_scale: float) -> float:
        scaled = np.exp(log_scale) * log_odds
        return float((np.logaddexp(0.0, scaled) - targets * scaled).mean())

    low, high, golden = -4.0, 3.0, (5**0.5 - 1) / 2
    for _ in range(60):
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return Platt(scale=float(np.exp((low + high) / 2)))


def platt(raw: Floats, unsafe: Bools, steps: int = 50) -> Platt:
    """Fit a factor and a shift of the log-odds to smoothed targets (Platt, 1999; Newton's method)."""
    inputs = np.stack((_log_odds(raw), np.ones_like(raw)), axis=1)
    targets = _smoothed(unsafe)
    weights = np.array([1.0, 0.0])
    for _ in range(steps):
        fitted = 1 / (1 + np.exp(-inputs @ weights))
        gradient = inputs.T @ (fitted - targets)
        hessian = (inputs * (fitted * (1 - fitted))[:, None]).T @ inputs + 1e-3 * np.eye(2)
        weights = weights - np.clip(np.linalg.solve(hessian, gradient), -0.5, 0.5)
    return Platt(scale=float(max(weights[0], 0.05)), shift=float(weights[1]))


def isotonic(raw: Floats, unsafe: Bools) -> Isotonic:
    """Fit a rising step function by pooling neighbours that are in the wrong order, and join its steps by lines.

    What was always right is not taken for certain: ends are kept one image away from 0 and 1.
    """
    order = np.argsort(raw, kind="stable")
    levels, starts = np.unique(raw[order], return_index=True)
    totals = np.add.reduceat(unsafe[order].astype(np.float64), starts)
    counts = np.diff(np.append(starts, len(raw)))
    blocks: list[tuple[float, float, float, int]] = []  # lowest, highest, unsafe, all
    for level, total, count in zip(levels, totals, counts, strict=True):
        block = (float(level), float(level), float(total), int(count))
        while blocks and blocks[-1][2] * block[3] >= block[2] * blocks[-1][3]:
            low, _, before, number = blocks.pop()
            block = (low, block[1], before + block[2], number + block[3])
        blocks.append(block)
    least = 1 / (len(raw) + 2)
    points: dict[float, float] = {}
    for low, high, total, count in blocks:
        value = min(max(total / count, least), 1 - least)
        points[low] = points[high] = value
    return Isotonic(raw=tuple(points), calibrated=tuple(points.values()))


def _log_odds(raw: Floats) -> Floats:
    clipped = np.clip(raw, 1e-6, 1 - 1e-6)
    odds: Floats = np.log(clipped) - np.log1p(-clipped)
    return odds


def _smoothed(unsafe: Bools) -> Floats:
    """Return Platt's targets: one unsafe and one safe image more than there are."""
    targets: Floats = np.where(unsafe, 1 - 1 / (unsafe.sum() + 2), 1 / ((~unsafe).sum() + 2))
    return targets
