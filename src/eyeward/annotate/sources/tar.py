"""WebDataset shards: tar archives whose files belong together by what stands before the first point of their names."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import re
from collections.abc import Callable, Container, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from eyeward.annotate.footage import Copy, Footage
from eyeward.annotate.item import Item, as_text
from eyeward.annotate.sources.archive import Content, Damage, Member, Take, read_archive
from eyeward.annotate.sources.files import identity_of, is_url, opened, unreadable
from eyeward.annotate.sources.folder import IMAGE_SUFFIXES
from eyeward.annotate.sources.video import SUFFIXES as VIDEO_SUFFIXES
from eyeward.errors import DataError, ErrorType
from eyeward.images.limits import Limits
from eyeward.images.reading import printable
from eyeward.verdict import Failure

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_PARTS = re.compile(r"((?:.*/|)[^./]+)[.]([^/]*)")
"""Key and extension, as WebDataset parts a name."""
_LARGEST_COLUMN = 1 << 20
_HEAD = 10
"""Bytes that tell how an archive is packed."""
_MOST_LOOKED_AT = 64
"""Files at the head of an archive that tell whether it holds videos."""
_LARGEST_IN_MEMORY = 8 << 20
"""Of a file that is copied as a whole."""
_Apart = Callable[[str, int, int, Path | None], tuple[Content, Take] | None]
"""As of archives, with the file that holds the archive, where what it holds can be read there."""
_NO_VIDEO = Failure(
    type=ErrorType.unsupported_format,
    message="It is a video, and videos are not judged in this run; have them judged, too, by --kind video.",
)


@dataclass(frozen=True)
class TarShard:
    """One archive."""

    name: str
    file: str
    largest: int = Limits().max_bytes
    """Bytes of an image above which it is not read."""
    videos: bool = False
    """Whether its videos are judged. They are items in any case, so that what is not judged is not taken for Safe."""

    def identity(self) -> str:
        """Tell it from others by size and content."""
        return identity_of(self.file)

    def keys(self) -> Iterator[str]:
        """Yield the keys of its images and videos."""
        return (key for sample in self._samples(_passed_over) for key, _ in sample.images())

    def items(self, columns: bool = False, only: Container[int] | None = None) -> Iterator[Item]:
        """Yield its images and videos; a sample with several gives several, keyed by their full names.

        A sample with none is an error.
        """
        index = -1
        for sample in self._samples(self._judged):
            for key, image in sample.images():
                index += 1
                if only is not None and index not in only:
                    continue
                if isinstance(image, Failure):
                    image = Failure(type=image.type, message=f"{printable(f'{self.name}: {key}')}: {image.message}")
                yield Item(index, key, image, sample.columns() if columns else {})

    def whole_samples(self) -> Iterator[Sample]:
        """Yield its samples with all their files, of which none is in memory that is large; damage is one, too."""
        return self._samples(self._whole)

    def _samples(self, apart: _Apart) -> Iterator[Sample]:
        sample: Sample | None = None
        for member in self._members(apart):
            if isinstance(member, Damage):
                if sample is not None:
                    yield sample
                sample = None
                yield Sample(f"{as_text(self.name)}@{member.at}", damage=member.failure)
                continue
            key, extension = parts_of(member.name)
            if sample is None or sample.key != key or extension in sample.members:
                if sample is not None:
                    yield sample
                sample = Sample(key)
            sample.members[extension] = member
        if sample is not None:
            yield sample

    def has_videos(self) -> bool | None:
        """Tell by its first sample with an image or a video whether it holds videos; None where that cannot be told."""
        first: str | None = None
        try:
            for member in islice(self._members(_passed_over), _MOST_LOOKED_AT):
                if isinstance(member, Damage):
                    continue
                key, extension = parts_of(member.name)
                if first is not None and key != first:
                    break
                if _is_video(extension):
                    return True
                if _is_image(extension):
                    first = key
        except DataError:
            return None
        return None if first is None else False

    def _members(self, apart: _Apart) -> Iterator[Member | Damage]:
        with closing(opened(self.file)) as raw:
            try:
                with closing(_unpacked(raw, self.file)) as stream:
                    here = Path(self.file) if stream is raw and not is_url(self.file) else None
                    yield from read_archive(stream, self.largest, lambda name, at, size: apart(name, at, size, here))
            except OSError as problem:
                raise unreadable(self.file, problem) from problem

    def _judged(self, name: str, at: int, size: int, here: Path | None) -> tuple[Content, Take] | None:
        """Put videos apart, where they are judged at all."""
        if not name.lower().endswith(VIDEO_SUFFIXES):
            return None
        return self._put_apart(name, at, size, here) if self.videos else (_NO_VIDEO, _drop)

    def _whole(self, name: str, at: int, size: int, here: Path | None) -> tuple[Content, Take] | None:
        """Put everything apart that is large."""
        return self._put_apart(name, at, size, here) if size > min(_LARGEST_IN_MEMORY, self.largest) else None

    def _put_apart(self, name: str, at: int, size: int, here: Path | None) -> tuple[Content, Take]:
        """Point to where a file lies in the archive; what cannot be read there is copied to where it can."""
        called = as_text(f"{self.name}: {name}")
        if here is not None:
            return Footage(called, here, at, size), _drop
        copy = Copy()
        return Footage(called, copy, 0, size), copy.write


@dataclass(frozen=True)
class Sample:
    """The files of a shard that share a key and stand one after the other, by extension."""

    key: str
    members: dict[str, Member] = field(default_factory=dict)
    damage: Failure | None = None

    def images(self) -> Iterator[tuple[str, Content]]:
        """Yield the images and videos by their keys; where there is none, that there is none."""
        if self.damage is not None:
            yield self.key, self.damage
            return
        found = self.pictures()
        if not found:
            held = ", ".join(as_text(extension) or "no extension" for extension in self.members)
            yield (
                as_text(self.key),
                Failure(type=ErrorType.not_found, message=f"The sample holds no image and no video (it has {held})."),
            )
        for member in found:
            yield as_text(self.key if len(found) == 1 else member.name), member.content

    def pictures(self) -> list[Member]:
        """Return the images and videos, whether anything can read them or not."""
        return [member for extension, member in self.members.items() if _is_image(extension) or _is_video(extension)]

    def columns(self) -> dict[str, object]:
        """Return what else the sample holds: the keys of its `json`, and small texts by their extensions."""
        found: dict[str, object] = {}
        for extension, member in self.members.items():
            content = member.content
            if _is_image(extension) or not isinstance(content, bytes) or len(content) > _LARGEST_COLUMN:
                continue
            try:
                text = content.decode("utf-8")
                read = json.loads(text) if extension == "json" else text
            except (RecursionError, ValueError):
                continue
            found |= read if isinstance(read, dict) else {as_text(extension): read}
        return found


def parts_of(name: str) -> tuple[str, str]:
    """Return key and extension of a file, in lower case; a name that WebDataset would pass over is its own key."""
    parts = _PARTS.fullmatch(name)
    return (parts[1], parts[2].lower()) if parts else (name, PurePosixPath(name).suffix.lower().removeprefix("."))


def _is_image(extension: str) -> bool:
    return f".{extension.rpartition('.')[2]}" in IMAGE_SUFFIXES


def _is_video(extension: str) -> bool:
    return f".{extension}".endswith(VIDEO_SUFFIXES)


def _drop(piece: bytes) -> None:
    """Take bytes that nobody needs now."""


def _passed_over(name: str, at: int, size: int, here: Path | None) -> tuple[Content, Take]:
    """Read nothing but names."""
    return b"", _drop


def _unpacked(raw: BinaryIO, name: str) -> BinaryIO:
    """Return what unpacks an archive, told by its first bytes, as WebDataset does, and not by its name.

    Raises:
        DataError: when it is packed in a way that is not read.
    """
    head = raw.read(_HEAD)
    raw.seek(0)
    if head.startswith(b"\x1f\x8b\x08"):
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw))
    if head.startswith(b"\xfd7zXZ\0"):
        return cast(BinaryIO, lzma.LZMAFile(raw))
    if head.startswith(b"BZh") and head[4:] in (b"1AY&SY", b"\x17rE8P\x90"):
        return cast(BinaryIO, _Bz2(raw))
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        raise DataError("It is packed with zstd, which is not read; unpack it, or pack it with gzip.", name)
    return raw


class _Bz2(bz2.BZ2File):
    """Says of damage that it is some; the standard library says what it says of disks that fail."""

    def read(self, size: int | None = -1) -> bytes:
        try:
            return super().read(-1 if size is None else size)
        except OSError as problem:
            if problem.errno is None:
                raise EOFError(str(problem)) from problem
            raise
