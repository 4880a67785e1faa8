"""The images that an export keeps, with what was said of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from eyeward.annotate.footage import Footage
from eyeward.annotate.item import Item, Shard
from eyeward.errors import DataError, ImageError
from eyeward.images import Limits
from eyeward.images.formats import Format, sniff
from eyeward.images.reading import read_image_file
from eyeward.verdict import Failure

if TYPE_CHECKING:
    import pyarrow as pa

_ENDINGS = {Format.jpeg: "jpg", Format.tiff: "tif"}
_THEN = "It could be read when it was judged; judge the dataset again."
_LARGEST = Limits(max_bytes=1 << 31)


class Sink(Protocol):
    """Where the kept part of a dataset goes."""

    def add(self, shard: Shard, kept: set[int], rows: pa.Table) -> None:
        """Take what is kept of a shard, by places of images, with all rows about these."""
        ...

    def finish(self) -> None:
        """Make it whole."""
        ...


@dataclass(frozen=True)
class KeptImage:
    """One image."""

    item: Item
    verdicts: Sequence[Mapping[str, Any]]
    """The rows about it, one for each policy."""

    def read(self) -> bytes:
        """Return its encoded bytes.

        Raises:
            DataError: when they are not there any more.
        """
        source = self.item.image
        try:
            content = read_image_file(source, _LARGEST) if isinstance(source, Path) else source
        except ImageError as problem:
            raise DataError(f"{problem.message} {_THEN}") from None
        if isinstance(content, Footage):
            raise DataError(f"{content} is a video, which is not written in this form.")
        if isinstance(content, Failure):
            raise DataError(f"{content.message} {_THEN}")
        return content


def kept_images(shard: Shard, kept: set[int], rows: pa.Table) -> Iterator[KeptImage]:
    """Yield the kept images of a shard in their order, one at a time."""
    by_place: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows.to_pylist():
        by_place.setdefault(row["index"], []).append(row)
    for item in shard.items(columns=True):
        if item.index in kept:
            yield KeptImage(item, by_place[item.index])


def ending(data: bytes) -> str:
    """Return the ending of a name for an encoded image, by what it is."""
    form = sniff("The image", data)
    return _ENDINGS.get(form, form.name)
