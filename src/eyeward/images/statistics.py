"""Simple numbers about a picture, in which streams of images can be compared without keeping an image.

They say nothing of what a picture shows. But another source, another camera or generator, another compression or crop
moves one of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from PIL import Image

_SIDE = 64
"""Pixels of each side at which levels and colours are counted."""
_MIDDLE = 256
"""Pixels of each side of the middle piece in which details are counted, at full size."""

RANGES: dict[str, tuple[float, float]] = {
    "brightness": (0.0, 1.0),
    "contrast": (0.0, 1.0),
    "colour": (0.0, 1.0),
    "detail": (0.0, 0.25),
    "shape": (-2.0, 2.0),
    "size": (12.0, 26.0),
}
"""Where the values of nearly all pictures lie; counts put what is beyond to the ends."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Numbers about one picture."""

    brightness: float
    """Mean grey level, from 0 to 1."""
    contrast: float
    """Twice the standard deviation of the grey levels, from 0 to 1."""
    colour: float
    """Mean difference of the strongest and the weakest of red, green and blue, from 0 to 1."""
    detail: float
    """Mean difference of neighbouring grey levels in the middle of the picture at full size, from 0 to 1."""
    shape: float
    """Binary logarithm of width over height."""
    size: float
    """Binary logarithm of the number of pixels."""

    def values(self) -> dict[str, float]:
        """Return all by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def statistics_of(picture: Image.Image) -> Statistics:
    """Return the numbers of an RGB picture."""
    small = np.asarray(picture.resize((_SIDE, _SIDE), Image.Resampling.BOX), np.float32) / 255
    grey = small @ np.array([0.299, 0.587, 0.114], np.float32)
    return Statistics(
        brightness=float(grey.mean()),
        contrast=float(min(1.0, 2 * grey.std())),
        colour=float((small.max(axis=2) - small.min(axis=2)).mean()),
        detail=_detail(picture),
        shape=math.log2(picture.width / picture.height),
        size=math.log2(picture.width * picture.height),
    )


def _detail(picture: Image.Image) -> float:
    width, height = min(_MIDDLE, picture.width), min(_MIDDLE, picture.height)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    grey = np.asarray(picture.crop((left, top, left + width, top + height)).convert("L"), np.float32) / 255
    gaps = [np.abs(np.diff(grey, axis=axis)) for axis in (0, 1) if grey.shape[axis] > 1]
    return float(np.mean([gap.mean() for gap in gaps])) if gaps else 0.0
