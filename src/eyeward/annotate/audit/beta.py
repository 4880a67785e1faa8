"""Beta distributions: how sure a share is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

_MOST_STEPS = 100_000
_HALVINGS = 80
_CLOSE = 1e-10


@dataclass(frozen=True)
class Beta:
    """A beta distribution by its two parameters, or a single value where `a` and `b` are None."""

    value: float
    """Its mean."""
    a: float | None = None
    b: float | None = None

    @classmethod
    def of(cls, mean: float, variance: float) -> Self:
        """Return the distribution with this mean and variance; without variance, or at 0 and 1, a single value."""
        mean = min(1.0, max(0.0, mean))
        spread = mean * (1 - mean)
        if variance <= 0 or spread <= 0:
            return cls(mean)
        size = max(spread / variance - 1, 0.01)  # no distribution on 0 to 1 has more variance than two points
        return cls(mean, mean * size, (1 - mean) * size)

    def probability(self, most: float) -> float:
        """Return the probability of at most so much."""
        if self.a is None or self.b is None:
            return float(most >= self.value)
        return beta_probability(most, self.a, self.b)


def beta_probability(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), by a continued fraction (DLMF 8.17.22)."""
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return min(1.0, front * _fraction(x, a, b) / a)
    return max(0.0, 1.0 - front * _fraction(1 - x, b, a) / b)


def mixture_quantile(parts: Sequence[Beta], probability: float) -> float:
    """Return the smallest value that an equal mixture of distributions does not exceed with this probability."""
    low, high = 0.0, 1.0
    if _mixed(parts, low) >= probability:
        return low
    for _ in range(_HALVINGS):
        if high - low < _CLOSE * high:
            break
        middle = (low + high) / 2
        if _mixed(parts, middle) >= probability:
            high = middle
        else:
            low = middle
    return high


def _mixed(parts: Sequence[Beta], most: float) -> float:
    return math.fsum(part.probability(most) for part in parts) / len(parts)


def _fraction(x: float, a: float, b: float) -> float:
    """Evaluate the fraction from the front (Lentz, 1976); it converges quickly below the mean."""
    c, d = 1.0, 1.0 / _not_zero(1.0 - (a + b) * x / (a + 1))
    found = d
    for step in range(1, _MOST_STEPS):
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        for part in (even, odd):
            d = 1.0 / _not_zero(1.0 + part * d)
            c = _not_zero(1.0 + part / c)
            found *= c * d
        if abs(c * d - 1.0) < 1e-13:
            break
    return found


def _not_zero(value: float) -> float:
    return value if abs(value) > 1e-300 else 1e-300
