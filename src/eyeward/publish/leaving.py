"""The files of a folder that would leave, and what may not be among them whatever it holds: links, hidden files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SEEN_BY_THE_HUB = (".gitattributes",)


@dataclass(frozen=True, slots=True)
class Leaving:
    """A file that would be sent."""

    name: str
    """Path inside the folder, with forward slashes."""
    bytes: int
    changed: int
    """When it was last written, in nanoseconds: what was checked is what is sent."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something may not leave: `place` is a file, the sentence goes on from its name and holds the mend."""

    place: str
    sentence: str

    def __str__(self) -> str:
        """Return the whole sentence."""
        return f"{self.place} {self.sentence}"


def files_of(folder: Path) -> tuple[tuple[Leaving, ...], tuple[Refusal, ...]]:
    """Return the files of a folder in the order of their names, and what may not leave with them."""
    files: list[Leaving] = []
    refusals: list[Refusal] = []
    for found in _walk(folder, folder.resolve()):
        if isinstance(found, Leaving):
            files.append(found)
        else:
            refusals.append(found)
    if not files and not refusals:
        refusals.append(Refusal(folder.name, "holds no files; name a folder with something in it."))
    return tuple(sorted(files, key=lambda file: file.name)), tuple(refusals)


def _walk(folder: Path, root: Path, above: str = "") -> Iterator[Leaving | Refusal]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        name = f"{above}{entry.name}"
        path = Path(entry.path)
        if not name.isprintable() or "\\" in name:
            yield Refusal(repr(name), "has a name that others cannot write; give it another.")
        elif entry.name.startswith(".") and entry.name not in _SEEN_BY_THE_HUB:
            yield Refusal(name, "is hidden, and nobody would look for it; take it away.")
        elif entry.is_symlink() and not (path.is_file() and path.resolve().is_relative_to(root)):
            yield Refusal(
                name, f"is a link to {str(path.readlink())!r}, which is no file in here; put a copy in its place."
            )
        elif entry.is_dir():
            yield from _walk(path, root, f"{name}/")
        else:
            status = path.stat()
            if stat.S_ISREG(status.st_mode):
                yield Leaving(name, status.st_size, status.st_mtime_ns)
            else:
                yield Refusal(name, "is neither a file nor a folder; take it away.")
