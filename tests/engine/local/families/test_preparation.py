"""Images of every family are prepared as transformers' processors prepare them, bit for bit, for every size."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from eyeward.engine.local.families import Family, find_family
from eyeward.engine.local.families.llava import Llava, LlavaSettings
from eyeward.engine.local.families.llava_next import LlavaNext
from eyeward.engine.local.families.qwen25_vl import Qwen25VL, QwenSettings, smart_resize
from eyeward.engine.local.preparation import PreparationConfig
from eyeward.engine.local.resizing import Resizing
from eyeward.errors import CheckpointError
from tests.engine.local.families.checkpoints import MEAN, STD, make_llava, make_llava_next, make_qwen
from tests.engine.local.families.processing import noise
from tests.engine.local.tiny import write_json

NORMALISED: dict[str, Any] = {"image_mean": tuple(MEAN), "image_std": tuple(STD)}
SIDES = st.integers(1, 500)
FILES = ("config.json", "preprocessor_config.json", "processor_config.json")


@given(height=SIDES, width=SIDES, padded=st.booleans(), side=st.sampled_from([28, 42, 336]))
@settings(max_examples=60, deadline=None)
@example(height=1, width=100, padded=False, side=28)
@example(height=335, width=337, padded=True, side=336)
def test_llava_equals_its_processor(height: int, width: int, padded: bool, side: int) -> None:
    if max(height, width) > 100 * min(height, width):
        height, width = max(height, 5), max(width, 5)
    image = noise(1, width, height)
    kind: Any = LlavaImageProcessorPil if padded else CLIPImageProcessorPil
    reference = kind(
        size={"shortest_edge": side},
        crop_size={"height": side, "width": side},
        image_mean=MEAN,
        image_std=STD,
        **({"do_pad": True} if padded else {}),
    )
    expected = reference(image, return_tensors="np")["pixel_values"][0]
    ours = Llava(LlavaSettings(side=side, patch_size=14, padded=padded, **NORMALISED)).prepare(image)
    assert ours.dtype == expected.dtype == np.float32
    assert np.array_equal(ours, expected)


@given(height=SIDES, width=SIDES, side=st.sampled_from([28, 42]))
@settings(max_examples=15, deadline=None)
def test_llava_without_a_crop_squeezes_as_its_processor_does(height: int, width: int, side: int) -> None:
    image = noise(2, width, height)
    reference: Any = CLIPImageProcessorPil(
        size={"height": side, "width": side}, do_center_crop=False, image_mean=MEAN, image_std=STD
    )
    ours = Llava(LlavaSettings(side=side, patch_size=14, keeps_shape=False, **NORMALISED)).prepare(image)
    assert np.array_equal(ours, reference(image, return_tensors="np")["pixel_values"][0])


@given(height=SIDES, width=SIDES, side=st.sampled_from([28, 42, 336]))
@settings(max_examples=40, deadline=None)
def test_llava_next_equals_its_processor(height: int, width: int, side: int) -> None:
    image = noise(3, width, height)
    grids = [[side, side * 2], [side * 2, side], [side * 2, side * 2], [side * 3, side], [side, side * 3]]
    reference: Any = LlavaNextImageProcessorPil(
        size={"shortest_edge": side},
        crop_size={"height": side, "width": side},
        image_grid_pinpoints=grids,
        image_mean=MEAN,
        image_std=STD,
    )
    config = PreparationConfig.model_validate(
        {"tile_size": side, "patch_size": 14, "grid_pinpoints": grids, "max_tiles": None} | NORMALISED
    )
    assert np.array_equal(
        LlavaNext(config).prepare(image).tiles, reference(image, return_tensors="np")["pixel_values"][0]
    )


@given(height=SIDES, width=SIDES, limits=st.sampled_from([(3136, 28 * 28 * 40), (784, 28 * 28), (50_000, 60_000)]))
@settings(max_examples=60, deadline=None)
@example(height=98, width=70, limits=(784, 28 * 28 * 40))  # 3.5 and 2.5 tokens: both are rounded to the even side
@example(height=70, width=98, limits=(784, 28 * 28 * 40))
@example(height=2, width=400, limits=(784, 28 * 28 * 40))
def test_qwen_equals_its_processor(height: int, width: int, limits: tuple[int, int]) -> None:
    height, width = max(height, 3 if width > 400 else 1), max(width, 3 if height > 400 else 1)
    if max(height, width) > 200 * min(height, width):
        height, width = height + 2, width + 2
    image = noise(4, width, height)
    least, most = limits
    reference: Any = Qwen2VLImageProcessorPil(min_pixels=least, max_pixels=most, image_mean=MEAN, image_std=STD)
    expected = reference(image, return_tensors="np")
    ours = qwen(least, most).prepare(image)
    assert [1, ours.rows, ours.columns] == expected["image_grid_thw"][0].tolist()
    assert ours.patches.dtype == expected["pixel_values"].dtype == np.float32
    assert np.array_equal(ours.patches, expected["pixel_values"])
    assert qwen(least, most).token_count(height, width) == ours.rows * ours.columns // 4


@given(
    height=st.integers(1, 9_000), width=st.integers(1, 9_000), limits=st.tuples(st.integers(784, 20_000), st.just(1))
)
def test_areas_stay_within_the_limits_and_shapes_near_what_they_were(
    height: int, width: int, limits: tuple[int, int]
) -> None:
    least, most = limits[0], limits[0] * 60
    if max(height, width) > 200 * min(height, width):
        with pytest.raises(ValueError, match="too long"):
            smart_resize(height, width, 28, least, most)
        return
    down, across = smart_resize(height, width, 28, least, most)
    assert down % 28 == across % 28 == 0
    assert min(down, across) >= 28
    assert down * across >= least or min(height, width) < 28
    assert down * across <= most or min(down, across) == 28


def qwen(least: int, most: int) -> Qwen25VL:
    return Qwen25VL(
        QwenSettings(
            patch_size=14, merge_size=2, temporal_patch_size=2, min_pixels=least, max_pixels=most, **NORMALISED
        )
    )


def test_images_that_are_too_long_are_refused_before_they_take_memory() -> None:
    with pytest.raises(ValueError, match="1 x 101 pixels is too long"):
        Llava(LlavaSettings(side=336, patch_size=14, **NORMALISED)).prepare(Image.new("RGB", (1, 101)))


def read(make: Callable[..., Any], folder: Path, **images: Any) -> Family:
    make(folder, **images)
    return find_family(json.loads((folder / "config.json").read_text())["model_type"], folder).read(
        folder, Resizing.pillow
    )


def test_token_counts_are_those_of_the_published_models() -> None:
    assert Llava(LlavaSettings(side=336, patch_size=14, **NORMALISED)).token_count(123, 456) == 576
    grids = [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]
    config = {"tile_size": 336, "patch_size": 14, "grid_pinpoints": grids, "max_tiles": None}
    tiled = LlavaNext(PreparationConfig.model_validate(config | NORMALISED))
    assert tiled.token_count(1000, 1000) == 576 + 48 * 49
    assert tiled.token_count(336, 1008) == 576 + 24 * 73
    assert qwen(784, 1280 * 28 * 28).token_count(480, 640) == 17 * 23
    assert qwen(784, 1280 * 28 * 28).token_count(4000, 4000) == 35 * 35


def test_settings_are_read_from_the_files(tmp_path: Path) -> None:
    llava = read(make_llava, tmp_path / "a", side=42, image_processor_type="LlavaImageProcessor", do_pad=True).settings
    assert (llava.side, llava.patch_size, llava.padded, llava.keeps_shape, llava.extra_tokens) == (
        42,
        14,
        True,
        True,
        0,
    )
    squeezed = read(make_llava, tmp_path / "b", size={"height": 56, "width": 56}, do_center_crop=False).settings
    assert (squeezed.keeps_shape, squeezed.padded) == (False, False)
    tiled = read(make_llava_next, tmp_path / "c", grids=((1, 2), (2, 2))).settings
    assert (tiled.grid_pinpoints, tiled.max_tiles) == (((56, 112), (112, 112)), None)
    limits = read(make_qwen, tmp_path / "d", min_pixels=784, max_pixels=1003520).settings
    assert (limits.min_pixels, limits.max_pixels, limits.token_side) == (784, 1003520, 28)
    edges = {"shortest_edge": 3136, "longest_edge": 12845056}
    renamed = read(make_qwen, tmp_path / "e", min_pixels=None, max_pixels=None, size=edges).settings
    assert (renamed.min_pixels, renamed.max_pixels) == (3136, 12845056)
    usual = read(make_qwen, tmp_path / "f", min_pixels=None, max_pixels=None).settings
    assert (usual.min_pixels, usual.max_pixels) == (56 * 56, 28 * 28 * 1280)


def test_settings_are_read_from_the_newer_file_too(tmp_path: Path) -> None:
    old = read(make_qwen, tmp_path, max_pixels=200_000).settings
    file = tmp_path / "preprocessor_config.json"
    write_json(tmp_path / "processor_config.json", {"image_processor": json.loads(file.read_text())})
    file.unlink()
    assert Qwen25VL.read(tmp_path, Resizing.pillow).settings == old


@pytest.mark.parametrize(
    ("make", "images", "message"),
    [
        (make_llava, {"crop_size": {"height": 28, "width": 28}}, "crop_size .* is not the vision tower's 56"),
        (make_llava, {"size": {"shortest_edge": 28}}, "image size .* is not the vision tower's 56"),
        (make_llava, {"size": {"shortest_edge": 56, "longest_edge": 99}}, "image size .* is not the vision"),
        (make_llava, {"do_center_crop": False}, "would not be square"),
        (make_llava, {"do_normalize": False}, "do_normalize is False"),
        (make_llava_next, {"size": {"shortest_edge": 28}}, "image size .* is not the vision tower's 56"),
        (make_llava_next, {"image_grid_pinpoints": [[56, 112]]}, "image_grid_pinpoints differ"),
        (make_qwen, {"merge_size": 1}, "merge_size is 1 for the image processor and 2 for the vision tower"),
        (make_qwen, {"min_pixels": 9000, "max_pixels": 8000}, "max_pixels 8000 is less than min_pixels 9000"),
        (make_qwen, {"do_rescale": False}, "do_rescale is False"),
    ],
)
def test_settings_that_the_family_does_not_have_are_refused(
    tmp_path: Path, make: Callable[..., Any], images: dict[str, Any], message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        read(make, tmp_path, **images)


@pytest.mark.parametrize("make", [make_llava, make_llava_next, make_qwen])
def test_the_resizer_of_torchvision_is_refused(tmp_path: Path, make: Callable[..., Any]) -> None:
    family = type(read(make, tmp_path))
    with pytest.raises(CheckpointError, match="resized with 'pillow' only"):
        family.read(tmp_path, Resizing.torchvision)
