"""From an image to tiles, exactly as transformers' processors of LLaVA-OneVision and LLaVA-NeXT give them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import PositiveInt, ValidationError, model_validator

from eyeward.engine.local.normalising import PixelSettings, normalise, pixel_settings
from eyeward.engine.local.resizing import TORCH_MODES, Resizing, resize
from eyeward.engine.local.tiling import Tiling, plan_tiles
from eyeward.errors import CheckpointError, UsageError

Tiles = NDArray[np.float32]
"""[tiles, 3, tile_size, tile_size], normalised"""

MAX_TILES = re.compile(r"anyres_max_(\d+)")


class PreparationConfig(PixelSettings):
    """How a checkpoint wants its images cut into tiles."""

    tile_size: PositiveInt
    """Side of a tile in pixels: the only image size that the vision tower reads."""
    patch_size: PositiveInt
    """Side in pixels of the square that one feature stands for."""
    grid_pinpoints: tuple[tuple[PositiveInt, PositiveInt], ...]
    """Allowed (height, width) of the grid of tiles, in pixels."""
    max_tiles: PositiveInt | None = 9
    """Features worth more tiles than this are shrunk: the number in `anyres_max_9`; None where they never are."""

    @model_validator(mode="after")
    def _grids_are_whole_tiles(self) -> Self:
        if not self.grid_pinpoints:
            raise ValueError("image_grid_pinpoints is empty")
        broken = [list(point) for point in self.grid_pinpoints if any(side % self.tile_size for side in point)]
        if broken:
            raise ValueError(f"image_grid_pinpoints {broken} are no multiples of the tile size {self.tile_size}")
        if self.resizing is Resizing.torchvision and self.resample not in TORCH_MODES:
            raise ValueError(f"torchvision has no {self.resample.name.lower()} filter here; use resizing='pillow'")
        return self

    @property
    def patches(self) -> int:
        """Features along one side of a tile."""
        return self.tile_size // self.patch_size

    def tiling(self, height: int, width: int) -> Tiling:
        """Plan an image of this many pixels."""
        return plan_tiles((height, width), self.grid_pinpoints, self.tile_size, self.patches, self.max_tiles)

    def capped(self, most: int) -> Self:
        """Return the same with only those grids that have at most so many tiles; the base view is not counted.

        Raises:
            UsageError: when there is none.
        """
        tiles = [height * width // self.tile_size**2 for height, width in self.grid_pinpoints]
        kept = tuple(grid for grid, count in zip(self.grid_pinpoints, tiles, strict=True) if count <= most)
        if not kept:
            least = min(tiles)
            raise UsageError(
                f"max_tiles is {most}, but this model reads a base view and a grid of at least {least} "
                f"{'tile' if least == 1 else 'tiles'} of each image; use {least} or more."
            )
        return self.model_copy(update={"grid_pinpoints": kept})

    @classmethod
    def read(cls, folder: Path, resizing: Resizing = Resizing.pillow) -> PreparationConfig:
        """Read a checkpoint's `config.json` and `preprocessor_config.json` (or the newer `processor_config.json`).

        Raises CheckpointError where a file is missing or asks for something that LLaVA-OneVision models do not do.
        """
        with understood(folder):
            return cls.model_validate(_settings(*read_settings(folder)) | {"resizing": resizing})


def read_settings(folder: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Read what a checkpoint says of its model, its processor and its image processor, each a JSON object.

    Raises:
        CheckpointError: when a file is missing or no JSON.
    """
    model = read_json(folder / "config.json")
    processor_file = folder / "processor_config.json"
    processor = read_json(processor_file) if processor_file.is_file() else {}
    file = folder / "preprocessor_config.json"
    images: dict[str, Any] = read_json(file) if file.is_file() else processor.get("image_processor", {})
    if not images:
        raise CheckpointError(f"{folder} has no preprocessor_config.json: copy it from the base model's folder.")
    return model, processor, images


@contextmanager
def understood(folder: Path) -> Iterator[None]:
    """Turn what is wrong with a checkpoint's image settings into a CheckpointError that names the folder."""
    try:
        yield
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise CheckpointError(f"{folder} describes images in a way Eyeward cannot follow: {reason}.") from error


def read_json(file: Path) -> dict[str, Any]:
    """Read a JSON object, or raise CheckpointError."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{file} is missing: is {file.parent} a checkpoint in Hugging Face format?") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file} cannot be read as JSON: {error}.") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{file} should hold a JSON object.")
    return content


@dataclass(frozen=True)
class PreparedImage:
    """An image as the vision tower reads it."""

    tiles: Tiles
    """The base view, then the grid's tiles row by row."""
    height: int
    """Pixels of the image before it was cut."""
    width: int
    tiling: Tiling
    repeats_base: bool
    """The only tile equals the base view (square images in a grid of one), so that it need not be computed again."""


def prepare_image(image: Image.Image, config: PreparationConfig) -> PreparedImage:
    """Resize, pad, cut and normalise one image."""
    image = image if image.mode == "RGB" else image.convert("RGB")
    tiling = config.tiling(image.height, image.width)
    side = config.tile_size
    tiles: Tiles = np.empty((tiling.tiles, 3, side, side), dtype=np.float32)

    base = resize(image, (side, side), config.resample, config.resizing)
    normalise(base, config, tiles[0])

    repeats_base = tiling.grid == (1, 1) and tiling.resized == (side, side)
    if repeats_base:
        tiles[1] = tiles[0]
    else:
        rows, columns = tiling.grid
        canvas = np.zeros((rows * side, columns * side, 3), dtype=np.uint8)
        height, width = tiling.resized
        resized = resize(image, tiling.resized, config.resample, config.resizing)
        canvas[tiling.top : tiling.top + height, tiling.left : tiling.left + width] = resized
        cut = canvas.reshape(rows, side, columns, side, 3).transpose(0, 2, 1, 3, 4).reshape(-1, side, side, 3)
        normalise(cut, config, tiles[1:])
    return PreparedImage(tiles, image.height, image.width, tiling, repeats_base)


def image_token_count(height: int, width: int, config: PreparationConfig) -> int:
    """Count the image tokens that stand in the prompt for an image of this size."""
    return config.patches**2 + config.tiling(height, width).grid_tokens


def _settings(model: dict[str, Any], processor: dict[str, Any], images: dict[str, Any]) -> dict[str, Any]:
    """Gather the fields of PreparationConfig from the three files; ValueError where they contradict each other."""
    vision = model["vision_config"]
    tile_size = int(vision["image_size"])
    size = images.get("size", {})
    asked = {int(size[key]) for key in ("height", "width", "shortest_edge") if size.get(key)}
    if asked != {tile_size}:
        raise ValueError(f"the image size {size} is not the vision tower's {tile_size}")
    if images.get("do_center_crop"):
        raise ValueError("do_center_crop is True")
    ratios = {source["vision_aspect_ratio"] for source in (processor, model) if source.get("vision_aspect_ratio")} or {
        "anyres_max_9"
    }
    ratio = ratios.pop()
    match = MAX_TILES.fullmatch(ratio)
    if ratios or not match:
        raise ValueError(f"vision_aspect_ratio should be one anyres_max_N, not {sorted({ratio, *ratios})}")
    return {
        "tile_size": tile_size,
        "patch_size": int(vision["patch_size"]),
        "grid_pinpoints": grid_pinpoints(model, images),
        "max_tiles": int(match[1]),
    } | pixel_settings(images)


def grid_pinpoints(model: dict[str, Any], images: dict[str, Any]) -> tuple[tuple[int, int], ...]:
    """Return the grids that both files agree on; ValueError where they do not."""
    pinpoints = {
        tuple((int(height), int(width)) for height, width in source["image_grid_pinpoints"])
        for source in (images, model)
        if source.get("image_grid_pinpoints")
    }
    if len(pinpoints) > 1:
        raise ValueError("image_grid_pinpoints differ between the image processor and config.json")
    if not pinpoints:
        raise ValueError("image_grid_pinpoints is nowhere given")
    return pinpoints.pop()
