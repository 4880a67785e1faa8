"""Two resizers that round differently: Pillow's, and that of torch, which torchvision calls."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyeward.errors import CheckpointError

Pixels = NDArray[np.uint8]
"""[height, width, 3]"""


class Resizing(StrEnum):
    """Whose arithmetic resizes an image.

    `pillow` is what LLaVA-OneVision and LlavaGuard were trained with, and what transformers does without torchvision;
    `torchvision` is what transformers 5 does when torchvision is installed. Pixels differ by a few levels of 255.
    """

    pillow = "pillow"
    torchvision = "torchvision"


TORCH_MODES = {Image.Resampling.BICUBIC: "bicubic", Image.Resampling.BILINEAR: "bilinear"}
"""Filters that torch resizes 8-bit images with."""


def pillow_only(resizing: Resizing, folder: Path) -> None:
    """Refuse, with a CheckpointError, what is tested for LLaVA-OneVision only."""
    if resizing is not Resizing.pillow:
        raise CheckpointError(f"{folder} is no LLaVA-OneVision model: its images are resized with 'pillow' only.")


def resize(image: Image.Image, size: tuple[int, int], filter: Image.Resampling, resizing: Resizing) -> Pixels:
    """Resize an RGB image to `size` (height, width)."""
    height, width = size
    if image.size == (width, height):
        return np.asarray(image)
    if resizing is Resizing.pillow:
        return np.asarray(image.resize((width, height), resample=filter))
    return _resize_as_torchvision(np.asarray(image), size, TORCH_MODES[filter])


def _resize_as_torchvision(pixels: Pixels, size: tuple[int, int], mode: str) -> Pixels:
    import torch

    planes = torch.from_numpy(np.array(pixels.transpose(2, 0, 1), order="C"))[None]
    resized: Any = torch.nn.functional.interpolate(planes, size=size, mode=mode, align_corners=False, antialias=True)
    array: Pixels = resized[0].permute(1, 2, 0).numpy()
    return array
