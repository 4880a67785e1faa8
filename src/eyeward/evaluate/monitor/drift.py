"""Are two samples drawn from the same source? Tests on counts, each with the chance of what was seen if they are.

Nothing here needs more than counts. The chi-square tail is computed as Numerical Recipes does (incomplete gamma
function, section 6.2); a test compares it with tables. One share against another is tested exactly: far out, where a
promise over many windows lives, chi-square calls rare cells odd several times too often.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Key = TypeVar("Key", bound=Hashable)

LEAST_EXPECTED = 10.0
"""Cells of a chi-square test in which fewer are expected are put together with others. Five are usual, and too few for
chances far below one in a hundred: with ten such cells one in 10,000 came 3.6 times too often, with twenty in each as
often as it should."""
_SMOOTHING = 0.5
_PRECISION = 1e-14


def population_stability(before: Mapping[str, int], now: Mapping[str, int]) -> float:
    """Return the population stability index of two sets of counts: how far apart they are, 0 for equal shares.

    A measure of size, not a test: it says nothing of chance. Half an image is added to each cell, so that empty ones do
    not make it infinite. Below 0.1 is commonly called stable, above 0.25 changed.
    """
    names = sorted({*before, *now})
    shares = []
    for counts in (before, now):
        whole = sum(counts.values()) + _SMOOTHING * len(names)
        shares.append([(counts.get(name, 0) + _SMOOTHING) / whole for name in names])
    return math.fsum((new - old) * math.log(new / old) for old, new in zip(*shares, strict=True))


def chi_square(before: Mapping[str, int], now: Mapping[str, int]) -> float:
    """Return the chance of shares as different as these, were both drawn from one source (Pearson's chi-square).

    Cells too small for the approximation are put together. Two cells get Yates' correction for continuity, so the
    chance is rather too large there than too small.
    """
    cells = _large_cells(before, now)
    totals = cells.sum(axis=1, keepdims=True)
    if cells.shape[1] < 2 or not totals.all():
        return 1.0
    expected = totals * cells.sum(axis=0, keepdims=True) / cells.sum()
    gap = np.abs(cells - expected)
    if cells.shape[1] == 2:
        gap = np.maximum(0.0, gap - 0.5)
    return chi_square_tail(float((gap**2 / expected).sum()), cells.shape[1] - 1)


def one_against_others(before: Mapping[str, int], now: Mapping[str, int], name: str) -> float:
    """Return the chance of a share of one cell as different as this: exact, twice the smaller tail (Fisher, 1935)."""
    hits, count = now.get(name, 0), sum(now.values())
    whole, all_hits = count + sum(before.values()), hits + before.get(name, 0)
    return min(1.0, 2 * _hypergeometric_tail(hits, count, all_hits, whole))


def _hypergeometric_tail(hits: int, count: int, all_hits: int, whole: int) -> float:
    """Return the chance of so many hits or more, or, below the mean, or fewer, among `count` drawn out of `whole`."""
    if not 0 < all_hits < whole or not 0 < count < whole:
        return 1.0
    mean = count * all_hits / whole
    if hits < mean:  # few hits are many of the others
        hits, all_hits, mean = count - hits, whole - all_hits, count - mean
    deviation = math.sqrt(mean * (1 - all_hits / whole) * (whole - count) / (whole - 1))
    last = min(count, all_hits, hits + 50 + math.ceil(12 * deviation))  # beyond that nothing is left to add
    steps = np.arange(hits, last, dtype=np.float64)
    ratios = (all_hits - steps) * (count - steps) / ((steps + 1) * (whole - all_hits - count + steps + 1))
    first = _log_ways(all_hits, hits) + _log_ways(whole - all_hits, count - hits) - _log_ways(whole, count)
    return min(1.0, math.exp(first) * (1 + float(np.cumprod(ratios).sum())))


def _log_ways(count: int, chosen: int) -> float:
    return math.lgamma(count + 1) - math.lgamma(chosen + 1) - math.lgamma(count - chosen + 1)


def _large_cells(before: Mapping[str, int], now: Mapping[str, int]) -> NDArray[np.float64]:
    """Return counts [2, cells] with the small cells put together; alone, they go to the smallest of the others."""
    names = sorted({*before, *now}, key=lambda name: before.get(name, 0) + now.get(name, 0))
    whole = [sum(counts.values()) for counts in (before, now)]
    cells: list[list[float]] = []
    together = [0.0, 0.0]

    def enough(pair: Sequence[float]) -> bool:
        total = sum(whole)
        return total > 0 and min(whole) * sum(pair) / total >= LEAST_EXPECTED

    for name in names:
        pair = [float(before.get(name, 0)), float(now.get(name, 0))]
        if enough(pair):
            cells.append(pair)
        else:
            together = [old + new for old, new in zip(together, pair, strict=True)]
    if enough(together):
        cells.append(together)
    elif cells:
        cells[0] = [old + new for old, new in zip(cells[0], together, strict=True)]
    return np.array(cells, np.float64).reshape(-1, 2).T


def chi_square_tail(statistic: float, degrees: int) -> float:
    """Return the chance that a chi-square variable with these degrees of freedom is at least as large."""
    return _upper_gamma(degrees / 2, max(0.0, statistic) / 2)


def _upper_gamma(a: float, x: float) -> float:
    """Return the regularised upper incomplete gamma function."""
    if x <= 0:
        return 1.0
    scale = math.exp(-x + a * math.log(x) - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        step = a
        while abs(term) > abs(total) * _PRECISION:
            step += 1
            term *= x / step
            total += term
        return min(1.0, max(0.0, 1 - total * scale))
    return min(1.0, _continued_fraction(a, x) * scale)


def _continued_fraction(a: float, x: float) -> float:
    """Evaluate by the modified method of Lentz."""
    tiny = 1e-300
    b = x + 1 - a
    c, d = 1 / tiny, 1 / b
    value = d
    for step in range(1, 10_000):
        numerator = -step * (step - a)
        b += 2
        d = numerator * d + b
        d = 1 / (d if abs(d) > tiny else tiny)
        c = b + numerator / c
        c = c if abs(c) > tiny else tiny
        change = d * c
        value *= change
        if abs(change - 1) < _PRECISION:
            break
    return value


def largest_gap(before: Sequence[int], now: Sequence[int]) -> tuple[float, float]:
    """Return the largest gap of two distributions over ordered bins, and its chance (Kolmogorov and Smirnov).

    The chance is that for scores without ties; over bins the gap can only be smaller, so it is rather too large.
    """
    old, new = np.asarray(before, np.float64), np.asarray(now, np.float64)
    if not old.sum() or not new.sum():
        return 0.0, 1.0
    gap = float(np.abs(np.cumsum(old) / old.sum() - np.cumsum(new) / new.sum()).max())
    worth = math.sqrt(old.sum() * new.sum() / (old.sum() + new.sum()))
    return gap, _kolmogorov_tail((worth + 0.12 + 0.11 / worth) * gap)


def _kolmogorov_tail(x: float) -> float:
    if x < 0.2:
        return 1.0
    total = math.fsum((1 if k % 2 else -1) * math.exp(-2 * k * k * x * x) for k in range(1, 101))
    return min(1.0, max(0.0, 2 * total))


def holm(chances: Mapping[Key, float]) -> dict[Key, float]:
    """Adjust the chances of several tests: to act on those up to `a` is wrong at all with a chance of at most `a`.

    Whatever the tests have to do with each other (Holm, 1979).
    """
    adjusted: dict[Key, float] = {}
    highest = 0.0
    for place, name in enumerate(sorted(chances, key=lambda name: chances[name])):
        highest = max(highest, min(1.0, (len(chances) - place) * chances[name]))
        adjusted[name] = highest
    return {name: adjusted[name] for name in chances}
