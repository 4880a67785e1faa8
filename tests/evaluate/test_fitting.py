"""Calibrations are those of the literature, and never certain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from eyeward.engine.rating import Isotonic, log_odds, sigmoid
from eyeward.evaluate.fitting import isotonic, platt, temperature

samples = st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=2, max_size=60)


def test_a_temperature_of_one_stays() -> None:
    rng = np.random.default_rng(1)
    true = rng.uniform(0.02, 0.98, 4000)
    assert temperature(true, rng.random(4000) < true).scale == pytest.approx(1.0, abs=0.1)


def test_a_guard_that_made_no_mistake_is_not_taken_for_certain() -> None:
    raw = np.tile([0.1, 0.2, 0.8, 0.9], 5)
    assert 0.5 < temperature(raw, raw > 0.5).scale < 3.0


def test_platt_scaling_meets_the_smoothed_share_of_each_of_two_probabilities() -> None:
    # With two scores the fit is exact: log-odds of the mean target at each (Platt 1999, section 2.2).
    probabilities = np.repeat([0.3, 0.8], [40, 60])
    unsafe = np.concatenate([np.arange(40) < 10, np.arange(60) < 50])
    high, low = 61 / 62, 1 / 42
    at_low, at_high = log_odds((10 * high + 30 * low) / 40), log_odds((50 * high + 10 * low) / 60)
    fitted = platt(probabilities, unsafe)
    assert fitted.scale == pytest.approx((at_high - at_low) / (log_odds(0.8) - log_odds(0.3)), abs=1e-6)
    assert fitted.shift == pytest.approx(at_high - fitted.scale * log_odds(0.8), abs=1e-6)


def test_platt_scaling_finds_the_calibration_that_outcomes_were_drawn_by() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.uniform(0.02, 0.98, 40_000)
    true = np.array([sigmoid(0.5 * log_odds(float(p)) - 0.7) for p in probabilities])
    fitted = platt(probabilities, rng.random(40_000) < true)
    assert fitted.scale == pytest.approx(0.5, abs=0.03)
    assert fitted.shift == pytest.approx(-0.7, abs=0.03)


def test_platt_scaling_never_turns_a_guard_around() -> None:
    probabilities = np.repeat([0.2, 0.8], 50)
    assert platt(probabilities, probabilities < 0.5).scale > 0


@given(samples)
def test_isotonic_calibration_is_that_of_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    raw = np.array([level / 20 for level, _ in rows])
    unsafe = np.array([truth for _, truth in rows])
    least = 1 / (len(rows) + 2)
    theirs = IsotonicRegression(y_min=least, y_max=1 - least, out_of_bounds="clip").fit(raw, unsafe)
    ours = isotonic(raw, unsafe)
    asked = np.linspace(0, 1, 41)
    assert [ours.apply(float(p)) for p in asked] == pytest.approx(list(theirs.predict(asked)), abs=1e-9)


def test_points_of_an_isotonic_calibration_stay_away_from_certainty() -> None:
    found = isotonic(np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True]))
    assert found == Isotonic(raw=(0.1, 0.2, 0.8, 0.9), calibrated=(1 / 6, 1 / 6, 5 / 6, 5 / 6))
