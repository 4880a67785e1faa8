"""Beta distributions, against what is known of them in other ways."""

from __future__ import annotations

import pytest

from eyeward.annotate.audit.beta import Beta, beta_probability, mixture_quantile
from eyeward.evaluate.binomial import binomial_tail


@pytest.mark.parametrize("x", [0.001, 0.2, 0.5, 0.93])
def test_the_probability_is_right_where_it_has_a_simple_form(x: float) -> None:
    assert beta_probability(x, 1, 7) == pytest.approx(1 - (1 - x) ** 7, rel=1e-12)
    assert beta_probability(x, 4, 1) == pytest.approx(x**4, rel=1e-12)
    assert beta_probability(x, 2.5, 6.25) == pytest.approx(1 - beta_probability(1 - x, 6.25, 2.5), abs=1e-13)


@pytest.mark.parametrize(("hits", "count"), [(0, 5), (3, 20), (40, 300), (700, 1000)])
def test_it_is_the_tail_of_the_binomial_distribution(hits: int, count: int) -> None:
    for rate in (0.01, hits / count + 0.02, 0.6):
        at_least = 1 - binomial_tail(hits, count, rate)
        assert beta_probability(rate, hits + 1, count - hits) == pytest.approx(at_least, abs=1e-10)


def test_moments_make_a_distribution() -> None:
    made = Beta.of(1 / 8, 7 / 576)  # those of a = 1, b = 7
    assert made.a == pytest.approx(1)
    assert made.b == pytest.approx(7)
    assert Beta.of(0.3, 0.0) == Beta(0.3)
    assert Beta.of(-0.1, 0.01) == Beta(0.0)
    most = Beta.of(0.5, 1.0)
    assert most.a is not None and 0 < most.a < 0.1, "more variance than possible becomes about two points"


def test_quantiles_are_those_of_the_mixture() -> None:
    one = Beta.of(1 / 8, 7 / 576)
    assert mixture_quantile([one], 0.9) == pytest.approx(1 - 0.1 ** (1 / 7), rel=1e-9)
    assert mixture_quantile([Beta(0.25)], 0.9) == pytest.approx(0.25)
    half = [Beta(0.0), one]
    assert mixture_quantile(half, 0.025) == 0.0
    assert mixture_quantile(half, 0.95) == pytest.approx(1 - 0.1 ** (1 / 7), rel=1e-9)


def test_very_large_parameters_are_no_trouble() -> None:
    assert beta_probability(0.5, 1e6, 1e6) == pytest.approx(0.5, abs=1e-6)
    assert beta_probability(0.4, 1e6, 1e6) == pytest.approx(0.0, abs=1e-12)
