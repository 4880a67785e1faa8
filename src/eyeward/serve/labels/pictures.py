"""The bytes of queued images, checked against what was queued."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from eyeward.annotate.footage import Footage
from eyeward.annotate.item import Shard
from eyeward.annotate.sources import Kind, open_source
from eyeward.errors import ErrorType, EyewardError, ImageError
from eyeward.images import Limits, sha256_of_bytes
from eyeward.images.known import KnownHashes
from eyeward.images.reading import read_image_file
from eyeward.serve.labels.records import ImagePlace, Item, Shown
from eyeward.verdict import Failure


def image_bytes(item: Item | Shown, limits: Limits | None = None, known: KnownHashes | None = None) -> bytes:
    """Return the encoded image of an item; nothing is fetched from the network.

    Raises:
        ImageError: when it cannot be read, is not the image that was queued, or is on a list of known images.
    """
    data = bytes_at(item.place, limits or Limits())
    if sha256_of_bytes(data) != item.image_sha256:
        raise ImageError(ErrorType.not_found, "What lies there now is not the image that was queued; put it back.")
    if known is not None and known.match(data) is not None:
        raise ImageError(ErrorType.unreadable, "The image is on a list of known images, and is shown to nobody.")
    return data


def bytes_at(place: ImagePlace, limits: Limits) -> bytes:
    """Return what lies at a place.

    Raises:
        ImageError: when it cannot be read.
    """
    if place.file is not None:
        return read_image_file(Path(place.file), limits)
    try:
        shards = _shards(place.source, place.kind, place.images_per_shard, place.image_column)
        image = _image(shards.get(place.shard or ""), place.index)
    except (EyewardError, OSError) as problem:
        raise ImageError(ErrorType.unreadable, f"The dataset of the image cannot be read: {problem}") from problem
    if image is None:
        raise ImageError(ErrorType.not_found, "The dataset of the image does not hold it any more; put it back.")
    if isinstance(image, Failure):
        raise ImageError(image.type, image.message)
    if isinstance(image, Footage):
        raise ImageError(ErrorType.unsupported_format, f"{image} is a video; the frames of videos are not shown here.")
    return image if isinstance(image, bytes) else read_image_file(image, limits)


def _image(shard: Shard | None, index: int | None) -> bytes | Path | Footage | Failure | None:
    if shard is None:
        return None
    return next((item.image for item in shard.items() if item.index == index), None)


@lru_cache(maxsize=4)
def _shards(
    source: tuple[str, ...], kind: Kind | None, images_per_shard: int | None, image_column: str | None
) -> dict[str, Shard]:
    """Return the shards of a dataset by name; looked up once, for what lies there is checked anyway."""
    return {shard.name: shard for shard in open_source(source, kind, images_per_shard, image_column).shards}
