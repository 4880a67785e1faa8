"""The binomial distribution, exactly: what counts of independent tries are worth."""

from __future__ import annotations

import math


def binomial_probability(hits: int, count: int, rate: float) -> float:
    """Return the probability of exactly `hits` in `count` independent tries that succeed with probability `rate`."""
    if not 0 <= hits <= count:
        return 0.0
    if rate <= 0.0 or rate >= 1.0:
        return float(hits == (0 if rate <= 0.0 else count))
    ways = math.lgamma(count + 1) - math.lgamma(hits + 1) - math.lgamma(count - hits + 1)
    return math.exp(ways + hits * math.log(rate) + (count - hits) * math.log1p(-rate))


def binomial_tail(most: int, count: int, rate: float) -> float:
    """Return the probability of at most `most` hits."""
    if most >= count:
        return 1.0
    return min(1.0, math.fsum(binomial_probability(hits, count, rate) for hits in range(most + 1)))
