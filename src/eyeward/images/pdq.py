"""PDQ: 256 bits of a picture that stay nearly the same when it is resized or compressed again.

The method is that of Meta's "The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm" (2019): grey
levels blurred down to 64 x 64, the 16 x 16 lowest frequencies but the constant ones, and which of them are above their
median. Its own code, in C++, is not needed: all of it is linear but the last step.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FARTHEST = 31
"""Bits in which two hashes may differ that are those of one picture, as the paper recommends."""
DIGITS = re.compile(r"[0-9a-f]{64}")
_ENOUGH = 1024
"""Pixels along a side that are kept at the least where larger pictures are shrunk, by whole numbers; a level is 16 of
them wide then."""
_LEVELS, _KEPT = 64, 16
_BITS = _KEPT * _KEPT
_WORDS = _BITS // 64
_AT_ONCE = 1 << 15
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
Words = NDArray[np.uint64]
"""[hashes, 4]"""


def pdq_hash(picture: Image.Image) -> str:
    """Return the 64 hexadecimal digits that lists have of a picture, but for a bit or two: numbers are rounded here."""
    return _hashes(_frequencies(picture)[:1]).tobytes().hex()


class PdqList:
    """Hashes, and whether a picture is one of theirs. Each takes 32 bytes, and is looked at for every picture."""

    def __init__(self, hashes: Iterable[str]) -> None:
        """Take hashes of 64 digits."""
        self._digits = sorted(hashes)
        packed = np.frombuffer(b"".join(map(bytes.fromhex, self._digits)), dtype=np.uint64)
        self._words: Words = packed.reshape(-1, _WORDS)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._digits)

    def match(self, picture: Image.Image) -> str | None:
        """Return the hash that is nearest to a picture, upright, turned or mirrored; None where none is near.

        Lists are made of files as they are stored, and pictures are looked at upright.
        """
        nearest, found = FARTHEST + 1, None
        asked = _hashes(_frequencies(picture))
        for start in range(0, len(self._words), _AT_ONCE):
            some = self._words[start : start + _AT_ONCE]
            for words in asked:
                distances = np.bitwise_count(some ^ words).sum(axis=1, dtype=np.uint16)
                place = int(distances.argmin())
                if distances[place] < nearest:
                    nearest, found = int(distances[place]), self._digits[start + place]
        return found


def _frequencies(picture: Image.Image) -> NDArray[np.float64]:
    """Return the lowest frequencies but the constant ones of a picture and of its seven other ways round [8, 16, 16].

    The picture as it is comes first. Each way is shrunk for itself: shrinking takes places that are not in the middle.
    """
    small = picture if picture.mode == "RGB" else picture.convert("RGB")
    small = small.reduce((max(1, small.width // _ENOUGH), max(1, small.height // _ENOUGH)))
    grey = np.asarray(small) @ _LUMA
    levels = _both_ways(small.height) @ grey @ _both_ways(small.width).T
    blocks = levels.reshape(2, _LEVELS, 2, _LEVELS).transpose(0, 2, 1, 3).reshape(-1, _LEVELS, _LEVELS)
    found = np.round(_cosines() @ blocks @ _cosines().T, 4)  # what is of one colour has no frequencies
    return np.concatenate((found, found.transpose(0, 2, 1)))


def _hashes(frequencies: NDArray[np.float64]) -> Words:
    """Return the hashes [hashes, 4] of frequencies [hashes, 16, 16]."""
    flat = frequencies.reshape(-1, _BITS)
    median = np.sort(flat, axis=1)[:, _BITS // 2 - 1]
    bits = (flat > median[:, None])[:, ::-1]
    return np.packbits(bits, axis=1).view(np.uint64)


@lru_cache(maxsize=32)
def _both_ways(side: int) -> NDArray[np.float64]:
    """Return what makes 64 levels of a row or column, and 64 of it from its end on [128, side].

    It is a box blur twice over, at 64 places.
    """
    window = (side + 2 * _LEVELS - 1) // (2 * _LEVELS)
    ahead = (window + 2) // 2
    places = np.arange(side)
    first, last = np.maximum(places - (window - ahead), 0), np.minimum(places + ahead, side)
    inside = (places >= first[:, None]) & (places < last[:, None])
    box = inside / inside.sum(axis=1, keepdims=True)
    chosen = ((np.arange(_LEVELS) + 0.5) * side / _LEVELS).astype(int)
    shrinking = box[chosen] @ box
    return np.concatenate((shrinking, shrinking[:, ::-1]))


@lru_cache(maxsize=1)
def _cosines() -> NDArray[np.float64]:
    """Return the rows 1 to 16 of the matrix of the discrete cosine transform [16, 64]."""
    frequency, place = np.arange(1, _KEPT + 1)[:, None], np.arange(_LEVELS)[None, :]
    cosines: NDArray[np.float64] = sqrt(2 / _LEVELS) * np.cos(pi / (2 * _LEVELS) * frequency * (2 * place + 1))
    return cosines
