"""What stands in the place of a picture that nobody may see."""

from __future__ import annotations

from PIL import Image

_SPOTS = 6
"""Spots of colour along the longer side of a blurred picture: what is not there cannot be sharpened again."""


def blank(size: tuple[int, int]) -> Image.Image:
    """Return a black picture of this width and height."""
    return Image.new("RGB", size)


def blurred(picture: Image.Image) -> Image.Image:
    """Return a picture of the same size with a few soft spots of colour, and without transparency."""
    longer = max(picture.size)
    spots = (max(1, round(_SPOTS * picture.width / longer)), max(1, round(_SPOTS * picture.height / longer)))
    return picture.convert("RGB").resize(spots, Image.Resampling.BOX).resize(picture.size, Image.Resampling.BICUBIC)
