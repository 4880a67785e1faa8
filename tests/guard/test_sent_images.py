"""Images that are sent to a server are no larger than the model uses, and no smaller."""

from __future__ import annotations

import base64
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from eyeward.engine.local.families import find_family
from eyeward.engine.local.preparation import read_json
from eyeward.engine.local.resizing import Resizing
from eyeward.engine.remote.encoding import ImageFormat, data_url
from eyeward.engine.remote.settings import RemoteSettings
from eyeward.guard.sent_images import image_bounds
from tests.engine.local.families.checkpoints import make_llava, make_llava_next, make_qwen
from tests.engine.local.tiny import make_checkpoint, write_json

SIZES = [(700, 500), (500, 700), (640, 600), (57, 56), (301, 299)]
LONG = [(1200, 90), (90, 1200)]


def sent(folder: Path, image: Image.Image) -> Image.Image:
    """Return an image as a server gets it."""
    settings = RemoteSettings(address="http://127.0.0.1:9/v1").model_copy(update=dict(image_bounds(folder)))
    url = data_url(image, settings.largest_side, ImageFormat.png, settings.shorter_side, settings.most_pixels)
    return Image.open(BytesIO(base64.b64decode(url.partition(",")[2])))


def smooth(width: int, height: int) -> Image.Image:
    """Draw slopes of colour: how they are resized, in one step or in two, hardly matters."""
    down = Image.linear_gradient("L")
    planes = [plane.resize((width, height)) for plane in (down, down.rotate(90), Image.radial_gradient("L"))]
    return Image.merge("RGB", planes)


@pytest.mark.parametrize(
    ("make", "bounds"),
    [
        (make_checkpoint, {"largest_side": 112}),
        (make_llava_next, {"largest_side": 168}),
        (make_llava, {"shorter_side": 56, "largest_side": 5600}),
        (make_qwen, {"most_pixels": 2 * 112 * 112, "largest_side": 2240}),
    ],
)
def test_every_family_bounds_images_by_what_its_files_say(
    make: Callable[[Path], Any], bounds: dict[str, int], tmp_path: Path
) -> None:
    make(tmp_path / "tiny")
    assert image_bounds(tmp_path / "tiny") == bounds


def test_a_llava_that_pads_shows_the_longer_side_whole(tmp_path: Path) -> None:
    make_llava(tmp_path / "tiny", do_pad=True)
    assert image_bounds(tmp_path / "tiny") == {"largest_side": 56}


@pytest.mark.parametrize(
    ("make", "sizes"),
    [(make_llava, SIZES + LONG), (make_qwen, SIZES + LONG), (make_llava_next, SIZES[:2]), (make_checkpoint, SIZES[:2])],
)
def test_a_model_reads_an_image_that_was_sent_as_it_reads_the_original(
    make: Callable[[Path], Any], sizes: list[tuple[int, int]], tmp_path: Path
) -> None:
    folder = tmp_path / "tiny"
    make(folder)
    family = find_family(read_json(folder / "config.json")["model_type"], folder).read(folder, Resizing.pillow)

    def read(image: Image.Image) -> NDArray[np.float32]:
        ready = family.prepare(image)
        return np.asarray(getattr(ready, "tiles", getattr(ready, "patches", ready)))

    for width, height in sizes:
        image = smooth(width, height)
        arrived = sent(folder, image)
        assert arrived.width <= width and arrived.height <= height
        assert family.token_count(arrived.height, arrived.width) == family.token_count(height, width)
        ours, theirs = read(image), read(arrived)
        assert ours.shape == theirs.shape
        assert float(np.abs(ours - theirs).mean()) < 0.1  # of values that spread over about four


def test_a_large_image_is_sent_small(tmp_path: Path) -> None:
    make_llava(tmp_path / "llava")
    assert sent(tmp_path / "llava", smooth(700, 500)).size == (78, 56)
    make_qwen(tmp_path / "qwen")
    wide = sent(tmp_path / "qwen", smooth(1000, 250))
    assert 0.97 < wide.width * wide.height / (2 * 112 * 112) <= 1.03


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", {"model_type": "mllama"}),
        ("config.json", {"model_type": "llava"}),
        ("config.json", {"model_type": "llava", "vision_config": {"image_size": 0}}),
        ("preprocessor_config.json", {"max_pixels": -1}),
        ("preprocessor_config.json", {"max_pixels": "many"}),
        ("preprocessor_config.json", {}),
    ],
)
def test_files_that_do_not_say_bound_nothing(file: str, content: dict[str, Any], tmp_path: Path) -> None:
    write_json(tmp_path / "config.json", {"model_type": "qwen2_5_vl", "vision_config": {}})
    write_json(tmp_path / "preprocessor_config.json", {"max_pixels": 50_176})
    assert image_bounds(tmp_path)["most_pixels"] == 100_352
    write_json(tmp_path / file, content)
    assert image_bounds(tmp_path) == {}


def test_a_folder_without_such_files_bounds_nothing(tmp_path: Path) -> None:
    assert image_bounds(tmp_path) == {}
