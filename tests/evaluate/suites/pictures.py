"""Pictures to attack: a coloured one, and grey ones to hide it among."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyeward.evaluate.suites.attack import Picture
from eyeward.images import DecodedImage, decode

SIDE = 96
RED = (200, 40, 40)


def red_disc() -> Image.Image:
    """Draw a red square inside white: the thing that is to be hidden."""
    picture = Image.new("RGB", (SIDE, SIDE), (255, 255, 255))
    picture.paste(RED, (16, 24, 72, 80))
    return picture


def picture(seed: int = 1) -> Picture:
    """Return it among two benign ones."""
    greys = tuple(Image.new("RGB", (SIDE, SIDE), (level, level, level)) for level in (120, 180))
    return Picture(red_disc(), greys, seed)


def decoded(data: bytes) -> DecodedImage:
    """Read an image as every guard does."""
    found = decode(data)
    assert isinstance(found, DecodedImage), found
    return found


def shown(data: bytes, frame: int = 0) -> NDArray[np.float64]:
    """Return the pixels of a frame."""
    return np.asarray(decoded(data).frames[frame].pixels, np.float64)


def redness(data: bytes, frame: int = 0) -> float:
    """Return the share of pixels that are red."""
    pixels = shown(data, frame)
    red = (pixels[..., 0] - pixels[..., 1] > 60) & (pixels[..., 0] - pixels[..., 2] > 60)
    return float(red.mean())


def plain(data: bytes) -> Image.Image:
    """Open without turning, as a program does that knows nothing of EXIF."""
    return Image.open(io.BytesIO(data)).convert("RGB")
