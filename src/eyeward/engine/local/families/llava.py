"""LLaVA-1.5 (arXiv 2310.03744): LlavaGuard v1.0 and v1.1 of 7B and 13B. One picture of a fixed size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import NonNegativeInt, PositiveInt, model_validator
from torch import Tensor

from eyeward.engine.local.families.family import ImageTokens, in_line
from eyeward.engine.local.image_features import encode_tiles
from eyeward.engine.local.normalising import PixelSettings, normalise, pixel_settings
from eyeward.engine.local.preparation import read_settings, understood
from eyeward.engine.local.resizing import Pixels, Resizing, pillow_only, resize
from eyeward.errors import UsageError

Picture = NDArray[np.float32]
"""[3, side, side], normalised"""

LONGEST = 100
"""How many times longer than wide an image may be: what is padded, or cropped away later, takes memory first."""


class LlavaSettings(PixelSettings):
    """How a checkpoint wants its image."""

    side: PositiveInt
    """Side in pixels of the square that the vision tower reads."""
    patch_size: PositiveInt
    extra_tokens: NonNegativeInt = 0
    """Features that stand for no patch: the class token, where it is kept."""
    padded: bool = False
    """Whether the image is first made square with bars of the mean colour."""
    keeps_shape: bool = True
    """Whether the shorter side is resized to `side` and the middle is cut out; else the image is squeezed."""

    @model_validator(mode="after")
    def _patches_fill_the_side(self) -> Self:
        if self.side % self.patch_size:
            raise ValueError(f"the image size {self.side} is no multiple of the patch size {self.patch_size}")
        return self


@dataclass(frozen=True)
class Llava:
    """As many features as the vision tower has patches, whatever the image."""

    settings: LlavaSettings
    axes: ClassVar[int] = 1

    @classmethod
    def read(cls, folder: Path, resizing: Resizing) -> Llava:
        """Read the files of a checkpoint that speak of images."""
        pillow_only(resizing, folder)
        model, _, images = read_settings(folder)
        with understood(folder):
            return cls(LlavaSettings.model_validate(_settings(model, images)))

    def capped(self, most: int) -> Self:
        """Refuse: there is one picture of a fixed size."""
        raise UsageError("max_tiles has no meaning for LLaVA-1.5: every image is one picture of a fixed size.")

    def model_class(self) -> Any:
        """Return transformers' class."""
        from transformers import LlavaForConditionalGeneration

        return LlavaForConditionalGeneration

    def token_count(self, height: int, width: int) -> int:
        """Count the image tokens: the same for every size."""
        return (self.settings.side // self.settings.patch_size) ** 2 + self.settings.extra_tokens

    def prepare(self, image: Image.Image) -> Picture:
        """Pad, resize, cut out the middle and normalise.

        Raises:
            ValueError: when the image is so long that resizing it would take too much memory.
        """
        settings = self.settings
        image = image if image.mode == "RGB" else image.convert("RGB")
        if settings.keeps_shape and max(image.size) > LONGEST * min(image.size):
            raise ValueError(f"an image of {image.width} x {image.height} pixels is too long for LLaVA-1.5")
        if settings.padded:
            image = _made_square(image, settings.image_mean)
        size = settings.side, settings.side
        if settings.keeps_shape:
            longer = int(settings.side * max(image.size) / min(image.size))
            size = (longer, settings.side) if image.width <= image.height else (settings.side, longer)
        picture: Picture = np.empty((3, settings.side, settings.side), dtype=np.float32)
        normalise(_middle(resize(image, size, settings.resample, settings.resizing), settings.side), settings, picture)
        return picture

    def encode(self, model: Any, images: Sequence[Picture], layers: Sequence[int]) -> tuple[list[ImageTokens], Tensor]:
        """Encode many images together."""
        features, states = encode_tiles(model, images, range(len(images)), layers)
        return [in_line(rows) for rows in features], states

    def inputs(self, images: Sequence[Picture]) -> dict[str, Tensor]:
        """Stack pictures."""
        return {"pixel_values": torch.from_numpy(np.stack(images))}


def square_side(model: dict[str, Any], images: dict[str, Any]) -> int:
    """Return the side of the vision tower's picture; ValueError where the image processor cuts another."""
    side = int(model["vision_config"]["image_size"])
    crop = images.get("crop_size", side)
    cropped = {crop} if isinstance(crop, int) else {int(crop[key]) for key in ("height", "width")}
    if images.get("do_center_crop", True) and cropped != {side}:
        raise ValueError(f"crop_size {crop} is not the vision tower's {side}")
    return side


def _settings(model: dict[str, Any], images: dict[str, Any]) -> dict[str, Any]:
    side = square_side(model, images)
    size = images.get("size", side)
    size = {"shortest_edge": size} if isinstance(size, int) else size
    keeps_shape = bool(size.get("shortest_edge"))
    asked = {int(size[key]) for key in ("shortest_edge", "height", "width") if size.get(key)}
    if asked != {side} or size.get("longest_edge"):
        raise ValueError(f"the image size {size} is not the vision tower's {side}")
    padded = bool(images.get("do_pad", False))
    if keeps_shape and not padded and images.get("do_center_crop") is False:
        raise ValueError("do_center_crop is False, so that images would not be square")
    strategy = model.get("vision_feature_select_strategy", "default")
    return {
        "side": side,
        "patch_size": int(model["vision_config"]["patch_size"]),
        "extra_tokens": 0 if strategy == "default" else 1,
        "padded": padded,
        "keeps_shape": keeps_shape,
    } | pixel_settings(images)


def _made_square(image: Image.Image, mean: Sequence[float]) -> Image.Image:
    longer = max(image.size)
    red, green, blue = (int(level * 255) for level in mean)
    square = Image.new("RGB", (longer, longer), (red, green, blue))
    square.paste(image, ((longer - image.width) // 2, (longer - image.height) // 2))
    return square


def _middle(pixels: Pixels, side: int) -> Pixels:
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    return pixels[top : top + side, left : left + side]
