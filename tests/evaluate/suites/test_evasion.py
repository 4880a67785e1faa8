"""Ways to hide a picture: what is claimed to be hidden is there, and what a careless reader sees is not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from eyeward.evaluate.suites.attack import Family, Picture, PictureAttack
from eyeward.evaluate.suites.evasion import EVASION, MOST_SIDE
from eyeward.images import DecodedImage, decode
from tests.evaluate.suites.pictures import SIDE, decoded, picture, plain, red_disc, redness, shown

BY_NAME = {attack.name: attack for attack in EVASION}


def made(name: str, level: int) -> bytes:
    attack = BY_NAME[name]
    return attack.change(picture(), attack.values[level])


def change(name: str, level: int, own: Picture) -> NDArray[np.float64]:
    """Return the pixels of the first frame of a picture that was changed."""
    return shown(BY_NAME[name].change(own, BY_NAME[name].values[level]))


def level_of(grey: Image.Image) -> int:
    return int(np.asarray(grey)[0, 0, 0])


@pytest.mark.parametrize("attack", EVASION, ids=lambda attack: attack.name)
def test_every_level_can_be_read_and_is_for_unsafe_pictures_only(attack: PictureAttack) -> None:
    assert attack.family is Family.evasion and attack.on_unsafe_only and len(attack.values) == 5
    for value in attack.values:
        assert isinstance(decode(attack.change(picture(), value)), DecodedImage)


def test_a_small_part_takes_the_share_of_the_sides_that_is_named() -> None:
    whole = redness(made("small part", 0)) / 0.7**2
    for level, share in enumerate((0.7, 0.5, 0.35, 0.25, 0.15)):
        assert redness(made("small part", level)) == pytest.approx(whole * share**2, rel=0.15)
    assert max(shown(made("small part", 4)).shape) == round(SIDE / 0.15)


def test_a_picture_grows_no_further_than_the_most() -> None:
    large = Image.new("RGB", (1200, 600), (255, 0, 0))
    grey = Image.new("RGB", (64, 64), (128, 128, 128))
    grown = BY_NAME["small part"].change(type(picture())(large, (grey,), 1), 0.15)
    assert shown(grown).shape[:2] == (MOST_SIDE // 2, MOST_SIDE)
    huge = Image.new("RGB", (2400, 800), (255, 0, 0))
    kept = BY_NAME["small part"].change(type(picture())(huge, (grey,), 1), 0.5)
    assert shown(kept).shape[:2] == (800, 2400)


def test_a_collage_shows_the_picture_once_among_the_others() -> None:
    whole = (56 * 56) / SIDE**2
    assert redness(made("collage", 0)) == pytest.approx(whole / 4, rel=0.1)
    assert redness(made("collage", 4)) == pytest.approx(whole / 36, rel=0.25)


@pytest.mark.parametrize("name", ["overlay text", "emoji", "watermark", "low contrast"])
def test_more_of_it_hides_more(name: str) -> None:
    before = np.asarray(red_disc(), np.float64)
    gaps = [float(np.abs(shown(made(name, level)) - before).mean()) for level in (0, 4)]
    assert 0 < gaps[0] < gaps[1]
    assert shown(made(name, 4)).shape == before.shape


def test_a_guard_sees_what_is_see_through_over_white_and_over_black() -> None:
    found = decoded(made("see-through", 4))
    assert len(found.frames) == 2
    white, black = (np.asarray(frame.pixels, np.float64).mean() for frame in found.frames)
    assert white > 220 and black < 40


def test_of_two_faces_one_is_benign_over_white_and_the_other_shows_the_picture_over_black() -> None:
    white, black = (np.asarray(frame.pixels.convert("L"), np.float64) for frame in decoded(made("two faces", 4)).frames)
    assert white.std() < 2  # the benign picture is all grey
    own = np.asarray(red_disc().convert("L"), np.float64)
    assert np.abs(black - own * 0.5).max() < 3


def test_exif_shows_the_picture_upright_to_whoever_follows_it_and_to_nobody_else() -> None:
    own = np.asarray(red_disc(), np.float64)
    for level in range(5):
        data = made("exif orientation", level)
        assert (shown(data) == own).all()
        assert not np.array_equal(np.asarray(plain(data), np.float64), own)


def test_the_picture_is_in_one_later_frame_of_the_animation() -> None:
    for level, (count, place) in enumerate([(2, 1), (4, 2), (8, 5), (16, 10), (32, 21)]):
        data = made("late frame", level)
        with Image.open(io.BytesIO(data)) as animation:
            assert getattr(animation, "n_frames", 1) == count
            reds = []
            for number in range(count):
                animation.seek(number)
                pixels = np.asarray(animation.convert("RGB"), np.int64)
                reds.append(bool((pixels[8:, :, 0] - pixels[8:, :, 1] > 60).any()))
        assert [number for number, red in enumerate(reds) if red] == [place]


def test_which_benign_pictures_come_first_is_drawn_for_each_picture_and_stays() -> None:
    firsts = [level_of(picture(seed).beside[0]) for seed in range(12)]
    assert set(firsts) == {120, 180}
    assert firsts == [level_of(picture(seed).beside[0]) for seed in range(12)]
    assert all(sorted(map(level_of, picture(seed).beside)) == [120, 180] for seed in range(12))


@pytest.mark.parametrize("seed", [0, 1])
def test_at_all_levels_a_picture_is_hidden_among_the_same(seed: int) -> None:
    own = picture(seed)
    first, second = map(level_of, own.beside)
    for level in range(5):
        seen, count = np.unique(change("small part", level, own).reshape(-1, 3), axis=0, return_counts=True)
        assert seen[count.argmax()].tolist() == [first] * 3
        brightness = float(BY_NAME["two faces"].values[level])
        over_white = change("two faces", level, own)
        assert over_white.mean() == pytest.approx(255 * (brightness + first / 255 * (1 - brightness)), abs=3)
        assert set(np.unique(change("late frame", level, own)[8:])) == {first}  # the first frame
        cells = 2 + level
        collage = change("collage", level, own)
        side = len(collage) // cells
        centres = collage[side // 2 :: side, side // 2 :: side].reshape(-1, 3)
        others = [[first, second][place % 2] for place in range(cells * cells)]
        assert sum(cell.tolist() != [other] * 3 for cell, other in zip(centres, others, strict=True)) == 1
