"""The binomial distribution."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeward.evaluate.binomial import binomial_tail


@given(st.integers(0, 90), st.integers(0, 90), st.sampled_from([0.01, 0.05, 0.5, 0.9]))
def test_the_binomial_tail_is_the_exact_sum(most: int, count: int, share: float) -> None:
    p = Fraction(share)
    exact = sum(math.comb(count, k) * p**k * (1 - p) ** (count - k) for k in range(min(most, count) + 1))
    assert binomial_tail(most, count, share) == pytest.approx(float(exact), abs=1e-12)
