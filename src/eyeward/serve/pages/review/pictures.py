"""Pictures for reviewers: soft spots of colour until somebody asks for more, then all that a guard saw of the image."""

from __future__ import annotations

import io
import math

from PIL import Image, ImageFilter

from eyeward.images import DecodedImage

MOST_SPOTS = 8
"""Spots of colour along the longer side of a blurred picture: what is not there cannot be sharpened again."""
PIXELS_PER_SPOT = 12
"""A spot stands for at least so many pixels of the image, or an icon would be seen as it is."""
BLURRED_SIDE = 480
REVEALED_SIDE = 1280
"""Of the longer side: enough to judge by, and no copy of the original."""
_GAP = 8
_JPEG_QUALITY = 88


def blurred(image: DecodedImage) -> bytes:
    """Return the first frame as a JPEG of a few soft spots of colour; nothing else of the file is in it."""
    picture = image.frames[0].pixels.convert("RGB")
    longer = max(picture.size)
    most = max(1, min(MOST_SPOTS, longer // PIXELS_PER_SPOT))
    spots = _scaled(picture.size, most / longer)
    few = picture.resize(spots, Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(0.8))
    return _jpeg(few.resize(_scaled(picture.size, BLURRED_SIDE / longer), Image.Resampling.BICUBIC))


def revealed(image: DecodedImage) -> bytes:
    """Return every frame that a guard saw as one JPEG, beside and below each other; nothing else of the file is in it.

    The worst frame of an animation need not be its first.
    """
    pictures = [frame.pixels.convert("RGB") for frame in image.frames]
    return _jpeg(_fitting(pictures[0], REVEALED_SIDE) if len(pictures) == 1 else _sheet(pictures))


def _sheet(pictures: list[Image.Image]) -> Image.Image:
    across = math.ceil(math.sqrt(len(pictures)))
    down = math.ceil(len(pictures) / across)
    side = (REVEALED_SIDE - _GAP * (across - 1)) // across
    small = [_fitting(picture, side) for picture in pictures]
    width, height = max(p.width for p in small), max(p.height for p in small)
    size = (across * width + _GAP * (across - 1), down * height + _GAP * (down - 1))
    sheet = Image.new("RGB", size, (128, 128, 128))
    for place, picture in enumerate(small):
        row, column = divmod(place, across)
        sheet.paste(picture, (column * (width + _GAP), row * (height + _GAP)))
    return sheet


def _fitting(picture: Image.Image, side: int) -> Image.Image:
    longer = max(picture.size)
    if longer <= side:
        return picture
    return picture.resize(_scaled(picture.size, side / longer), Image.Resampling.LANCZOS)


def _scaled(size: tuple[int, int], by: float) -> tuple[int, int]:
    return max(1, round(size[0] * by)), max(1, round(size[1] * by))


def _jpeg(picture: Image.Image) -> bytes:
    """Write pixels alone: Pillow would carry comments and more of the old file over into the new one."""
    clean = Image.new("RGB", picture.size)
    clean.paste(picture)
    written = io.BytesIO()
    clean.save(written, "JPEG", quality=_JPEG_QUALITY)
    return written.getvalue()
