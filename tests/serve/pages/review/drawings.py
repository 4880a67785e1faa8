"""Pictures with letters in them, and how much of the letters of one is left in another."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Pixels = NDArray[np.float64]


def encoded(picture: Image.Image, form: str = "PNG", **more: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **more)
    return file.getvalue()


def page_of_text(width: int = 480, height: int = 480, begin: int = 0) -> Image.Image:
    """Black lines of letters on white, a few pixels high each; another `begin`, other letters."""
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    for line, top in enumerate(range(4, height - 12, 14), begin):
        draw.text((4, top), f"line {line}: the quick brown fox jumps over the lazy dog 0123456789" * 2, "black")
    return picture


def grey(data: bytes, size: tuple[int, int]) -> Pixels:
    """Return an encoded picture in shades of grey, in some size."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("L").resize(size), dtype=np.float64)


def likeness(one: Pixels, other: Pixels) -> float:
    """Return the correlation of the fine detail of two pictures; 1 for the same, 0 for strangers."""
    a, b = _detail(one).ravel(), _detail(other).ravel()
    return float(abs((a * b).sum()) / np.sqrt((a * a).sum() * (b * b).sum() + 1e-9))


def _detail(pixels: Pixels) -> Pixels:
    """Return what is left of a picture without its large shapes."""
    shades = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    small = shades.resize((16, 16), Image.Resampling.BOX)
    return pixels - np.asarray(small.resize(shades.size, Image.Resampling.BICUBIC), dtype=np.float64)
