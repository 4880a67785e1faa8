"""Files of images or videos, in a folder with all below or in a list, cut into shards of equal length."""

from __future__ import annotations

import codecs
import hashlib
import os
from collections.abc import Callable, Collection, Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from eyeward.annotate.footage import Footage
from eyeward.annotate.item import Item, as_text
from eyeward.errors import UsageError
from eyeward.images.formats import EXTENSIONS, UNREAD_EXTENSIONS

LIST_SUFFIXES = (".txt", ".lst", ".list")
IMAGE_SUFFIXES = EXTENSIONS | UNREAD_EXTENSIONS
"""What is an item, whether it is read or not: what nobody looks at is an error, and is neither kept nor passed over."""
IMAGES, VIDEOS = "images", "videos"


@dataclass(frozen=True)
class FileShard:
    """Some files in their order, by the paths that start from a folder."""

    name: str
    folder: Path
    files: Sequence[str]
    holds: str = IMAGES
    """Images or videos: what a folder of them is called."""

    def identity(self) -> str:
        """Tell it from others by the names of its files and their sizes."""
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(f"{file}\0{_size(self.folder / file)}\n".encode("utf-8", "surrogateescape"))
        return f"{len(self.files)}-{digest.hexdigest()[:32]}"

    def keys(self) -> Iterator[str]:
        """Yield the paths."""
        return map(as_text, self.files)

    def items(self, columns: bool = False, only: Container[int] | None = None) -> Iterator[Item]:
        """Yield a path or a video for each file; what cannot be read is found out by whoever reads it."""
        for index, file in enumerate(self.files):
            if only is not None and index not in only:
                continue
            key = as_text(file)
            known = {"folder": str(PurePosixPath(key).parent)} if columns else {}
            path = self.folder / file
            yield Item(index, key, Footage.of_file(path) if self.holds == VIDEOS else path, known)


def shards_of(folder: Path, files: Sequence[str], length: int, holds: str = IMAGES) -> list[FileShard]:
    """Cut files into shards."""
    return [
        FileShard(f"{holds}-{number:06}", folder, files[start : start + length], holds)
        for number, start in enumerate(range(0, len(files), length))
    ]


def media_below(folder: Path, endings: Collection[str] = IMAGE_SUFFIXES) -> Iterator[str]:
    """Yield the files of a folder and of those below that end so, in the order of names, links followed.

    A folder that cannot be opened stands for itself, so that it comes out as an error and not as nothing.
    """
    return files_in(folder, lambda name: os.path.splitext(name)[1].lower() in endings)  # noqa: PTH122 called often


def files_in(folder: Path, wanted: Callable[[str], bool]) -> Iterator[str]:
    """Yield the files of a folder and of those below whose names are wanted, as `media_below` does."""
    return _walk(folder, "", (), wanted)


def _walk(folder: Path, below: str, above: tuple[tuple[int, int], ...], wanted: Callable[[str], bool]) -> Iterator[str]:
    try:
        status = (folder / below).stat()
        with os.scandir(folder / below) as listing:
            entries = sorted((entry.name, _is_folder(entry)) for entry in listing)
    except OSError:
        yield below or "."
        return
    here = (status.st_dev, status.st_ino)
    if here in above:  # a link to a folder above
        return
    for name, is_folder in entries:
        path = f"{below}/{name}" if below else name
        if is_folder:
            yield from _walk(folder, path, (*above, here), wanted)
        elif wanted(name):
            yield path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder; what cannot be looked at, such as a link to itself, is tried as a file."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def files_of_list(file: Path) -> list[str]:
    """Return the paths of a list, one a line, as they stand there; bytes that are no text keep their identity.

    Raises:
        UsageError: when there are none, or when it does not look like a list.
    """
    try:
        content = file.read_bytes()
    except OSError as problem:
        raise UsageError(f"{file} cannot be read: {problem.strerror}.") from problem
    if b"\0" in content:
        raise UsageError(f"{file} is no list of paths: it holds NUL. Write one path a line.")
    content = content.removeprefix(codecs.BOM_UTF8)  # some editors put it there
    lines = [os.fsdecode(line.removesuffix(b"\r")) for line in content.split(b"\n")]
    return [line for line in lines if line]


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except (OSError, ValueError):
        return -1
