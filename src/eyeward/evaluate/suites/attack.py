"""What an attack is: one named parameter, turned from weak to strong. What it is done to comes from outside."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from PIL import Image

Value = float | str

BUDGETS = (0, 1, 2, 4, 8, 16)
"""Levels of 255 that a pixel may move along a gradient, one budget a level. With 0 it is only made as small as all."""


class Family(StrEnum):
    """Whose hand it is, and what it may touch."""

    benign = "benign"
    """Changes that anybody makes without meaning anything by them; they must not change a verdict."""
    evasion = "evasion"
    """What violates is there still, and is to be overlooked."""
    text = "text"
    """Text in the picture that speaks to the guard."""
    policy = "policy"
    """Names and rules that a hostile user puts into categories of a policy that a picture does not fall under."""
    own_category = "own category"
    """The same in the very category that it violates. It counts by itself: that is no level of other categories."""
    pixels = "pixels"
    """Small steps along the gradient of a guard whose weights are known."""


@dataclass(frozen=True)
class Picture:
    """A picture to be changed, and what a change may need beside it."""

    pixels: Image.Image
    """RGB."""
    bystanders: tuple[Image.Image, ...]
    """Benign pictures, RGB, at least one: what to hide among."""
    seed: int
    """The same for all levels of an attack, so that a stronger one does more of the same."""

    @property
    def random(self) -> np.random.Generator:
        """A new stream of random numbers, the same each time."""
        return np.random.default_rng(self.seed)

    @property
    def beside(self) -> tuple[Image.Image, ...]:
        """The bystanders in their order, begun at one that is drawn.

        So each picture is hidden among others than the next one is, and all levels of an attack hide it among the same.
        """
        first = int(np.random.default_rng((self.seed, 1)).integers(len(self.bystanders)))
        return self.bystanders[first:] + self.bystanders[:first]

    @property
    def shorter(self) -> int:
        """The shorter side in pixels."""
        return min(self.pixels.size)


@dataclass(frozen=True)
class PictureAttack:
    """A change of pictures."""

    name: str
    family: Family
    parameter: str
    """What `values` are."""
    values: tuple[Value, ...]
    """One a level, from the weakest to the strongest."""
    change: Callable[[Picture, Value], bytes]
    """Gives an encoded image."""

    @property
    def on_unsafe_only(self) -> bool:
        """Whether there is nothing to gain from it with a picture that is safe anyway."""
        return self.family is not Family.benign


def seed_of(image: str, attack: str) -> int:
    """Return the seed of an attack on an image: the same on every machine."""
    return zlib.crc32(f"{attack} {image}".encode("utf-8", "surrogatepass"))


def png(picture: Image.Image) -> bytes:
    """Encode without loss, and quickly."""
    written = io.BytesIO()
    picture.save(written, "PNG", compress_level=1)
    return written.getvalue()


def number(value: Value) -> float:
    """Return a value that is a number.

    Raises:
        ValueError: when it is a word.
    """
    return float(value)


def shown(value: Value) -> str:
    """Return a value as tables show it."""
    return value if isinstance(value, str) else f"{value:g}"
