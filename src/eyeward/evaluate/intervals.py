"""How sure a number is: intervals for shares and for their paired differences, and a bootstrap of groups of images."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from statistics import NormalDist

import numpy as np

from eyeward.evaluate.shares import Share
from eyeward.evaluate.table import Bools, Floats, Numbers

RESAMPLES = 1000
_CELLS = 4_000_000
"""Weights held at once."""

Interval = tuple[float, float]


def wilson(hits: float, count: float, confidence: float = 0.95) -> Interval:
    """Return the interval of a share of independent questions (Wilson, 1927); (0, 1) when there are none."""
    if count <= 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))  # rounding may cross the share


def share_interval(share: Share, group: Numbers, confidence: float = 0.95) -> Interval:
    """Return Wilson's interval for as many independent questions as the groups are worth.

    Questions of one group (an image under several policies) may be right or wrong together. Their count is divided by
    the design effect, which compares the spread of group totals with that of independent questions (Korn and Graubard,
    1998); where all are right or all are wrong there is no spread, and a group counts as one. So does a single group:
    its total says nothing of others.
    """
    counted, hits = share.counted, share.counted & share.hits
    count, right = int(counted.sum()), int(hits.sum())
    groups = np.unique(group[counted])
    if count == 0 or len(groups) == count:
        return wilson(right, count, confidence)
    if right in (0, count) or len(groups) == 1:
        worth = float(len(groups))
        return wilson(worth * right / count, worth, confidence)
    value = right / count
    gap = np.bincount(group[counted], weights=hits[counted] - value)
    spread = len(groups) / max(1, len(groups) - 1) * float((gap**2).sum())
    worth = min(float(count), count / max(1.0, spread / (count * value * (1 - value))))
    return wilson(worth * value, worth, confidence)


def paired_interval(margin: Floats, group: Numbers, confidence: float = 0.95) -> Interval | None:
    """Return the interval of the mean of paired differences, each -1, 0 or 1 [questions]; None when there are none.

    One question is added to either side, and two to all (Bonett and Price, 2012). So few questions are not taken for
    sure, as a bootstrap takes them, and there is an interval where nothing differs. Questions of one group are worth
    less than their number, as for shares.
    """
    count = len(margin)
    if not count:
        return None
    mean = float(margin.mean())
    _, place = np.unique(group, return_inverse=True)
    groups = int(place.max()) + 1
    scatter = float(((margin - mean) ** 2).sum())
    worth = float(groups)
    if 1 < groups < count and scatter > 0:
        totals = np.bincount(place, weights=margin - mean)
        spread = groups / (groups - 1) * float((totals**2).sum())
        worth = min(float(count), count / max(1.0, spread / scatter))
    up, down = (float((margin == sign).mean()) * worth + 1 for sign in (1, -1))
    middle, apart = (up - down) / (worth + 2), (up + down) / (worth + 2)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(max(0.0, apart - middle**2) / (worth + 2))
    return max(-1.0, min(mean, middle - half)), min(1.0, max(mean, middle + half))


def group_weights(group: Numbers, resamples: int, seed: int) -> Iterator[Floats]:
    """Draw as many groups as there are, with replacement, `resamples` times.

    Yields how often each row was drawn, [some resamples, rows], in pieces of bounded memory.
    """
    rng = np.random.default_rng(seed)
    _, rows = np.unique(group, return_inverse=True)
    groups = int(rows.max()) + 1 if len(rows) else 0
    at_once = max(1, _CELLS // max(1, len(rows)))
    for start in range(0, resamples if groups else 0, at_once):
        here = min(at_once, resamples - start)
        drawn = rng.integers(groups, size=(here, groups)) + groups * np.arange(here)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=here * groups).reshape(here, groups)
        yield counts[:, rows].astype(np.float64)


def percentile_interval(values: Floats, confidence: float = 0.95) -> Interval | None:
    """Return the middle part of resampled values [resamples]; None where they cannot tell.

    They cannot where all are the same, as when every answer is right, and where one in twenty is not defined.
    """
    known = values[~np.isnan(values)]
    if len(known) < 0.95 * len(values) or len(known) < 2 or known.min() == known.max():
        return None
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def stray(columns: Bools, group: Numbers, resamples: int = RESAMPLES, confidence: float = 0.95) -> float | None:
    """Return how far the difference of any two columns of means strays from what was seen, at most, so surely.

    `columns` [questions, columns] are resampled together, whole groups at a time. A difference give or take this holds
    the true one even where the two columns were picked for being furthest apart. None where nothing strays.
    """
    values = columns.astype(np.float64)
    seen = values.mean(axis=0)
    strayed = [
        np.ptp(weights @ values / weights.sum(axis=1, keepdims=True) - seen, axis=1)
        for weights in group_weights(group, resamples, 0)
    ]
    most = float(np.quantile(np.concatenate(strayed), confidence)) if strayed else 0.0
    return most or None


def bootstrap(
    metric: Callable[[Floats], Floats],
    group: Numbers,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval | None:
    """Return the interval of a metric of weights [resamples, rows] when whole groups are drawn anew."""
    values = [metric(weights) for weights in group_weights(group, resamples, seed)]
    return percentile_interval(np.concatenate(values), confidence) if values else None
