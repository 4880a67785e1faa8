"""Images are prepared exactly as transformers prepares them, for every size, and without torchvision."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil
from transformers.models.llava_onevision.processing_llava_onevision import LlavaOnevisionProcessor

from benchmarks.make_preparation_golden import SIZES, fingerprint
from benchmarks.make_preparation_golden import picture as draw_picture
from eyeward.engine.local.preparation import PreparationConfig, image_token_count, prepare_image
from eyeward.engine.local.resizing import Resizing
from eyeward.errors import CheckpointError

GOLDEN = Path(__file__).parents[2] / "golden" / "preparation"
NAMES = ("published", "mini")
picture = cache(draw_picture)


@pytest.mark.parametrize("name", NAMES)
def test_token_counts_equal_the_reference_on_60_sizes(name: str, tmp_path: Path) -> None:
    golden, config = read_golden(name, tmp_path)
    counts = {(size["height"], size["width"]): size["tokens"] for size in golden["sizes"]}
    assert tuple(counts) == SIZES
    assert len(counts) == 60
    assert {size: image_token_count(*size, config) for size in counts} == counts


@pytest.mark.parametrize("resizing", list(Resizing))
@pytest.mark.parametrize("name", NAMES)
def test_pixels_equal_the_reference_bit_for_bit_on_60_sizes(name: str, resizing: Resizing, tmp_path: Path) -> None:
    golden, config = read_golden(name, tmp_path, resizing)
    for size in golden["sizes"]:
        prepared = prepare_image(picture(size["height"], size["width"]), config)
        assert (size["height"], size["width"], fingerprint(prepared.tiles)) == (
            size["height"],
            size["width"],
            size[resizing.value],
        )


def test_golden_files_cover_shrunk_features_and_large_grids(tmp_path: Path) -> None:
    _, config = read_golden("published", tmp_path)
    plans = [config.tiling(*size) for size in SIZES]
    assert sum(plan.pooled is not None for plan in plans) >= 3
    assert max(plan.tiles for plan in plans) == 37
    assert min(plan.tiles for plan in plans) == 2


@given(height=st.integers(1, 700), width=st.integers(1, 700), side=st.sampled_from([28, 42]), grids=st.data())
@settings(max_examples=60)
def test_pixels_equal_the_installed_processor_for_any_size_and_grid(
    height: int, width: int, side: int, grids: st.DataObject
) -> None:
    pinpoints = grids.draw(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=8))
    config = make_config(tile_size=side, grid_pinpoints=[(side * down, side * across) for down, across in pinpoints])
    reference = LlavaOnevisionImageProcessorPil(
        size={"height": side, "width": side},
        image_grid_pinpoints=[list(point) for point in config.grid_pinpoints],
        image_mean=list(config.image_mean),
        image_std=list(config.image_std),
    )
    image = picture(height, width)
    expected = reference(image, return_tensors="np")["pixel_values"][0]
    tiles = prepare_image(image, config).tiles
    assert tiles.dtype == expected.dtype == np.float32
    assert np.array_equal(tiles, expected)


@given(
    height=st.integers(1, 9_000),
    width=st.integers(1, 9_000),
    patches=st.integers(1, 30),
    max_tiles=st.integers(1, 16),
    grids=st.lists(st.tuples(st.integers(1, 7), st.integers(1, 7)), min_size=1, max_size=36),
)
@example(height=376, width=1269, patches=27, max_tiles=9, grids=[(1, 3)])  # 23.999999999999996 feature rows, read as 24
@settings(max_examples=400)
def test_token_count_equals_the_installed_processor_for_any_size_and_grid(
    height: int, width: int, patches: int, max_tiles: int, grids: list[tuple[int, int]]
) -> None:
    side = patches * 14
    pinpoints = [(down * side, across * side) for down, across in grids]
    config = make_config(tile_size=side, patch_size=14, grid_pinpoints=pinpoints, max_tiles=max_tiles)
    reference: Any = object.__new__(LlavaOnevisionProcessor)
    reference.image_processor = SimpleNamespace(image_grid_pinpoints=pinpoints)
    reference.num_image_tokens = patches**2
    reference.vision_aspect_ratio = f"anyres_max_{max_tiles}"
    expected = reference._get_number_of_features(height, width, side, side)
    assert image_token_count(height, width, config) == expected


def test_square_image_in_a_grid_of_one_repeats_its_base_view() -> None:
    config = make_config(grid_pinpoints=[(28, 28), (28, 56)])
    square, wide = (prepare_image(picture(*size), config) for size in ((50, 50), (28, 56)))
    assert square.repeats_base
    assert np.array_equal(square.tiles[0], square.tiles[1])
    assert not wide.repeats_base
    assert not np.array_equal(wide.tiles[0], wide.tiles[1])


def test_nearly_square_image_does_not_repeat_its_base_view() -> None:
    config = make_config(grid_pinpoints=[(28, 28)])
    prepared = prepare_image(picture(50, 48), config)
    assert not prepared.repeats_base
    assert not np.array_equal(prepared.tiles[0], prepared.tiles[1])


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_other_modes_are_read_as_rgb(mode: str) -> None:
    image = picture(40, 30).convert(mode)
    assert np.array_equal(
        prepare_image(image, make_config()).tiles, prepare_image(image.convert("RGB"), make_config()).tiles
    )


def test_preparation_imports_neither_torch_nor_transformers() -> None:
    code = (
        "import sys; from PIL import Image; import eyeward.engine.local.preparation as p\n"
        "c = p.PreparationConfig(tile_size=28, patch_size=14, grid_pinpoints=((28, 28),), image_mean=(0, 0, 0),"
        " image_std=(1, 1, 1))\n"
        "p.prepare_image(Image.new('RGB', (40, 50)), c)\n"
        "assert not {'torch', 'transformers', 'torchvision'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_settings_are_read_from_the_newer_processor_file_too(tmp_path: Path) -> None:
    golden, config = read_golden("mini", tmp_path)
    files = golden["files"]
    (tmp_path / "preprocessor_config.json").unlink()
    write(tmp_path, "processor_config.json", {"image_processor": files["preprocessor_config.json"]})
    assert PreparationConfig.read(tmp_path) == config


def test_grid_of_the_model_serves_where_the_processor_names_none(tmp_path: Path) -> None:
    golden, config = read_golden("published", tmp_path)
    images = dict(golden["files"]["preprocessor_config.json"])
    del images["image_grid_pinpoints"]
    write(tmp_path, "preprocessor_config.json", images)
    assert PreparationConfig.read(tmp_path) == config


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("preprocessor_config.json", {"size": {"height": 384, "width": 384}}, "is not the vision tower's 112"),
        ("preprocessor_config.json", {"size": {"height": 112, "width": 224}}, "is not the vision tower's 112"),
        ("preprocessor_config.json", {"image_grid_pinpoints": [[224, 224]]}, "differ between the image processor"),
        ("preprocessor_config.json", {"do_resize": False}, "do_resize is False"),
        ("preprocessor_config.json", {"do_center_crop": True}, "do_center_crop is True"),
        ("preprocessor_config.json", {"do_normalize": False}, "do_normalize is False"),
        ("preprocessor_config.json", {"image_mean": [0.5]}, "Field required|Input should be"),
        ("config.json", {"vision_aspect_ratio": "anyres"}, "should be one anyres_max_N"),
        ("config.json", {"vision_aspect_ratio": "pad"}, "should be one anyres_max_N"),
        ("processor_config.json", {"vision_aspect_ratio": "anyres_max_4"}, "should be one anyres_max_N"),
    ],
)
def test_settings_that_would_change_pixels_are_refused(
    tmp_path: Path, file: str, change: dict[str, Any], message: str
) -> None:
    golden, _ = read_golden("mini", tmp_path)
    write(tmp_path, file, golden["files"].get(file, {}) | change)
    with pytest.raises(CheckpointError, match=message):
        PreparationConfig.read(tmp_path)


def test_grid_that_is_no_multiple_of_the_tile_is_refused(tmp_path: Path) -> None:
    golden, _ = read_golden("mini", tmp_path)
    for file, content in golden["files"].items():
        write(tmp_path, file, content | {"image_grid_pinpoints": [[112, 150]]})
    with pytest.raises(CheckpointError, match=r"\[\[112, 150\]\] are no multiples of the tile size 112"):
        PreparationConfig.read(tmp_path)


def test_missing_or_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"config.json is missing"):
        PreparationConfig.read(tmp_path)
    golden, _ = read_golden("mini", tmp_path)
    (tmp_path / "preprocessor_config.json").write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"preprocessor_config.json cannot be read as JSON"):
        PreparationConfig.read(tmp_path)
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(CheckpointError, match=r"has no preprocessor_config.json"):
        PreparationConfig.read(tmp_path)


def make_config(**fields: Any) -> PreparationConfig:
    """Give a small preparation with some fields changed."""
    plain = {"tile_size": 28, "patch_size": 14, "grid_pinpoints": [(28, 28)]}
    mean, std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    return PreparationConfig.model_validate({**plain, "image_mean": mean, "image_std": std, **fields})


def read_golden(
    name: str, folder: Path, resizing: Resizing = Resizing.pillow
) -> tuple[dict[str, Any], PreparationConfig]:
    """Read a golden file; its checkpoint settings are laid out in `folder` and read as those of a checkpoint."""
    golden: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    for file, content in golden["files"].items():
        write(folder, file, content)
    return golden, PreparationConfig.read(folder, resizing)


def write(folder: Path, file: str, content: dict[str, Any]) -> None:
    """Write one of a checkpoint's JSON files."""
    (folder / file).write_text(json.dumps(content), encoding="utf-8")
