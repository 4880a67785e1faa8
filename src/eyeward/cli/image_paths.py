"""Which images a command line means: files, folders, globs, and paths on standard input."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from eyeward.errors import UsageError

STANDARD_INPUT = "-"
IMAGE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff")
)
"""Names that are taken for images inside folders. What is named itself is judged, whatever it is called."""


@dataclass(frozen=True)
class ImagePaths:
    """Paths in the order in which they will be judged."""

    paths: Iterable[str]
    count: int | None
    """How many there are; None while standard input may bring more."""
    left_out: int = 0
    """Files in folders whose names are not those of images."""


def image_paths(arguments: Sequence[str]) -> ImagePaths:
    """Work out what the arguments name. A file that does not exist is kept: it will be an error, not a gap.

    Raises:
        UsageError: when a folder holds no image or a pattern matches nothing.
    """
    if STANDARD_INPUT in arguments:
        if len(arguments) > 1:
            raise UsageError("'-' reads the paths from standard input and stands alone; give either '-' or paths.")
        return ImagePaths(_lines_of_standard_input(), None)
    found: list[str] = []
    left_out = 0
    for argument in arguments:
        for name in _matches(argument):
            if Path(name).is_dir():
                images, others = _images_in(name)
                found += images
                left_out += others
            else:
                found.append(name)
    return ImagePaths(found, len(found), left_out)


def _matches(argument: str) -> list[str]:
    if not any(mark in argument for mark in "*?[") or os.path.lexists(argument):
        return [argument]
    matches = sorted(glob.glob(argument, recursive=True))  # noqa: PTH207 - Path.glob refuses absolute patterns
    if not matches:
        raise UsageError(f"The pattern {argument!r} matches nothing here.")
    return matches


def _images_in(folder: str) -> tuple[list[str], int]:
    images, others = [], 0
    for place, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            if Path(file).suffix.lower() in IMAGE_SUFFIXES:
                images.append(str(Path(place) / file))
            else:
                others += 1
    if not images:
        kinds = ", ".join(sorted(IMAGE_SUFFIXES))
        raise UsageError(f"The folder {folder!r} holds no image: no file in it is called {kinds}.")
    return images, others


def _lines_of_standard_input() -> Iterator[str]:
    for line in sys.stdin:
        path = line.rstrip("\r\n")
        if path:
            yield path
