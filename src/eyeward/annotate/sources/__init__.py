"""What a dataset is, told by what lies there, and its shards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from eyeward.annotate.item import Shard
from eyeward.annotate.sources.files import expand, files_below, is_folder, is_url, shard_names
from eyeward.annotate.sources.folder import LIST_SUFFIXES, files_of_list, images_below, shards_of
from eyeward.annotate.sources.parquet import SUFFIXES as PARQUET_SUFFIXES
from eyeward.annotate.sources.parquet import ParquetShard
from eyeward.annotate.sources.tar import SUFFIXES as TAR_SUFFIXES
from eyeward.annotate.sources.tar import TarShard
from eyeward.errors import UsageError
from eyeward.images.formats import EXTENSIONS
from eyeward.images.limits import Limits

if TYPE_CHECKING:
    from eyeward.images.fetch import Fetcher

IMAGES_PER_SHARD = 1000
OUTPUT_SUFFIX = ".safety.parquet"
"""Ending of the files that a run writes; they may lie beside the shards and are no input."""


class Kind(StrEnum):
    """How a source holds its images."""

    images = "images"
    """A folder with all below, or files that are named or match a pattern."""
    list = "list"
    """A text file with one path a line, from its own folder on."""
    tar = "tar"
    """WebDataset, and what img2dataset writes."""
    parquet = "parquet"
    """Images inside of Parquet."""


@dataclass(frozen=True)
class Source:
    """A dataset, looked at now: its shards in their order."""

    names: tuple[str, ...]
    kind: Kind
    shards: tuple[Shard, ...]
    images_per_shard: int | None
    """Where we cut the shards ourselves."""
    image_column: str | None = None
    """Of Parquet files, where it was named."""


def open_source(
    names: str | Path | Sequence[str],
    kind: Kind | str | None = None,
    images_per_shard: int = IMAGES_PER_SHARD,
    image_column: str | None = None,
    limits: Limits | None = None,
    fetcher: Fetcher | None = None,
) -> Source:
    """Return the shards of a folder, a list, of archives or Parquet files, named by paths, patterns and `{000..123}`.

    Parquet may hold addresses of images, which are fetched by `fetcher`.

    Raises:
        UsageError: when something is not there, or when it is not clear what is meant.
        MissingExtra: when a package is missing that reads it.
    """
    given = [str(names)] if isinstance(names, str | Path) else list(names)
    if not given or "" in given:
        raise UsageError("No dataset is named; name a folder, a list, archives or Parquet files.")
    if images_per_shard < 1:
        raise UsageError(f"A shard has at least one image, not {images_per_shard}.")
    found = expand(given)
    chosen = Kind(kind) if kind is not None else _told(found)
    if chosen in (Kind.images, Kind.list):
        folder, files = _loose(found, chosen)
        cut = shards_of(folder, files, images_per_shard)
        return Source(tuple(given), chosen, _some(cut, given), images_per_shard)
    suffixes = TAR_SUFFIXES if chosen is Kind.tar else PARQUET_SUFFIXES
    packed = [file for name in found for file in _packed(name, suffixes)]
    largest = (limits or Limits()).max_bytes
    named = list(zip(shard_names(packed), packed, strict=True))
    if chosen is Kind.tar:
        return Source(tuple(given), chosen, _some([TarShard(*shard, largest) for shard in named], given), None)
    tables = [ParquetShard(*shard, image_column, fetcher) for shard in named]
    return Source(tuple(given), chosen, _some(tables, given), None, image_column)


def _some(shards: Sequence[Shard], given: Sequence[str]) -> tuple[Shard, ...]:
    if not shards:
        raise UsageError(f"There are no images in {given[0]!r}, or none of the kind that was asked for.")
    return tuple(shards)


def _told(names: Sequence[str]) -> Kind:
    """Tell the kind by names and by what lies in folders."""
    kinds = {_kind_of_folder(name) if is_folder(name) else _kind_of_file(name) for name in names}
    if len(kinds) > 1:
        raise UsageError(
            f"These are of several kinds ({', '.join(sorted(kinds))}); annotate them one by one, each into its folder."
        )
    return kinds.pop()


def _kind_of_file(name: str) -> Kind:
    lower = name.lower()
    if lower.endswith(TAR_SUFFIXES):
        return Kind.tar
    if lower.endswith(PARQUET_SUFFIXES):
        return Kind.parquet
    if lower.endswith(LIST_SUFFIXES):
        return Kind.list
    if lower.endswith(tuple(EXTENSIONS)):
        return Kind.images
    known = ", ".join((*TAR_SUFFIXES, *PARQUET_SUFFIXES, *LIST_SUFFIXES))
    raise UsageError(
        f"What {name!r} holds cannot be told by its name (known are images and {known}); say it: "
        f"--kind {'|'.join(Kind)}."
    )


def _kind_of_folder(name: str) -> Kind:
    """Tell what a folder holds; beside archives and images there may be Parquet files, which tell of them."""
    archives = bool(files_below(name, TAR_SUFFIXES))
    pictures = not is_url(name) and next(images_below(Path(name)), None) is not None
    if archives and pictures:
        raise UsageError(f"{name!r} holds archives and loose images; say which are meant: --kind tar or --kind images.")
    if archives or pictures:
        return Kind.tar if archives else Kind.images
    if _packed(name, PARQUET_SUFFIXES):
        return Kind.parquet
    raise UsageError(f"There are no images in the folder {name!r}, neither loose nor in archives or Parquet files.")


def _packed(name: str, suffixes: tuple[str, ...]) -> list[str]:
    """Return the archives or Parquet files of a folder, without what a run wrote beside them; a file is itself."""
    if not is_folder(name):
        return [name]
    return [file for file in files_below(name, suffixes) if not file.endswith(OUTPUT_SUFFIX)]


def _loose(names: Sequence[str], kind: Kind) -> tuple[Path, list[str]]:
    """Return a folder and paths that start there."""
    if any(is_url(name) for name in names):
        raise UsageError("Loose images are read from local folders only; pack those elsewhere into archives.")
    if kind is Kind.list:
        if len(names) > 1:
            raise UsageError("Name one list; put several together into one.")
        folder, files = Path(names[0]).parent, files_of_list(Path(names[0]))
    elif len(names) == 1 and is_folder(names[0]):
        folder, files = Path(names[0]), list(images_below(Path(names[0])))
    elif any(is_folder(name) for name in names):
        raise UsageError("Name one folder of images, or files by a pattern such as 'photos/**/*.jpg'.")
    else:
        folder, files = Path(), list(names)
    return folder, files
