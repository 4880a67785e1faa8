"""Calibration, threshold and review band."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from eyeward.engine.rating import Platt, log_odds, sigmoid
from tests.fakes import rule


def test_the_threshold_itself_is_unsafe() -> None:
    assert rule(0.3).label(0.3) == "Unsafe"
    assert rule(0.3).label(0.2999) == "Safe"


def test_inside_the_band_the_likelier_rating_is_written_whatever_the_threshold() -> None:
    banded = rule(0.9, (0.2, 0.8))
    assert [banded.label(p) for p in (0.2, 0.49, 0.5, 0.8)] == ["Safe", "Safe", "Unsafe", "Unsafe"]
    assert [banded.in_band(p) for p in (0.19, 0.2, 0.8, 0.81)] == [False, True, True, False]
    assert banded.label(0.81) == "Safe"


def test_a_category_is_calibrated_with_its_own_parameters() -> None:
    calibrated = rule(O6=Platt(scale=2.0, shift=1.0))
    assert calibrated.calibrated(0.6, "O6: Weapons") == pytest.approx(sigmoid(2 * math.log(0.6 / 0.4) + 1))
    assert calibrated.calibrated(0.6, "O1: Hate") == 0.6
    assert calibrated.calibrated(0.6, None) == 0.6


@given(st.floats(0, 1), st.floats(0.01, 10), st.floats(-5, 5))
def test_calibration_gives_probabilities_and_keeps_their_order(p: float, scale: float, shift: float) -> None:
    platt = Platt(scale=scale, shift=shift)
    assert 0.0 <= platt.apply(p) <= 1.0
    assert platt.apply(p / 2) <= platt.apply(p)


@given(st.floats(-20, 20))
def test_log_odds_undo_sigmoid(x: float) -> None:
    assert log_odds(sigmoid(x)) == pytest.approx(x, abs=1e-3)


def test_a_band_with_its_ends_swapped_is_refused() -> None:
    with pytest.raises(ValidationError, match="the lower first"):
        rule(band=(0.8, 0.2))
