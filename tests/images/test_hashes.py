from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from eyeward.images import grey_thumbnail, perceptual_hash
from tests.data.drawn import encoded, picture


def bits(one: int, other: int) -> int:
    return (one ^ other).bit_count()


@pytest.mark.parametrize("seed", range(5))
def test_a_copy_is_near_and_another_picture_is_far(seed: int) -> None:
    original = picture(seed, 160)
    jpeg = Image.open(io.BytesIO(encoded(original, "JPEG", quality=40)))
    copies = [jpeg, original.resize((80, 90)), ImageEnhance.Brightness(original).enhance(1.1), original.convert("L")]
    for copy in copies:
        assert bits(perceptual_hash(original), perceptual_hash(copy)) <= 6
        levels = [np.frombuffer(grey_thumbnail(image), np.uint8) for image in (original, copy)]
        assert np.asarray(np.corrcoef(levels))[0, 1] > 0.98
    assert bits(perceptual_hash(original), perceptual_hash(picture(seed + 100, 160))) > 12


def test_the_bits_are_those_of_imagehash() -> None:
    ramp = np.add.outer(np.arange(60) * 3, np.arange(80) * 2 % 97).astype(np.uint8)
    assert f"{perceptual_hash(Image.fromarray(ramp)):016x}" == "891b661966d966d9"
    assert f"{perceptual_hash(picture(3, 100)):016x}" == "f853e9c3ceb90146"


def test_a_picture_of_one_colour_has_a_hash() -> None:
    assert len(grey_thumbnail(Image.new("RGB", (3, 3)))) == 256
    assert 0 <= perceptual_hash(Image.new("RGB", (3, 3), "white")) < 2**64
