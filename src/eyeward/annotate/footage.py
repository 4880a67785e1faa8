"""A video where it lies: a file, a part of an archive, or a copy without a name. It is never held in memory."""

from __future__ import annotations

import io
import os
import stat
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from eyeward.errors import DataError, ErrorType, ImageError
from eyeward.images.reading import printable

_PIECE = 1 << 20


class Copy:
    """A file without a name that goes with the last who holds it, however the process ends."""

    def __init__(self) -> None:
        """Make it, in the folder for temporary files (`TMPDIR`).

        Raises:
            DataError: when there is no room for it.
        """
        try:
            with tempfile.TemporaryFile(buffering=0) as file:
                self._descriptor = os.dup(file.fileno())
        except OSError as problem:
            raise _no_room(problem) from problem
        weakref.finalize(self, os.close, self._descriptor)

    def write(self, piece: bytes) -> None:
        """Add to it.

        Raises:
            DataError: when there is no room for it.
        """
        rest = memoryview(piece)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as problem:
            raise _no_room(problem) from problem

    def fileno(self) -> int:
        """Return its number with the system."""
        return self._descriptor


@dataclass(frozen=True, slots=True, eq=False)
class Footage:
    """An encoded video, whatever its size."""

    name: str
    """What messages call it."""
    file: Path | Copy
    start: int = 0
    size: int | None = None
    """Bytes of it from `start` on; None is the whole of a file that has a name."""

    @classmethod
    def of_file(cls, file: Path) -> Footage:
        """Take a whole file, which need not be there."""
        return cls(str(file), file)

    def __str__(self) -> str:
        """Return the name."""
        return self.name

    @property
    def held(self) -> int:
        """Bytes that this machine gives for it as long as it is held; what lies where it lay costs nothing."""
        return 0 if isinstance(self.file, Path) else max(self.size or 0, _PIECE)

    def open(self) -> BinaryIO:
        """Open it for reading; several readers do not disturb each other.

        Raises:
            ImageError: when it cannot be opened.
        """
        name = printable(self.name)
        try:
            if not isinstance(self.file, Path):
                return io.BufferedReader(_Part(os.dup(self.file.fileno()), self.start, self.size or 0), _PIECE // 16)
            if not stat.S_ISREG(self.file.stat().st_mode):
                raise ImageError(ErrorType.unreadable, f"{name} is a folder, a pipe or a device; name a regular file.")
            if self.size is None:
                return self.file.open("rb")
            descriptor = os.open(self.file, os.O_RDONLY | os.O_CLOEXEC)
            return io.BufferedReader(_Part(descriptor, self.start, self.size), _PIECE // 16)
        except FileNotFoundError as problem:
            raise ImageError(ErrorType.not_found, f"{name} does not exist.") from problem
        except (OSError, ValueError) as problem:
            raise self._unread(problem) from problem

    def pieces(self) -> Iterator[bytes]:
        """Yield its bytes, some at a time.

        Raises:
            ImageError: when it cannot be read, or not to its end.
        """
        read = 0
        with self.open() as opened:
            try:
                while piece := opened.read(_PIECE):
                    read += len(piece)
                    yield piece
            except OSError as problem:
                raise self._unread(problem) from problem
        if self.size is not None and read < self.size:
            message = f"{printable(self.name)} has become shorter: {read:,} of {self.size:,} bytes are left."
            raise ImageError(ErrorType.truncated, message)

    def _unread(self, problem: OSError | ValueError) -> ImageError:
        said = getattr(problem, "strerror", None) or str(problem)
        return ImageError(ErrorType.unreadable, f"{printable(self.name)} cannot be read: {said}.")


class _Part(io.RawIOBase):
    """A part of a file, read at places, so that where others read does not matter."""

    def __init__(self, descriptor: int, start: int, size: int) -> None:
        """Take an open file, and close it in the end."""
        self._descriptor = descriptor
        self._start = start
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        place += {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if place < 0:
            raise ValueError("a place before the start")
        self._at = place
        return place

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), max(0, self._size - self._at))
        read = os.pread(self._descriptor, wanted, self._start + self._at)
        buffer[: len(read)] = read
        self._at += len(read)
        return len(read)

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()


def _no_room(problem: OSError) -> DataError:
    return DataError(
        "A video of an archive that is compressed or lies elsewhere cannot be put aside among the temporary files: "
        f"{problem.strerror or problem}. Make room there, or name another folder (TMPDIR)."
    )
