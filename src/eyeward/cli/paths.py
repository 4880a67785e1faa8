"""From what stands on a command line to image files, in order, without holding them all in memory."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from eyeward.errors import UsageError
from eyeward.images.formats import EXTENSIONS

STANDARD_INPUT = "-"
_LONGEST_PATH = 1 << 16
"""Bytes after which a path on standard input is no path."""


@dataclass
class ImagePaths:
    """The images that arguments name. Every iteration looks again, but standard input can be read only once.

    Folders are walked in the order of names, links followed. A folder that cannot be opened stands for itself, so that
    it comes out as an error and not as nothing.
    """

    arguments: Sequence[str]
    standard_input: BinaryIO
    null_separated: bool = False
    left_out: Counter[str] = field(default_factory=Counter)
    """Files in folders that the last iteration passed over, by extension."""

    def __post_init__(self) -> None:
        """Refuse, before anything is loaded, arguments that name no image.

        Raises:
            UsageError: for a folder without images, a pattern that matches nothing, an empty standard input.
        """
        if list(self.arguments).count(STANDARD_INPUT) > 1:
            raise UsageError("Standard input (-) can be read only once; name it once.")
        self._lines: Iterator[str] = iter(())
        for argument in self.arguments:
            if argument == STANDARD_INPUT:
                lines = _read_paths(self.standard_input, b"\0" if self.null_separated else b"\n")
                first = next(lines, None)
                if first is None:
                    raise UsageError("There are no paths on standard input; write one a line.")
                self._lines = chain([first], lines)
            elif next(self._expand(argument), None) is None:
                raise UsageError(_nothing_in(argument))

    @property
    def countable(self) -> bool:
        """Whether everything can be looked at before it is used."""
        return STANDARD_INPUT not in self.arguments

    def __iter__(self) -> Iterator[str]:
        """Yield paths as they were given, or below a folder as it was given."""
        self.left_out.clear()
        for argument in self.arguments:
            yield from self._lines if argument == STANDARD_INPUT else self._expand(argument)

    def _expand(self, argument: str) -> Iterator[str]:
        path = Path(argument)
        if not argument:  # `Path("")` is the current folder
            return
        if _is_folder(path):
            yield from self._walk(path, ())
        elif not glob.has_magic(argument) or os.path.lexists(path):
            yield argument
        else:
            for match in sorted(glob.glob(argument, recursive=True)):  # noqa: PTH207 keeps the spelling of the argument
                if not _is_folder(Path(match)):
                    yield match
                elif "**" not in argument:
                    yield from self._walk(Path(match), ())

    def _walk(self, folder: Path, above: tuple[tuple[int, int], ...]) -> Iterator[str]:
        try:
            status = folder.stat()
            with os.scandir(folder) as listing:
                entries = sorted((entry.name, _is_folder(entry)) for entry in listing)
        except OSError:
            yield str(folder)
            return
        here = (status.st_dev, status.st_ino)
        if here in above:  # a link to a folder above
            return
        for name, is_folder in entries:
            if is_folder:
                yield from self._walk(folder / name, (*above, here))
            elif Path(name).suffix.lower() in EXTENSIONS:
                yield str(folder / name)
            else:
                self.left_out[Path(name).suffix.lower()] += 1


def _is_folder(entry: Path | os.DirEntry[str]) -> bool:
    """Whether it is a folder; what cannot be looked at, such as a link to itself, is tried as a file."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _read_paths(stream: BinaryIO, separator: bytes) -> Iterator[str]:
    """Yield paths as they come in; bytes that are no text keep their identity (`os.fsdecode`)."""
    rest = b""
    while chunk := _available(stream):
        *whole, rest = (rest + chunk).split(separator)
        yield from filter(None, (_path(raw, separator) for raw in whole))
        if len(rest) > _LONGEST_PATH:
            raise UsageError("Standard input does not hold paths; write one a line, or separate them by NUL with -0.")
    last = _path(rest, separator)
    if last:
        yield last


def _available(stream: BinaryIO) -> bytes:
    read_some = getattr(stream, "read1", stream.read)
    return bytes(read_some(1 << 16))


def _path(raw: bytes, separator: bytes) -> str:
    if b"\0" in raw:
        raise UsageError("The paths on standard input are separated by NUL; add -0.")
    return os.fsdecode(raw if separator == b"\0" else raw.removesuffix(b"\r"))


def _nothing_in(argument: str) -> str:
    if not argument:
        return "An empty path names no image."
    if Path(argument).is_dir():
        return f"There are no images in the folder {argument!r} (looked for {', '.join(sorted(EXTENSIONS))})."
    return f"No file matches {argument!r}."
