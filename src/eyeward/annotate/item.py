"""What a dataset is made of: items, each an image or the reason why there is none, in shards."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from eyeward.annotate.footage import Footage
from eyeward.verdict import Failure


@dataclass(frozen=True, slots=True)
class Item:
    """One input: an encoded image, a path to one, a video, or what went wrong with it."""

    index: int
    """Its place in the shard, from 0; what tells items with the same key apart."""
    key: str
    """What the source calls it, as Unicode."""
    image: bytes | Path | Footage | Failure
    columns: Mapping[str, object] = field(default_factory=dict)
    """What the source knows of it besides; read only where it was asked for."""


class Shard(Protocol):
    """The unit of work: it is judged and written as a whole, or not at all."""

    @property
    def name(self) -> str:
        """What its output is called, without an ending; `/` parts folders. No two shards of a source share one."""
        ...

    def identity(self) -> str:
        """Return what changes when the shard does; cheap, and the same on every machine.

        Raises:
            DataError: when the shard cannot be looked at now.
        """
        ...

    def keys(self) -> Iterator[str]:
        """Yield the keys of its items in their order; no image is fetched or kept.

        Raises:
            DataError: when the shard cannot be read now, for a reason that may pass.
        """
        ...

    def items(self, columns: bool = False, only: Container[int] | None = None) -> Iterator[Item]:
        """Yield its items in their order, one at a time, the same whenever it is asked; damage is an item, too.

        `only` says at which places; nothing is fetched for the others.

        Raises:
            DataError: when the shard cannot be read now, for a reason that may pass.
        """
        ...


def as_text(name: str) -> str:
    """Return a name as Unicode: bytes that are no text become escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
