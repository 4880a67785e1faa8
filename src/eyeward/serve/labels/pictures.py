"""The bytes of queued images, checked against what was queued."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from eyeward.annotate.footage import Footage
from eyeward.annotate.item import Shard
from eyeward.annotate.sources import Kind, open_source
from eyeward.errors import ErrorType, EyewardError, ImageError
from eyeward.images import Limits, sha256_of_bytes
from eyeward.images.known import KnownHashes
from eyeward.images.reading import read_image_file
from eyeward.serve.labels.records import ImagePlace, Item, Shown
from eyeward.verdict import Failure


class _Home(NamedTuple):
    """The shard that images lie in."""

    source: tuple[str, ...]
    kind: Kind | None
    images_per_shard: int | None
    image_column: str | None
    shard: str

    @classmethod
    def of(cls, place: ImagePlace) -> _Home:
        return cls(place.source, place.kind, place.images_per_shard, place.image_column, place.shard or "")


def image_bytes(item: Item | Shown, limits: Limits | None = None, known: KnownHashes | None = None) -> bytes:
    """Return the encoded image of an item; nothing is fetched from the network.

    Raises:
        ImageError: when it cannot be read, is not the image that was queued, or is on a list of known images.
    """
    limits = limits or Limits()
    ((_, data),) = each_at([item.place], limits)
    return _checked(item, data, limits, known)


def each_image(
    items: Sequence[Item], limits: Limits | None = None, known: KnownHashes | None = None
) -> Iterator[tuple[Item, bytes | ImageError]]:
    """Yield every item with what `image_bytes` returns or raises; in the order in which the images lie."""
    limits = limits or Limits()
    for number, data in each_at([item.place for item in items], limits):
        yield items[number], _or_why(items[number], data, limits, known)


def each_at(places: Sequence[ImagePlace], limits: Limits) -> Iterator[tuple[int, bytes | ImageError]]:
    """Yield the number of each place with what lies there, or why that cannot be read.

    Files come first, then shard by shard; each shard is read once, and one image is held at a time.
    """
    of_home: defaultdict[_Home, list[int]] = defaultdict(list)
    for number, place in enumerate(places):
        if place.file is None:
            of_home[_Home.of(place)].append(number)
        else:
            yield number, _encoded(Path(place.file), limits)
    for home, numbers in of_home.items():
        wanted: defaultdict[int | None, list[int]] = defaultdict(list)
        for number in numbers:
            wanted[places[number].index].append(number)
        yield from _each_of(home, wanted, limits)


def _each_of(
    home: _Home, wanted: dict[int | None, list[int]], limits: Limits
) -> Iterator[tuple[int, bytes | ImageError]]:
    """Yield what is wanted of a shard, by its place in it: as it comes, then what it does not hold."""
    missing = ImageError(ErrorType.not_found, "The dataset of the image does not hold it any more; put it back.")
    try:
        shard = _shards(*home[:4]).get(home.shard)
        only = {index for index in wanted if index is not None}
        for item in () if shard is None else shard.items(only=only):
            for number in wanted.pop(item.index, ()):
                yield number, _encoded(item.image, limits)
            if not wanted:
                return
    except (EyewardError, OSError) as problem:
        missing = ImageError(ErrorType.unreadable, f"The dataset of the image cannot be read: {problem}")
    for number in (number for numbers in wanted.values() for number in numbers):
        yield number, missing


def _encoded(image: bytes | Path | Footage | Failure, limits: Limits) -> bytes | ImageError:
    if isinstance(image, Failure):
        return ImageError(image.type, image.message)
    if isinstance(image, Footage):
        return ImageError(ErrorType.unsupported_format, f"{image} is a video; the frames of videos are not shown here.")
    try:
        return image if isinstance(image, bytes) else read_image_file(image, limits)
    except ImageError as problem:
        return problem


def _checked(item: Item | Shown, data: bytes | ImageError, limits: Limits, known: KnownHashes | None) -> bytes:
    """Return the bytes of an item.

    Raises:
        ImageError: when there are none, they are not those that were queued, or are on a list of known images.
    """
    if isinstance(data, ImageError):
        raise data
    if sha256_of_bytes(data) != item.image_sha256:
        raise ImageError(ErrorType.not_found, "What lies there now is not the image that was queued; put it back.")
    if known is not None and known.match(data, limits) is not None:
        raise ImageError(ErrorType.unreadable, "The image is on a list of known images, and is shown to nobody.")
    return data


def _or_why(item: Item, data: bytes | ImageError, limits: Limits, known: KnownHashes | None) -> bytes | ImageError:
    try:
        return _checked(item, data, limits, known)
    except ImageError as problem:
        return problem


@lru_cache(maxsize=4)
def _shards(
    source: tuple[str, ...], kind: Kind | None, images_per_shard: int | None, image_column: str | None
) -> dict[str, Shard]:
    """Return the shards of a dataset by name; looked up once, for what lies there is checked anyway."""
    return {shard.name: shard for shard in open_source(source, kind, images_per_shard, image_column).shards}
