"""The identity of an image, exact and approximate.

Exact is the sha256 of the encoded bytes, or of the pixels where there were never any bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

THUMBNAIL_SIDE = 16
_SIDE, _KEPT = 32, 8


def sha256_of_bytes(data: bytes) -> str:
    """Return the hex digest of an encoded image."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_pixels(pictures: Iterable[Image.Image]) -> str:
    """Return the hex digest of RGB pictures in a canonical form.

    The form is, for each picture, `eyeward-rgb WIDTH HEIGHT` and a newline, then its rows, three bytes a pixel. A
    Pillow image and a NumPy array of the same pixels have the same digest.
    """
    digest = hashlib.sha256()
    for picture in pictures:
        digest.update(f"eyeward-rgb {picture.width} {picture.height}\n".encode())
        digest.update(picture.tobytes())
    return digest.hexdigest()


def perceptual_hash(picture: Image.Image) -> int:
    """Return 64 bits that stay nearly the same when a picture is resized, compressed or brightened.

    They are the signs, around their median, of the 8 x 8 lowest frequencies of the picture at 32 x 32 grey levels, row
    by row from the highest bit: the same as `imagehash.phash` gives.
    """
    grey = picture.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    frequencies = np.round(_cosines() @ np.asarray(grey, dtype=np.float64) @ _cosines().T, 6)  # one colour is no noise
    return int.from_bytes(np.packbits(frequencies > np.median(frequencies)).tobytes(), "big")


def grey_thumbnail(picture: Image.Image) -> bytes:
    """Return 16 x 16 grey levels, row by row: enough to tell pictures apart whose hashes are near by chance."""
    return picture.convert("L").resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BOX).tobytes()


@cache
def _cosines() -> NDArray[np.float64]:
    """Return the lowest rows of the matrix of the discrete cosine transform (type II), a frequency a row."""
    frequency, place = np.arange(_KEPT)[:, None], np.arange(_SIDE)[None, :]
    cosines: NDArray[np.float64] = np.cos(np.pi * frequency * (2 * place + 1) / (2 * _SIDE))
    return cosines
