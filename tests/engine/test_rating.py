"""Calibration, threshold and review band."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from eyeward.engine.rating import Calibration, Isotonic, Platt, log_odds, sigmoid
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


def test_an_isotonic_calibration_is_a_line_through_its_points_and_flat_outside() -> None:
    points = Isotonic(raw=(0.2, 0.6, 0.8), calibrated=(0.1, 0.5, 0.5))
    assert [points.apply(p) for p in (0.0, 0.2, 0.4, 0.6, 0.7, 0.8, 1.0)] == pytest.approx(
        [0.1, 0.1, 0.3, 0.5, 0.5, 0.5, 0.5]
    )
    assert Isotonic(raw=(0.5,), calibrated=(0.3,)).apply(0.9) == 0.3


@pytest.mark.parametrize(
    ("raw", "calibrated", "why"),
    [
        ((), (), "at least 1 item"),
        ((0.1, 0.2), (0.5,), "as many of each"),
        ((0.2, 0.2), (0.1, 0.5), "must rise"),
        ((0.1, 0.2), (0.5, 0.4), "must not fall"),
        ((0.1, 0.2), (0.5, 1.1), "between 0 and 1"),
    ],
)
def test_points_that_are_no_calibration_are_refused(
    raw: tuple[float, ...], calibrated: tuple[float, ...], why: str
) -> None:
    with pytest.raises(ValidationError, match=why):
        Isotonic(raw=raw, calibrated=calibrated)


def test_both_kinds_of_calibration_are_read_as_they_were_written() -> None:
    both = Calibration(default=Isotonic(raw=(0.5,), calibrated=(0.3,)), categories={"O6": Platt(scale=2.0)})
    assert Calibration.model_validate_json(both.model_dump_json()) == both
    assert (both.apply(0.9, "O1"), both.apply(0.9, "O6")) == (0.3, Platt(scale=2.0).apply(0.9))


@given(st.floats(-20, 20))
def test_log_odds_undo_sigmoid(x: float) -> None:
    assert log_odds(sigmoid(x)) == pytest.approx(x, abs=1e-3)


def test_a_band_with_its_ends_swapped_is_refused() -> None:
    with pytest.raises(ValidationError, match="the lower first"):
        rule(band=(0.8, 0.2))
