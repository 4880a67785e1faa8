"""Numbers about pictures move with what they are about, and with nothing else much."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from eyeward.images.statistics import RANGES, Statistics, statistics_of


def noise(size: tuple[int, int] = (300, 200), seed: int = 0) -> Image.Image:
    levels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(levels).filter(ImageFilter.GaussianBlur(1))


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (64, 32)) -> Statistics:
    return statistics_of(Image.new("RGB", size, colour))


def test_a_plain_picture_has_a_level_and_nothing_else() -> None:
    white = plain((255, 255, 255))
    assert white.brightness == pytest.approx(1.0, abs=1e-3)
    assert (white.contrast, white.colour, white.detail) == pytest.approx((0.0, 0.0, 0.0), abs=1e-6)
    assert (white.shape, white.size) == (1.0, 11.0)
    assert plain((0, 0, 0)).brightness == 0.0
    assert plain((255, 0, 0)).colour == pytest.approx(1.0)


def test_half_black_and_half_white_is_full_contrast() -> None:
    picture = Image.new("RGB", (64, 64))
    picture.paste((255, 255, 255), (0, 0, 32, 64))
    assert statistics_of(picture).contrast == pytest.approx(1.0, abs=0.01)


def test_what_is_blurred_has_less_detail_and_what_is_dark_less_light() -> None:
    picture = noise()
    before, blurred = statistics_of(picture), statistics_of(picture.filter(ImageFilter.GaussianBlur(3)))
    assert blurred.detail < 0.5 * before.detail
    assert blurred.brightness == pytest.approx(before.brightness, abs=0.01)
    dark = statistics_of(picture.point(lambda level: level // 3))
    assert dark.brightness < 0.5 * before.brightness
    assert (dark.shape, dark.size) == (before.shape, before.size)


def test_a_picture_that_is_turned_has_the_opposite_shape() -> None:
    picture = noise()
    turned = statistics_of(picture.transpose(Image.Transpose.ROTATE_90))
    assert turned.shape == pytest.approx(-statistics_of(picture).shape)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 1000))
def test_every_picture_has_all_numbers_and_most_lie_in_range(width: int, height: int, seed: int) -> None:
    values = statistics_of(noise((width, height), seed)).values()
    assert values.keys() == RANGES.keys()
    assert np.isfinite(list(values.values())).all()
    for name in ("brightness", "contrast", "colour"):
        low, high = RANGES[name]
        assert low <= values[name] <= high
