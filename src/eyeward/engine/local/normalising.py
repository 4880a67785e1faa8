"""From 8-bit levels to the numbers that a vision tower reads: rescaled, then normalised by channel."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict

from eyeward.engine.local.resizing import Pixels, Resizing


class PixelSettings(BaseModel):
    """What the image settings of every family hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_mean: tuple[float, float, float]
    image_std: tuple[float, float, float]
    rescale_factor: float = 1 / 255
    resample: Image.Resampling = Image.Resampling.BICUBIC
    resizing: Resizing = Resizing.pillow


def pixel_settings(images: dict[str, Any]) -> dict[str, Any]:
    """Gather the fields of PixelSettings from an image processor's settings; KeyError where one is missing.

    Raises:
        ValueError: where the processor leaves out a step that all families take.
    """
    for switch in ("do_resize", "do_rescale", "do_normalize"):
        if images.get(switch) is False:
            raise ValueError(f"{switch} is False")
    return {
        "image_mean": tuple(images["image_mean"]),
        "image_std": tuple(images["image_std"]),
        "rescale_factor": float(images.get("rescale_factor", 1 / 255)),
        "resample": Image.Resampling(images.get("resample", Image.Resampling.BICUBIC)),
    }


def normalise(pixels: Pixels, settings: PixelSettings, out: NDArray[np.float32]) -> None:
    """Write the numbers for pixels [..., height, width, 3] into `out` [..., 3, height, width]."""
    table = _level_table(settings.image_mean, settings.image_std, settings.rescale_factor, settings.resizing)
    for channel in range(3):
        out[..., channel, :, :] = table[channel][pixels[..., channel]]


@lru_cache(maxsize=16)
def _level_table(
    image_mean: tuple[float, ...], image_std: tuple[float, ...], rescale_factor: float, resizing: Resizing
) -> NDArray[np.float32]:
    """Give the normalised value of every 8-bit level, [3, 256]: exact, and cheaper than arithmetic on every pixel.

    The two references round differently: one rescales in double precision, then normalises; the other folds the
    rescaling into mean and deviation, in single precision.
    """
    levels = np.arange(256)
    mean = np.array(image_mean, dtype=np.float32)[:, None]
    std = np.array(image_std, dtype=np.float32)[:, None]
    if resizing is Resizing.pillow:
        scaled = (levels.astype(np.float64) * rescale_factor).astype(np.float32)
    else:
        scaled = levels.astype(np.float32)
        unscale = np.float32(1.0 / rescale_factor)
        mean, std = mean * unscale, std * unscale
    table: NDArray[np.float32] = (scaled - mean) / std
    return table
