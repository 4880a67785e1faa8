"""Qwen2.5-VL (arXiv 2502.13923): QwenGuard. Images near their own size; rows and columns as rotary positions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import PositiveInt, model_validator
from torch import Tensor

from eyeward.engine.local.families.family import ImageTokens
from eyeward.engine.local.image_features import pooled
from eyeward.engine.local.normalising import PixelSettings, normalise, pixel_settings
from eyeward.engine.local.preparation import read_settings, understood
from eyeward.engine.local.resizing import Resizing, pillow_only, resize
from eyeward.errors import UsageError

PATCHES_AT_ONCE = 8192
"""Patches that go through the vision tower together; bounds memory, changes no result. An image is never divided."""

LONGEST = 200
"""How many times longer than wide an image may be; the model's own limit."""


class QwenSettings(PixelSettings):
    """How a checkpoint wants its images."""

    patch_size: PositiveInt
    """Side of a patch in pixels."""
    merge_size: PositiveInt
    """Patches along the side of a square that makes one image token."""
    temporal_patch_size: PositiveInt
    """Frames that a patch spans; an image is repeated as often."""
    min_pixels: PositiveInt
    """Smaller images are enlarged."""
    max_pixels: PositiveInt
    """Larger images are shrunk. Both limits count the pixels after sides are rounded to whole tokens."""

    @model_validator(mode="after")
    def _limits_hold_a_token(self) -> Self:
        if self.max_pixels < max(self.min_pixels, self.token_side**2):
            raise ValueError(f"max_pixels {self.max_pixels} is less than min_pixels {self.min_pixels} or one token")
        return self

    @property
    def token_side(self) -> int:
        """Pixels along the side of what one image token stands for."""
        return self.patch_size * self.merge_size


@dataclass(frozen=True)
class QwenImage:
    """An image as the vision tower reads it."""

    patches: NDArray[np.float32]
    """[patches, values], those of one token beside each other."""
    rows: int
    """Patches down."""
    columns: int
    """Patches across."""


@dataclass(frozen=True)
class Qwen25VL:
    """A token for each square of patches; text goes on behind the longer side of the grid."""

    settings: QwenSettings
    axes: ClassVar[int] = 3

    @classmethod
    def read(cls, folder: Path, resizing: Resizing) -> Qwen25VL:
        """Read the files of a checkpoint that speak of images."""
        pillow_only(resizing, folder)
        model, _, images = read_settings(folder)
        with understood(folder):
            return cls(QwenSettings.model_validate(_settings(model, images)))

    def capped(self, most: int) -> Self:
        """Refuse: there are no tiles, and a limit on pixels that is as easily set."""
        raise UsageError(
            "Qwen2.5-VL cuts no tiles: max_pixels in preprocessor_config.json caps its image tokens, one for "
            f"{self.settings.token_side} x {self.settings.token_side} pixels (now {self.settings.max_pixels:,} pixels)."
        )

    def model_class(self) -> Any:
        """Return transformers' class."""
        from transformers import Qwen2_5_VLForConditionalGeneration

        return Qwen2_5_VLForConditionalGeneration

    def token_count(self, height: int, width: int) -> int:
        """Count the image tokens of an image of this many pixels."""
        down, across = self._size(height, width)
        return down * across // self.settings.token_side**2

    def prepare(self, image: Image.Image) -> QwenImage:
        """Resize to whole tokens, normalise and cut into patches.

        Raises:
            ValueError: when the image is too long for this model.
        """
        settings, patch, merge = self.settings, self.settings.patch_size, self.settings.merge_size
        image = image if image.mode == "RGB" else image.convert("RGB")
        height, width = self._size(image.height, image.width)
        planes = np.empty((3, height, width), dtype=np.float32)
        normalise(resize(image, (height, width), settings.resample, settings.resizing), settings, planes)
        rows, columns = height // patch, width // patch
        cut = planes.reshape(3, rows // merge, merge, patch, columns // merge, merge, patch)
        cut = cut.transpose(1, 4, 2, 5, 0, 3, 6)[:, :, :, :, :, None]
        times = np.broadcast_to(cut, (*cut.shape[:5], settings.temporal_patch_size, patch, patch))
        return QwenImage(times.reshape(rows * columns, -1), rows, columns)

    def encode(
        self, model: Any, images: Sequence[QwenImage], layers: Sequence[int]
    ) -> tuple[list[ImageTokens], Tensor]:
        """Encode images one behind the other; each sees itself only, and in most layers only its own window."""
        vision = model.model.visual
        encoded: list[ImageTokens] = []
        states: list[Tensor] = []
        for group in _groups(images):
            patches = torch.from_numpy(np.concatenate([image.patches for image in group]))
            grids = torch.tensor([[1, image.rows, image.columns] for image in group], device=vision.device)
            wanted: dict[str, Any] = {"output_hidden_states": list(layers)} if layers else {}
            out = vision(patches.to(vision.device, vision.dtype), grid_thw=grids, return_dict=True, **wanted)
            counts = [image.rows * image.columns for image in group]
            tokens = out.pooler_output.split([count // self.settings.merge_size**2 for count in counts])
            encoded.extend(self._placed(rows, image) for rows, image in zip(tokens, group, strict=True))
            if layers:
                split = [out.hidden_states[layer].float().split(counts) for layer in layers]
                states.extend(torch.cat([pooled(part[n][None]) for part in split], dim=-1) for n in range(len(group)))
        return encoded, torch.cat(states) if states else torch.empty(len(images), 0)

    def inputs(self, images: Sequence[QwenImage]) -> dict[str, Tensor]:
        """Lay patches one image behind the other."""
        patches = torch.from_numpy(np.concatenate([image.patches for image in images]))
        grids = torch.tensor([[1, image.rows, image.columns] for image in images])
        return {"pixel_values": patches, "image_grid_thw": grids}

    def _size(self, height: int, width: int) -> tuple[int, int]:
        settings = self.settings
        return smart_resize(height, width, settings.token_side, settings.min_pixels, settings.max_pixels)

    def _placed(self, features: Tensor, image: QwenImage) -> ImageTokens:
        """Give features their positions in time, down and across."""
        down, across = image.rows // self.settings.merge_size, image.columns // self.settings.merge_size
        rows = torch.arange(down)[:, None].expand(down, across).reshape(-1)
        columns = torch.arange(across).expand(down, across).reshape(-1)
        return ImageTokens(features, torch.stack((torch.zeros_like(rows), rows, columns)), max(down, across))


def smart_resize(height: int, width: int, side: int, min_pixels: int, max_pixels: int) -> tuple[int, int]:
    """Round sides to multiples of `side`, and keep the area between the limits where that can be.

    Raises:
        ValueError: when one side is more than 200 times the other.
    """
    if max(height, width) > LONGEST * min(height, width):
        raise ValueError(f"an image of {width} x {height} pixels is too long for Qwen2.5-VL")
    down, across = round(height / side) * side, round(width / side) * side
    if down * across > max_pixels:
        shrink = math.sqrt((height * width) / max_pixels)
        down = max(side, math.floor(height / shrink / side) * side)
        across = max(side, math.floor(width / shrink / side) * side)
    elif down * across < min_pixels:
        grow = math.sqrt(min_pixels / (height * width))
        down, across = math.ceil(height * grow / side) * side, math.ceil(width * grow / side) * side
    return down, across


def _settings(model: dict[str, Any], images: dict[str, Any]) -> dict[str, Any]:
    vision, size = model["vision_config"], images.get("size") or {}
    sides = {}
    for name, in_model, usual in (
        ("patch_size", "patch_size", 14),
        ("merge_size", "spatial_merge_size", 2),
        ("temporal_patch_size", "temporal_patch_size", 2),
    ):
        sides[name], needed = images.get(name, usual), vision.get(in_model, usual)
        if sides[name] != needed:
            raise ValueError(f"{name} is {sides[name]} for the image processor and {needed} for the vision tower")
    limits = {
        "min_pixels": images.get("min_pixels") or size.get("shortest_edge") or 56 * 56,
        "max_pixels": images.get("max_pixels") or size.get("longest_edge") or 28 * 28 * 1280,
    }
    return sides | limits | pixel_settings(images)


def _groups(images: Sequence[QwenImage]) -> Iterator[list[QwenImage]]:
    group: list[QwenImage] = []
    for image in images:
        if group and sum(len(other.patches) for other in group) + len(image.patches) > PATCHES_AT_ONCE:
            yield group
            group = []
        group.append(image)
    if group:
        yield group
