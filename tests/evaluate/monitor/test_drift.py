"""Tests on counts: against tables of the chi-square distribution, and as often wrong as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeward.evaluate.monitor.drift import (
    chi_square,
    chi_square_tail,
    holm,
    largest_gap,
    one_against_others,
    population_stability,
)


@pytest.mark.parametrize(
    ("statistic", "degrees", "chance"),
    [(3.841459, 1, 0.05), (6.634897, 1, 0.01), (11.070498, 5, 0.05), (29.588298, 10, 0.001), (124.342113, 100, 0.05)],
)
def test_the_tail_is_the_one_of_the_tables(statistic: float, degrees: int, chance: float) -> None:
    assert chi_square_tail(statistic, degrees) == pytest.approx(chance, rel=1e-5)


def test_the_tail_has_a_closed_form_for_two_degrees_and_knows_its_ends() -> None:
    for statistic in (0.1, 1.0, 3.0, 10.0, 60.0, 400.0):
        assert chi_square_tail(statistic, 2) == pytest.approx(math.exp(-statistic / 2), rel=1e-10)
    assert chi_square_tail(0.0, 3) == chi_square_tail(-1.0, 3) == 1.0


def test_the_statistic_is_pearsons_with_yates_correction_for_two_cells() -> None:
    # 12 of 40 against 30 of 50: by hand, with correction 6.7857...
    before, now = {"a": 12, "b": 28}, {"a": 30, "b": 20}
    cells = [[12, 28], [30, 20]]
    total = 90
    statistic = sum(
        (abs(cells[i][j] - sum(cells[i]) * (cells[0][j] + cells[1][j]) / total) - 0.5) ** 2
        / (sum(cells[i]) * (cells[0][j] + cells[1][j]) / total)
        for i in (0, 1)
        for j in (0, 1)
    )
    assert chi_square(before, now) == pytest.approx(chi_square_tail(statistic, 1), rel=1e-9)
    three = {"a": 20, "b": 30, "c": 50}, {"a": 40, "b": 30, "c": 30}
    by_hand = 2 * (10**2 / 30) + 0 + 2 * (10**2 / 40)
    assert chi_square(*three) == pytest.approx(math.exp(-by_hand / 2), rel=1e-9)


def test_small_cells_are_put_together_and_nothing_to_compare_is_no_difference() -> None:
    many = {f"rare{n}": 1 for n in range(5)}
    together = chi_square({"a": 100, "b": 105}, {"a": 100, "b": 100})
    assert chi_square({"a": 100, "b": 100, **many}, {"a": 100, "b": 100}) == pytest.approx(together)
    assert chi_square({"a": 5}, {"a": 9}) == 1.0
    assert chi_square({"a": 5}, {}) == chi_square({}, {}) == 1.0
    assert chi_square({"a": 2, "b": 1}, {"a": 1, "b": 2}) == 1.0


def test_equal_shares_are_stable_and_others_are_not() -> None:
    assert population_stability({"a": 500, "b": 500}, {"a": 50, "b": 50}) == pytest.approx(0.0, abs=1e-3)
    # (0.6 - 0.5) * ln(0.6 / 0.5) + (0.4 - 0.5) * ln(0.4 / 0.5)
    expected = 0.1 * math.log(1.2) - 0.1 * math.log(0.8)
    assert population_stability({"a": 50_000, "b": 50_000}, {"a": 60_000, "b": 40_000}) == pytest.approx(
        expected, rel=1e-3
    )
    assert math.isfinite(population_stability({"a": 100}, {"b": 100}))


def test_one_category_is_found_among_many() -> None:
    before = {"NA": 7000, "O6": 500, "O2": 2500}
    assert one_against_others(before, {"NA": 650, "O6": 100, "O2": 250}, "O6") < 1e-6
    assert one_against_others(before, {"NA": 700, "O6": 50, "O2": 250}, "O6") > 0.9
    assert one_against_others(before, {"NA": 700, "new": 300}, "new") < 1e-12


@pytest.mark.parametrize(
    ("before", "now"),
    [((6, 80), (9, 11)), ((30, 70), (0, 20)), ((45, 855), (16, 84)), ((5, 5), (5, 0)), ((9, 0), (3, 0))],
)
def test_one_category_is_tested_exactly(before: tuple[int, int], now: tuple[int, int]) -> None:
    count, all_hits, whole = sum(now), before[0] + now[0], sum(before) + sum(now)

    def chance(hits: int) -> float:
        return math.comb(all_hits, hits) * math.comb(whole - all_hits, count - hits) / math.comb(whole, count)

    upper = sum(chance(hits) for hits in range(now[0], min(count, all_hits) + 1))
    lower = sum(chance(hits) for hits in range(max(0, count - whole + all_hits), now[0] + 1))
    two = one_against_others(*({"it": hits, "rest": rest} for hits, rest in (before, now)), "it")
    assert two == pytest.approx(min(1.0, 2 * min(upper, lower)), rel=1e-9)


def test_a_rare_category_is_called_odd_no_more_often_than_a_promise_over_many_windows_allows() -> None:
    """Five are expected. Chi-square with Yates' correction gives 15 or more a chance of 0.00005; it is 0.0002."""
    poisson = [math.exp(-5) * 5**k / math.factorial(k) for k in range(60)]
    found = [one_against_others({"it": 5000, "rest": 995_000}, {"it": k, "rest": 1000 - k}, "it") for k in range(60)]
    assert sum(p for p, chance in zip(poisson, found, strict=True) if chance <= 5e-5) <= 5e-5
    assert found[20] <= 5e-5 < found[14]


def test_score_distributions_are_told_apart_by_their_largest_gap() -> None:
    gap, chance = largest_gap([50, 0, 50], [50, 50, 0])
    assert gap == 0.5 and chance < 1e-9
    gap, chance = largest_gap([10, 20, 30], [1, 2, 3])
    assert gap == pytest.approx(0.0) and chance == 1.0
    assert largest_gap([0, 0], [1, 2]) == (0.0, 1.0)
    # the 5 % point of the Kolmogorov distribution is 1.3581
    n = 2_000_000
    step = round(1.3581 / math.sqrt(n / 2) * n)
    assert largest_gap([n // 2, n // 2], [n // 2 + step, n // 2 - step])[1] == pytest.approx(0.05, rel=0.02)


def test_tests_are_wrong_no_more_often_than_they_say() -> None:
    random = np.random.default_rng(0)
    shares = [0.6, 0.3, 0.08, 0.02]
    wrong = 0
    for _ in range(400):
        one, two = (dict(zip("abcd", map(int, random.multinomial(n, shares)), strict=True)) for n in (800, 300))
        chances = {"all": chi_square(one, two), **{name: one_against_others(one, two, name) for name in "abcd"}}
        wrong += min(holm(chances).values()) <= 0.05
    assert wrong <= 32  # 20 are allowed on average; 32 is beyond the 99.5 % point of that


def test_holm_multiplies_the_smallest_by_all_and_keeps_the_order() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=8))
def test_holm_never_makes_a_chance_smaller(chances: dict[str, float]) -> None:
    adjusted = holm(chances)
    assert all(chances[name] <= adjusted[name] <= 1.0 for name in chances)
