"""Small files that are sound and decode to nearly all that the limits allow: where memory is really spent."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator

from PIL import Image

from eyeward.images import Limits

COLOUR = (9, 80, 9)
NEARLY = 0.95
"""Share of a limit that is used."""


def large_files(limits: Limits) -> Iterator[tuple[str, bytes]]:
    """Yield files with their names: one picture near the limit of one, or all frames near that of all frames."""
    side = math.isqrt(int(NEARLY * limits.max_pixels))
    size = (side, side)
    yield "jpeg", _saved("JPEG", Image.new("RGB", size, COLOUR))
    yield "jpeg in cmyk", _saved("JPEG", Image.new("CMYK", size, COLOUR))
    yield "png", _saved("PNG", Image.new("RGB", size, COLOUR), compress_level=1)
    yield "png with alpha", _saved("PNG", Image.new("RGBA", size, (*COLOUR, 100)), compress_level=1)
    yield "png of 16 bits", _saved("PNG", _dark("I;16", size), compress_level=1)
    yield "webp", _saved("WEBP", Image.new("RGB", size, COLOUR), lossless=True, quality=0, method=0)
    yield "gif", _saved("GIF", Image.new("L", size, 40))
    yield "bmp", _saved("BMP", Image.new("1", size))
    yield "tiff of floats", _saved("TIFF", _dark("F", size), compression="tiff_adobe_deflate")
    side = math.isqrt(int(NEARLY * limits.max_decoded_pixels) // limits.max_frames)
    first, *others = [Image.new("L", (side, side), 10 + 20 * number) for number in range(limits.max_frames)]
    yield "gif, frames", _saved("GIF", first, save_all=True, append_images=others)
    compressed = {"compression": "tiff_adobe_deflate"}
    yield "tiff, pages", _saved("TIFF", first, save_all=True, append_images=others, **compressed)
    quick = {"lossless": True, "quality": 0, "method": 0, "kmax": 1}
    yield "webp, frames", _saved("WEBP", first, save_all=True, append_images=others, **quick)


def _dark(mode: str, size: tuple[int, int]) -> Image.Image:
    """Return a picture that uses a part of its range, so that a second one with its tones stretched is judged."""
    picture = Image.new(mode, size)
    picture.putpixel((0, 0), 1000)
    return picture


def _saved(kind: str, picture: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()
