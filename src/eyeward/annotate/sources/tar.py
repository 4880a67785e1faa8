"""WebDataset shards: tar archives whose files belong together by what stands before the first point of their names."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from eyeward.annotate.item import Item, as_text
from eyeward.annotate.sources.archive import Damage, Member, read_archive
from eyeward.annotate.sources.files import identity_of, opened, unreadable
from eyeward.errors import ErrorType
from eyeward.images.formats import EXTENSIONS
from eyeward.images.limits import Limits
from eyeward.images.reading import printable
from eyeward.verdict import Failure

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_PARTS = re.compile(r"((?:.*/|)[^./]+)[.]([^/]*)")
"""Key and extension, as WebDataset parts a name."""
_LARGEST_COLUMN = 1 << 20


@dataclass(frozen=True)
class TarShard:
    """One archive."""

    name: str
    file: str
    largest: int = Limits().max_bytes
    """Bytes of an image above which it is not read."""

    def identity(self) -> str:
        """Tell it from others by size and content."""
        return identity_of(self.file)

    def items(self, columns: bool = False) -> Iterator[Item]:
        """Yield its images; a sample with several gives several, keyed by their full names, one with none an error."""
        index = 0
        for sample in self.samples():
            for key, image in sample.images():
                if isinstance(image, Failure):
                    image = Failure(type=image.type, message=f"{printable(f'{self.name}: {key}')}: {image.message}")
                yield Item(index, key, image, sample.columns() if columns else {})
                index += 1

    def samples(self) -> Iterator[Sample]:
        """Yield its samples; damage is one, too."""
        sample: Sample | None = None
        for member in self._members():
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

    def _members(self) -> Iterator[Member | Damage]:
        with closing(opened(self.file)) as raw, closing(_unpacked(raw, self.file)) as stream:
            try:
                yield from read_archive(stream, self.largest)
            except (gzip.BadGzipFile, lzma.LZMAError) as problem:
                failure = Failure(type=ErrorType.truncated, message=f"It cannot be unpacked further: {problem}.")
                yield Damage(0, failure)
            except OSError as problem:
                raise unreadable(self.file, problem) from problem


@dataclass(frozen=True)
class Sample:
    """The files of a shard that share a key and stand one after the other, by extension."""

    key: str
    members: dict[str, Member] = field(default_factory=dict)
    damage: Failure | None = None

    def images(self) -> Iterator[tuple[str, bytes | Failure]]:
        """Yield the images by their keys; where there is none, that there is none."""
        if self.damage is not None:
            yield self.key, self.damage
            return
        found = [member for extension, member in self.members.items() if _is_image(extension)]
        if not found:
            held = ", ".join(as_text(extension) or "no extension" for extension in self.members)
            yield (
                as_text(self.key),
                Failure(type=ErrorType.not_found, message=f"The sample holds no image (it has {held})."),
            )
        for member in found:
            yield as_text(self.key if len(found) == 1 else member.name), member.content

    def columns(self) -> dict[str, object]:
        """Return what else the sample holds: the keys of its `json`, and small texts by their extensions."""
        found: dict[str, object] = {}
        for extension, member in self.members.items():
            content = member.content
            if _is_image(extension) or isinstance(content, Failure) or len(content) > _LARGEST_COLUMN:
                continue
            try:
                text = content.decode("utf-8")
                read = json.loads(text) if extension == "json" else text
            except ValueError:
                continue
            found |= read if isinstance(read, dict) else {as_text(extension): read}
        return found


def parts_of(name: str) -> tuple[str, str]:
    """Return key and extension of a file, in lower case; a name that WebDataset would pass over is its own key."""
    parts = _PARTS.fullmatch(name)
    return (parts[1], parts[2].lower()) if parts else (name, PurePosixPath(name).suffix.lower().removeprefix("."))


def _is_image(extension: str) -> bool:
    return f".{extension.rpartition('.')[2]}" in EXTENSIONS


def _unpacked(raw: BinaryIO, name: str) -> BinaryIO:
    lower = name.lower()
    if lower.endswith((".gz", ".tgz")):
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw))
    if lower.endswith(".bz2"):
        return cast(BinaryIO, bz2.BZ2File(raw))
    if lower.endswith(".xz"):
        return cast(BinaryIO, lzma.LZMAFile(raw))
    return raw
