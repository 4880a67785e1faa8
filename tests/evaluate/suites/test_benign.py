"""Changes that anybody makes: every level can be read, and a stronger one changes more."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from eyeward.evaluate.suites.attack import Family, PictureAttack, number
from eyeward.evaluate.suites.benign import BENIGN
from tests.evaluate.suites.pictures import SIDE, decoded, picture, red_disc, redness, shown

BY_NAME = {attack.name: attack for attack in BENIGN}


def made(name: str, level: int) -> bytes:
    attack = BY_NAME[name]
    return attack.change(picture(), attack.values[level])


def test_the_changes_are_those_that_were_promised_in_five_levels_but_for_the_mirror() -> None:
    assert set(BY_NAME) == {
        "jpeg",
        "resize",
        "crop",
        "flip",
        "rotate",
        "blur",
        "noise",
        "brighter",
        "darker",
        "screenshot",
        "border",
        "grey",
    }
    assert {attack.name: len(attack.values) for attack in BENIGN if len(attack.values) != 5} == {"flip": 1}
    assert {attack.family for attack in BENIGN} == {Family.benign}
    assert not any(attack.on_unsafe_only for attack in BENIGN)


@pytest.mark.parametrize("attack", BENIGN, ids=lambda attack: attack.name)
def test_every_level_is_an_image_of_one_frame_and_the_same_each_time(attack: PictureAttack) -> None:
    for value in attack.values:
        data = attack.change(picture(), value)
        assert data == attack.change(picture(), value)
        assert len(decoded(data).frames) == 1


@pytest.mark.parametrize("name", ["jpeg", "rotate", "blur", "noise", "brighter", "darker", "grey"])
def test_a_higher_level_changes_the_pixels_more(name: str) -> None:
    before = np.asarray(red_disc(), np.float64)
    gaps = [float(np.abs(shown(made(name, level)) - before).mean()) for level in (0, 4)]
    assert 0 < gaps[0] < gaps[1]


def test_jpeg_has_the_quality_that_is_named() -> None:
    written = io.BytesIO()
    red_disc().save(written, "JPEG", quality=30)
    assert made("jpeg", 3) == written.getvalue()


def test_sizes_follow_their_parameter() -> None:
    assert [shown(made("resize", level)).shape[0] for level in range(5)] == [
        round(SIDE * number(factor)) for factor in BY_NAME["resize"].values
    ]
    assert shown(made("crop", 4)).shape[:2] == (68, 68)
    assert shown(made("screenshot", 4)).shape[:2] == (SIDE + 2 * 29, SIDE)
    assert shown(made("border", 4)).shape[:2] == (SIDE + 48, SIDE + 48)


def test_the_picture_itself_stays_whole_in_a_screenshot_and_in_a_border() -> None:
    own = np.asarray(red_disc(), np.float64)
    assert (shown(made("screenshot", 0))[5 : 5 + SIDE] == own).all()
    assert (shown(made("border", 4))[24 : 24 + SIDE, 24 : 24 + SIDE] == own).all()


def test_the_mirror_swaps_left_and_right_and_grey_takes_all_colour() -> None:
    assert (shown(made("flip", 0)) == np.asarray(red_disc(), np.float64)[:, ::-1]).all()
    assert redness(made("grey", 0)) > 0.2
    assert redness(made("grey", 4)) == 0.0


def test_noise_is_another_for_another_picture_and_grows_with_the_level_only() -> None:
    noise = BY_NAME["noise"]
    assert noise.change(picture(seed=1), 8) != noise.change(picture(seed=2), 8)
    middle = Image.new("RGB", (SIDE, SIDE), (128, 128, 128))
    one, three = (
        np.asarray(decoded(noise.change(type(picture())(middle, (middle,), 7), deviation)).frames[0].pixels, np.float64)
        - 128
        for deviation in (8, 24)
    )
    assert np.corrcoef(one.ravel(), three.ravel())[0, 1] > 0.99
    assert abs(one.std() - 8) < 0.5
