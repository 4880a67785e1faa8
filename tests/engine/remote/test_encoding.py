"""Images travel without loss unless asked otherwise, and no larger than the model uses."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from eyeward.engine.remote.encoding import ImageFormat, data_url

NOISE = Image.fromarray(np.random.default_rng(1).integers(0, 255, (40, 60, 3), dtype=np.uint8))


def received(url: str) -> Image.Image:
    head, _, content = url.partition(",")
    assert head in ("data:image/png;base64", "data:image/jpeg;base64")
    return Image.open(BytesIO(base64.b64decode(content)))


def test_png_arrives_as_it_was() -> None:
    assert np.array_equal(np.asarray(received(data_url(NOISE, 100, ImageFormat.png))), np.asarray(NOISE))


def test_jpeg_is_smaller_for_smooth_pictures_and_close() -> None:
    smooth = NOISE.resize((300, 200), Image.Resampling.BICUBIC)
    png, jpeg = (data_url(smooth, 400, format) for format in ImageFormat)
    assert len(jpeg) < len(png)
    difference = np.asarray(received(jpeg), dtype=int) - np.asarray(smooth, dtype=int)
    assert np.abs(difference).mean() < 4


@pytest.mark.parametrize(("largest", "size"), [(60, (60, 40)), (30, (30, 20)), (16, (16, 11))])
def test_larger_images_are_shrunk_with_their_shape_kept(largest: int, size: tuple[int, int]) -> None:
    assert received(data_url(NOISE, largest, ImageFormat.png)).size == size


@pytest.mark.parametrize(
    ("bounds", "size"),
    [
        ({"shorter_side": 20}, (30, 20)),
        ({"shorter_side": 50}, (60, 40)),
        ({"most_pixels": 600}, (30, 20)),
        ({"most_pixels": 2400}, (60, 40)),
        ({"most_pixels": 600, "shorter_side": 10}, (15, 10)),
    ],
)
def test_the_shorter_side_and_the_area_may_be_bounded_too(bounds: dict[str, int], size: tuple[int, int]) -> None:
    assert received(data_url(NOISE, 100, ImageFormat.png, **bounds)).size == size


def test_other_modes_become_rgb() -> None:
    assert received(data_url(NOISE.convert("L"), 100, ImageFormat.png)).mode == "RGB"
