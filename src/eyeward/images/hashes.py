"""The identity of an image: sha256 of the encoded bytes, or of the pixels where there were never any bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from PIL import Image


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
