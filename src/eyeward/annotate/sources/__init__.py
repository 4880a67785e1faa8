"""What a dataset is, told by what lies there, and its shards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from eyeward.annotate.item import Shard
from eyeward.annotate.sources.arrow_files import SUFFIXES as ARROW_SUFFIXES
from eyeward.annotate.sources.arrow_files import ArrowShard, files_of_saved, is_saved
from eyeward.annotate.sources.files import expand, files_below, has_below, is_folder, is_url, shard_names
from eyeward.annotate.sources.folder import (
    IMAGE_SUFFIXES,
    IMAGES,
    LIST_SUFFIXES,
    VIDEOS,
    files_of_list,
    media_below,
    shards_of,
)
from eyeward.annotate.sources.lance_table import is_lance, lance_shards
from eyeward.annotate.sources.parquet import SUFFIXES as PARQUET_SUFFIXES
from eyeward.annotate.sources.parquet import ParquetShard
from eyeward.annotate.sources.tar import SUFFIXES as TAR_SUFFIXES
from eyeward.annotate.sources.tar import TarShard
from eyeward.annotate.sources.video import SUFFIXES as VIDEO_SUFFIXES
from eyeward.annotate.sources.video import Sampling
from eyeward.errors import UsageError
from eyeward.images.formats import EXTENSIONS
from eyeward.images.limits import Limits

if TYPE_CHECKING:
    from eyeward.images.fetch import Fetcher

IMAGES_PER_SHARD, VIDEOS_PER_SHARD = 1000, 100
_MOST_ASKED = 3
"""Archives that are asked for videos, one after the other, until one can answer."""
OUTPUT_SUFFIX = ".safety.parquet"
"""Ending of the files that a run writes; they may lie beside the shards and are no input."""


class Kind(StrEnum):
    """How a source holds its images."""

    images = "images"
    """A folder with all below, or files that are named or match a pattern."""
    list = "list"
    """A text file with one path a line, from its own folder on."""
    video = "video"
    """Video files, named like images; of archives those with videos in them, which are `tar`."""
    tar = "tar"
    """WebDataset, and what img2dataset writes."""
    parquet = "parquet"
    """Images inside of Parquet."""
    arrow = "arrow"
    """Images inside of Arrow files, as `datasets` saves them."""
    lance = "lance"
    """Images inside of a Lance dataset."""


_SUFFIXES = {Kind.tar: TAR_SUFFIXES, Kind.parquet: PARQUET_SUFFIXES, Kind.arrow: ARROW_SUFFIXES}


@dataclass(frozen=True)
class Source:
    """A dataset, looked at now: its shards in their order."""

    names: tuple[str, ...]
    kind: Kind
    shards: tuple[Shard, ...]
    images_per_shard: int | None
    """Where we cut the shards ourselves."""
    image_column: str | None = None
    """Of tables, where it was named."""
    sampling: Sampling | None = None
    """Of videos; None where none are judged."""


def open_source(
    names: str | Path | Sequence[str],
    kind: Kind | str | None = None,
    images_per_shard: int | None = None,
    image_column: str | None = None,
    limits: Limits | None = None,
    fetcher: Fetcher | None = None,
    sampling: Sampling | None = None,
) -> Source:
    """Return the shards of a folder, a list, of archives, tables or videos, named by paths, patterns and `{000..123}`.

    Shards that are cut here have `images_per_shard` images, by default 1,000, or 100 videos. Tables may hold addresses
    of images, which are fetched by `fetcher`. `sampling` says which pictures of videos are judged. Videos in archives
    are judged, beside the images, where it is given, where the kind is `video`, or where no kind is given and the first
    archive begins with a video.

    Raises:
        UsageError: when something is not there, or when it is not clear what is meant.
        MissingExtra: when a package is missing that reads it.
    """
    given = [str(names)] if isinstance(names, str | Path) else list(names)
    if not given or "" in given:
        raise UsageError("No dataset is named; name a folder, a list, archives, tables or videos.")
    if images_per_shard is not None and images_per_shard < 1:
        raise UsageError(f"A shard has at least one image, not {images_per_shard}.")
    found = expand(given)
    chosen = Kind(kind) if kind is not None else _told(found)
    if chosen is Kind.video and _are_archives(found):
        chosen, sampling = Kind.tar, sampling or Sampling()
    if sampling is not None and chosen not in (Kind.video, Kind.tar):
        raise UsageError(f"Which pictures are taken is said of videos; {given[0]!r} holds {chosen}.")
    if chosen in (Kind.images, Kind.list, Kind.video):
        length = images_per_shard or (VIDEOS_PER_SHARD if chosen is Kind.video else IMAGES_PER_SHARD)
        folder, files = _loose(found, chosen)
        cut = shards_of(folder, files, length, VIDEOS if chosen is Kind.video else IMAGES)
        sampled = (sampling or Sampling()) if chosen is Kind.video else None
        return Source(tuple(given), chosen, _some(cut, given), length, sampling=sampled)
    largest = (limits or Limits()).max_bytes
    if chosen is Kind.tar:
        archives = _archives(found, largest)
        if kind is None and sampling is None and _begin_with_videos(archives):
            sampling = Sampling()
        shards = [replace(shard, videos=sampling is not None) for shard in archives]
        return Source(tuple(given), chosen, _some(shards, given), None, sampling=sampling)
    return Source(tuple(given), chosen, _some(_tables(found, chosen, image_column, fetcher), given), None, image_column)


def _archives(found: Sequence[str], largest: int) -> list[TarShard]:
    packed = [file for name in found for file in _packed(name, Kind.tar)]
    return [TarShard(*file, largest) for file in zip(shard_names(packed), packed, strict=True)]


def _begin_with_videos(shards: Sequence[TarShard]) -> bool:
    """Whether the first archive that can be read begins with a video; the archives of a dataset are alike."""
    told = (shard.has_videos() for shard in shards[:_MOST_ASKED])
    return next((answer for answer in told if answer is not None), False)


def _tables(found: Sequence[str], kind: Kind, image_column: str | None, fetcher: Fetcher | None) -> Sequence[Shard]:
    if kind is Kind.lance:
        named = zip(shard_names(found), found, strict=True)
        return [shard for name, file in named for shard in lance_shards(name, file, image_column, fetcher)]
    packed = [file for name in found for file in _packed(name, kind)]
    table = ArrowShard if kind is Kind.arrow else ParquetShard
    return [table(*file, image_column, fetcher) for file in zip(shard_names(packed), packed, strict=True)]


def _are_archives(names: Sequence[str]) -> bool:
    """Whether videos are to be looked for in archives: these are some, or folders of them without loose videos."""
    if any(_is_folder(name) for name in names):
        return all(
            is_folder(name) and has_below(name, TAR_SUFFIXES) and (is_url(name) or not _has_videos(Path(name)))
            for name in names
        )
    return all(name.lower().endswith(TAR_SUFFIXES) for name in names)


def _is_folder(name: str) -> bool:
    """Whether it is a folder; a store is not asked about each of a hundred thousand archives."""
    return not (is_url(name) and name.lower().endswith(TAR_SUFFIXES)) and is_folder(name)


def _some(shards: Sequence[Shard], given: Sequence[str]) -> tuple[Shard, ...]:
    if not shards:
        raise UsageError(f"There are no images in {given[0]!r}, or none of the kind that was asked for.")
    return tuple(shards)


def _told(names: Sequence[str]) -> Kind:
    """Tell the kind by names and by what lies in folders."""
    kinds = {_kind_of_folder(name) if _is_folder(name) else _kind_of_file(name) for name in names}
    if len(kinds) > 1:
        raise UsageError(
            f"These are of several kinds ({', '.join(sorted(kinds))}); annotate them one by one, each into its folder."
        )
    return kinds.pop()


def _kind_of_file(name: str) -> Kind:
    lower = name.lower()
    for kind, suffixes in _SUFFIXES.items():
        if lower.endswith(suffixes):
            return kind
    if lower.endswith(LIST_SUFFIXES):
        return Kind.list
    if lower.endswith(tuple(IMAGE_SUFFIXES)):
        return Kind.images
    if lower.endswith(VIDEO_SUFFIXES):
        return Kind.video
    known = ", ".join((*TAR_SUFFIXES, *PARQUET_SUFFIXES, *ARROW_SUFFIXES, *LIST_SUFFIXES))
    raise UsageError(
        f"What {name!r} holds cannot be told by its name (known are images, videos and {known}); say it: "
        f"--kind {'|'.join(Kind)}."
    )


def _kind_of_folder(name: str) -> Kind:
    """Tell what a folder holds; beside archives, images and videos there may be tables, which tell of them.

    Images in formats that are not read tell the kind beside videos, or where there is nothing else: a logo lies beside
    any archive, and photographs of a telephone beside its videos.
    """
    if is_lance(name):
        return Kind.lance
    if is_saved(name):
        return Kind.arrow
    videos = not is_url(name) and _has_videos(Path(name))
    telling = IMAGE_SUFFIXES if videos else EXTENSIONS
    here = {
        Kind.tar: has_below(name, TAR_SUFFIXES),
        Kind.images: not is_url(name) and next(media_below(Path(name), telling), None) is not None,
        Kind.video: videos,
    }
    held = [kind for kind, is_here in here.items() if is_here]
    if len(held) > 1:
        called = {Kind.tar: "archives", Kind.images: "loose images", Kind.video: "videos"}
        raise UsageError(
            f"{name!r} holds {' and '.join(called[kind] for kind in held)}; say which are meant: "
            f"{' or '.join(f'--kind {kind}' for kind in held)}."
        )
    if held:
        return held[0]
    for kind in (Kind.parquet, Kind.arrow):
        if _packed(name, kind) and has_below(name, _SUFFIXES[kind]):
            return kind
    if not is_url(name) and next(media_below(Path(name)), None) is not None:
        return Kind.images
    raise UsageError(f"There are no images in the folder {name!r}: none loose, none in archives, tables or videos.")


def _has_videos(folder: Path) -> bool:
    """Whether there are videos; a folder that cannot be opened stands for itself, and is none."""
    return any(name.lower().endswith(VIDEO_SUFFIXES) for name in media_below(folder, VIDEO_SUFFIXES))


def _packed(name: str, kind: Kind) -> list[str]:
    """Return the archives or tables of a folder, without what a run wrote beside them; a file is itself."""
    if not _is_folder(name):
        return [name]
    if kind is Kind.arrow and is_saved(name):
        return files_of_saved(name)
    return [file for file in files_below(name, _SUFFIXES[kind]) if not file.endswith(OUTPUT_SUFFIX)]


def _loose(names: Sequence[str], kind: Kind) -> tuple[Path, list[str]]:
    """Return a folder and paths that start there."""
    if any(is_url(name) for name in names):
        raise UsageError("Loose files are read from local folders only; pack images that lie elsewhere into archives.")
    if kind is Kind.list or (kind is Kind.video and names[0].lower().endswith(LIST_SUFFIXES)):
        if len(names) > 1:
            raise UsageError("Name one list; put several together into one.")
        folder, files = Path(names[0]).parent, files_of_list(Path(names[0]))
    elif len(names) == 1 and is_folder(names[0]):
        endings = VIDEO_SUFFIXES if kind is Kind.video else IMAGE_SUFFIXES
        folder, files = Path(names[0]), list(media_below(Path(names[0]), endings))
    elif any(is_folder(name) for name in names):
        raise UsageError("Name one folder of images, or files by a pattern such as 'photos/**/*.jpg'.")
    else:
        folder, files = Path(), list(names)
    return folder, files
