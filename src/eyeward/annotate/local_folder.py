"""A run in a folder: files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from eyeward.annotate.storage import MOMENTARY, PROBE_SUFFIX, Entry

DRAFT_SUFFIX = ".draft"
_UNFINISHED = ".unfinished"


class LocalFolder:
    """A folder of a file system with atomic renames."""

    at_once = 1

    def __init__(self, folder: Path) -> None:
        """Take the folder; it is made when something is written."""
        self.folder = folder

    def __str__(self) -> str:
        """Return its path."""
        return str(self.folder)

    def read(self, name: str, last: int | None = None) -> bytes | None:
        """Read a file, or its end."""
        try:
            with (self.folder / name).open("rb") as file:
                if last is not None:
                    file.seek(max(0, file.seek(0, os.SEEK_END) - last))
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def create(self, name: str, data: bytes, lasting: bool = True) -> bool:
        """Write it beside, and link to it: a link is made by one process only."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f".{secrets.token_hex(8)}{DRAFT_SUFFIX}")
        try:
            with draft.open("xb") as output:
                output.write(data)
                output.flush()
                if lasting:
                    os.fsync(output.fileno())
            try:
                os.link(draft, file)
            except OSError as problem:
                if not _is_same(file, draft.stat()):  # else it was made, and the answer of the file server was lost
                    return not isinstance(problem, FileExistsError) and _create_without_links(file, data)
        finally:
            draft.unlink(missing_ok=True)
        if lasting:
            _make_names_last(file.parent)
        return True

    def put(self, name: str, data: bytes) -> None:
        """Write it beside, and rename it."""
        draft = self.draft(name, secrets.token_hex(8))
        try:
            with draft.open() as output:
                output.write(data)
                draft.make_last()
            draft.publish()
        finally:
            draft.discard()

    def append(self, name: str, line: str) -> None:
        """Append it."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as output:
            output.write(line)

    def names(self, suffix: str) -> Iterator[str]:
        """Walk through the folder."""
        for file in self.folder.rglob(f"*{suffix}"):
            if not file.name.startswith("."):
                yield file.relative_to(self.folder).as_posix()

    def entries(self, folder: str) -> list[Entry]:
        """Look at each file of a folder."""
        found = []
        with suppress(FileNotFoundError):
            for file in (self.folder / folder).iterdir():
                with suppress(FileNotFoundError):
                    found.append(Entry(f"{folder}/{file.name}", file.stat().st_mtime))
        return found

    def delete(self, name: str) -> None:
        """Unlink it."""
        (self.folder / name).unlink(missing_ok=True)

    def now(self) -> float:
        """Make a file, and see when the file system says that this was."""
        probe = self.folder / MOMENTARY / f".{secrets.token_hex(8)}{PROBE_SUFFIX}"
        probe.parent.mkdir(parents=True, exist_ok=True)
        try:
            probe.touch()
            return probe.stat().st_mtime
        finally:
            probe.unlink(missing_ok=True)

    def draft(self, name: str, token: str) -> LocalDraft:
        """Return a file beside it."""
        return LocalDraft(self.folder / name, token)

    def sweep(self, names: Collection[str]) -> None:
        """Look for drafts beside the files, and in the folder itself."""
        for file in self.folder.glob(f".*{DRAFT_SUFFIX}"):
            file.unlink(missing_ok=True)
        wanted = {str(self.folder / name) for name in names}
        for parent in {(self.folder / name).parent for name in names}:
            for file in parent.glob(f".*{_UNFINISHED}"):
                final = file.name.removesuffix(_UNFINISHED).rpartition(".")[0].removeprefix(".")
                if str(parent / final) in wanted:
                    file.unlink(missing_ok=True)


class LocalDraft:
    """A file under a temporary name in the folder where it is to be."""

    def __init__(self, file: Path, token: str) -> None:
        """Say what it is to be called."""
        self._file = file
        self._temporary = file.with_name(f".{file.name}.{token}{_UNFINISHED}")

    def open(self) -> BinaryIO:
        """Make it."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._output = self._temporary.open("xb")
        return self._output

    def make_last(self) -> None:
        """Have it written to the disk."""
        self._output.flush()
        os.fsync(self._output.fileno())

    def publish(self) -> bool:
        """Rename it; whoever takes a shard over takes the temporary file of the one before away.

        A file server whose answer was lost is asked again, and then finds no temporary file: it has its name already.
        """
        try:
            written = self._temporary.stat()
        except FileNotFoundError:
            return False
        try:
            self._temporary.replace(self._file)
        except FileNotFoundError:
            if not _is_same(self._file, written):
                return False
        _make_names_last(self._file.parent)
        return True

    def discard(self) -> None:
        """Unlink it."""
        self._temporary.unlink(missing_ok=True)


def _create_without_links(file: Path, data: bytes) -> bool:
    """Make a file where the file system has no links: it is there before its text is."""
    try:
        with file.open("xb") as output:
            output.write(data)
    except FileExistsError:
        return False
    return True


def _is_same(file: Path, other: os.stat_result) -> bool:
    """Whether a name leads to a file that was looked at before."""
    try:
        return os.path.samestat(file.stat(), other)
    except OSError:
        return False


def _make_names_last(folder: Path) -> None:
    """Make sure that new names in a folder are on the disk; where folders cannot be opened there is no need."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        with suppress(OSError):  # some network file systems know no such thing
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
