"""The images that an export keeps, with what was said of them, byte for byte those that were judged."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from eyeward.annotate.footage import Footage
from eyeward.annotate.item import Item, Shard
from eyeward.annotate.tasks import answer_to
from eyeward.errors import DataError, ImageError
from eyeward.images import Limits, sha256_of_bytes
from eyeward.images.formats import Format, sniff
from eyeward.images.reading import read_image_file
from eyeward.verdict import Failure

if TYPE_CHECKING:
    import pyarrow as pa

_ENDINGS = {Format.jpeg: "jpg", Format.tiff: "tif"}
THEN = "It could be read when it was judged; judge the dataset again."
_LARGEST = Limits(max_bytes=1 << 31)


class Kept(NamedTuple):
    """What is kept at a place: what it is called, and the sha256 of the image or video that was judged."""

    key: str
    sha256: str


class Sink(Protocol):
    """Where the kept part of a dataset goes."""

    def add(self, shard: Shard, kept: set[int], rows: pa.Table) -> int:
        """Take what is kept of a shard, by places of images, with all rows about these.

        Returns how many of them could not be compared with what was judged: addresses of images.

        Raises:
            DataError: when something is not, byte for byte, what was judged.
        """
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
    kept: Kept
    shard: Shard

    def read(self) -> bytes:
        """Return its encoded bytes.

        Raises:
            DataError: when they are not there any more, or are those of another image.
        """
        source = self.item.image
        try:
            content = read_image_file(source, _LARGEST) if isinstance(source, Path) else source
        except ImageError as problem:
            raise DataError(f"{problem.message} {THEN}") from None
        if isinstance(content, Footage):
            raise DataError(f"{content} is a video, which is not written in this form.")
        if isinstance(content, Failure):
            raise DataError(f"{content.message} {THEN}")
        if sha256_of_bytes(content) != self.kept.sha256:
            raise exchanged(self.kept.key, self.shard)
        return content


def kept_of(rows: pa.Table) -> dict[int, Kept]:
    """Return what is kept, by places, as the rows about it say.

    Raises:
        DataError: when they do not say which image was judged, or name two.
    """
    keys: dict[int, str] = {}
    digests: dict[int, set[str]] = {}
    columns = (rows[name].to_pylist() for name in ("index", "key", "sha256"))
    for place, key, sha256 in zip(*columns, strict=True):
        keys[place] = key
        digests.setdefault(place, set()).update(() if sha256 is None else (sha256,))
    found: dict[int, Kept] = {}
    for place, named in digests.items():
        if len(named) != 1:
            told = "do not say which image was judged" if not named else "are about different images"
            raise DataError(f"The rows of {keys[place]!r} {told}; judge the dataset again into another folder.")
        found[place] = Kept(keys[place], *named)
    return found


def kept_images(shard: Shard, kept: set[int], rows: pa.Table) -> Iterator[KeptImage]:
    """Yield the kept images of a shard in their order, one at a time.

    Raises:
        DataError: when one is not there any more.
    """
    by_place: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows.to_pylist():
        by_place.setdefault(row["index"], []).append(row)
    judged = kept_of(rows)
    left = set(kept)
    for item in shard.items(columns=True):
        if item.index in left:
            left.remove(item.index)
            yield KeptImage(item, by_place[item.index], judged[item.index], shard)
    if left:
        raise DataError(f"{len(left)} kept images of the shard {shard.name!r} are gone. {THEN}")


def exchanged(key: str, shard: Shard) -> DataError:
    """Return the error of something that leaves and is not what was judged; names and sizes may be the same."""
    return DataError(
        f"{key!r} of the shard {shard.name!r} is not, byte for byte, what was judged: it was exchanged since. Take "
        f"{answer_to(shard)} out of the folder of the run and annotate again, so that the shard is judged anew."
    )


def sha256_where_it_lies(content: Path | Footage) -> str:
    """Return the digest of a file or a video, read some bytes at a time.

    Raises:
        DataError: when it is not there any more.
    """
    digest = hashlib.sha256()
    try:
        for piece in (Footage.of_file(content) if isinstance(content, Path) else content).pieces():
            digest.update(piece)
    except ImageError as problem:
        raise DataError(f"{problem.message} {THEN}") from None
    return digest.hexdigest()


def ending(data: bytes) -> str:
    """Return the ending of a name for an encoded image, by what it is."""
    form = sniff("The image", data)
    return _ENDINGS.get(form, form.name)
