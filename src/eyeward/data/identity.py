"""What tells images apart, and what tells that two are alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from eyeward.errors import ImageError
from eyeward.images.decode import decode
from eyeward.images.hashes import grey_thumbnail, perceptual_hash, sha256_of_bytes
from eyeward.images.limits import Limits
from eyeward.images.reading import read_image_file
from eyeward.verdict import Failure


@dataclass(frozen=True, slots=True)
class Identity:
    """An image as its bytes, and as what is seen of it."""

    sha256: str
    hash: int
    """64 bits, near each other for pictures that look alike."""
    thumbnail: bytes


def identify(file: Path) -> Identity | Failure:
    """Return the identity of an image file, or why it cannot be read; of an animation the first frame is seen."""
    try:
        data = read_image_file(file, Limits())
    except ImageError as problem:
        return Failure(type=problem.type, message=problem.message)
    decoded = decode(data)
    if isinstance(decoded, Failure):
        return decoded
    shown = decoded.frames[0].pixels
    return Identity(sha256_of_bytes(data), perceptual_hash(shown), grey_thumbnail(shown))
