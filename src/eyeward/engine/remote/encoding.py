"""Images as they are sent: shrunk to what the model uses, then without loss unless asked otherwise."""

from __future__ import annotations

import base64
from enum import StrEnum
from io import BytesIO
from math import sqrt

from PIL import Image


class ImageFormat(StrEnum):
    """How pixels travel."""

    png = "png"
    """Exact: the server sees the pixels that a local engine would."""
    jpeg = "jpeg"
    """Quality 95 without colour subsampling: a fifth of the bytes for photographs, pixels a little off."""


def data_url(
    image: Image.Image,
    largest_side: int,
    format: ImageFormat,
    shorter_side: int | None = None,
    most_pixels: int | None = None,
) -> str:
    """Return an image as a `data:` URL, in its shape and shrunk until all bounds hold.

    No side is longer than `largest_side` then, the shorter one no longer than `shorter_side`, and there are no more
    than `most_pixels`.
    """
    image = image if image.mode == "RGB" else image.convert("RGB")
    size = image.width, image.height
    scale = min(
        largest_side / max(size),
        1.0 if shorter_side is None else shorter_side / min(size),
        1.0 if most_pixels is None else sqrt(most_pixels / (size[0] * size[1])),
    )
    if scale < 1.0:
        width, height = (max(1, round(side * scale)) for side in size)
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    buffer = BytesIO()
    if format is ImageFormat.png:
        image.save(buffer, "PNG", compress_level=1)
    else:
        image.save(buffer, "JPEG", quality=95, subsampling=0)
    return f"data:image/{format.value};base64,{base64.b64encode(buffer.getbuffer()).decode('ascii')}"
