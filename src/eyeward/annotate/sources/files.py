"""Files of a dataset, here or wherever fsspec reaches: expanded from patterns, opened, identified."""

from __future__ import annotations

import errno
import glob
import hashlib
import io
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from eyeward.annotate.item import as_text
from eyeward.annotate.sources.folder import files_in
from eyeward.errors import DataError, EyewardError, MissingExtra, UsageError

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
MOST_NAMES = 10_000_000
"""Names that braces may stand for; more are a slip of the finger."""
_DIGESTS = ("ETag", "etag", "md5Hash", "content_md5", "sha256", "blob_id")
"""What stores, and the Hugging Face Hub, call a digest of a file."""
_MANY = 16
"""Files of a store that are looked up one by one; of more their folders are listed."""
_PIECES, _PIECE = 16, 4096
"""How much of a file is looked at to tell it from others of its size."""


def is_url(name: str) -> bool:
    """Whether a name is an address such as `s3://bucket/a.tar`."""
    return _URL.match(name) is not None


def expand(names: Sequence[str]) -> list[str]:
    """Return the files and folders that names, patterns and braces stand for: in their order, a pattern's sorted.

    Raises:
        UsageError: when something is not there, matches nothing or is named twice.
        DataError: when a store cannot be asked.
    """
    found: list[str] = []
    missing: list[str] = []
    for name in names:
        spelled = [name] if exists(name) else list(_without_braces(name))
        listed = _listed(spelled)
        for one in spelled:
            if one in listed:
                found.append(one)
            elif glob.has_magic(one) and not exists(one):
                matches = _matches(one)
                if not matches:
                    raise UsageError(f"No file matches {one!r}.")
                found += matches
            elif exists(one):
                found.append(one)
            else:
                missing.append(one)
    if missing:
        more = f" and {len(missing) - 3:,} more" if len(missing) > 3 else ""
        raise UsageError(f"There is no file or folder {', '.join(map(repr, missing[:3]))}{more}.")
    seen: set[str] = set()
    for one in found:
        if one in seen:
            raise UsageError(f"{one!r} is named twice; name it once.")
        seen.add(one)
    return found


def _without_braces(name: str) -> Iterator[str]:
    """Yield what `{000..123}` and `{a,b}` stand for, from left to right, numbers as wide as the wider end."""
    for braces in _BRACES.finditer(name):
        spelled = _RANGE.fullmatch(braces[1])
        if spelled:
            first, last = int(spelled[1]), int(spelled[2])
            width = max(len(spelled[1]), len(spelled[2])) if _padded(spelled) else 0
            if abs(last - first) >= MOST_NAMES:
                raise UsageError(f"{name!r} stands for more than {MOST_NAMES:,} files; check the range.")
            step = 1 if last >= first else -1
            choices = [str(number).zfill(width) for number in range(first, last + step, step)]
        elif "," in braces[1]:
            choices = braces[1].split(",")
        else:
            continue
        for choice in choices:
            yield from _without_braces(name[: braces.start()] + choice + name[braces.end() :])
        return
    yield name


def _listed(names: Sequence[str]) -> frozenset[str]:
    """Return which of many addresses are there: their folders are asked, not each of them, as far as they answer."""
    if len(names) < _MANY or not is_url(names[0]):
        return frozenset()
    filesystem, _ = _remote(names[0])
    with _asking(names[0]):
        paths = {name: str(filesystem._strip_protocol(name)) for name in names}
        there: set[str] = set()
        for folder in {path.rpartition("/")[0] for path in paths.values()}:
            with suppress(FileNotFoundError):
                there |= set(filesystem.ls(folder, detail=False))
            filesystem.invalidate_cache(folder)  # what a shard is, is asked when it is read
    return frozenset(name for name, path in paths.items() if path in there)


def _padded(spelled: re.Match[str]) -> bool:
    return any(len(end) > 1 and end.startswith("0") for end in spelled.groups())


def _matches(pattern: str) -> list[str]:
    if is_url(pattern):
        filesystem, path = _remote(pattern)
        with _asking(pattern):
            return sorted(filesystem.unstrip_protocol(match) for match in filesystem.glob(path))
    return sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 keeps the spelling of the pattern


def exists(name: str) -> bool:
    """Whether there is a file or a folder, or a link to nothing."""
    if is_url(name):
        filesystem, path = _remote(name)
        with _asking(name):
            return bool(filesystem.exists(path))
    return os.path.lexists(name)


def files_below(folder: str, suffixes: tuple[str, ...]) -> list[str]:
    """Return the files of a folder, and of those below, whose names end so; hidden ones are left out.

    Links are followed. A folder that cannot be opened stands for itself, so that it is not passed over in silence.
    """
    if is_url(folder):
        filesystem, path = _remote(folder)
        with _asking(folder):
            names = [filesystem.unstrip_protocol(name) for name in filesystem.find(path)]
        return sorted(name for name in names if _is_wanted(name.rpartition("/")[2], suffixes))
    return sorted(str(Path(folder) / name) for name in files_in(Path(folder), lambda name: _is_wanted(name, suffixes)))


def has_below(folder: str, suffixes: tuple[str, ...]) -> bool:
    """Whether there is such a file in a folder or below."""
    return any(_is_wanted(name.rpartition("/")[2], suffixes) for name in files_below(folder, suffixes))


def _is_wanted(name: str, suffixes: tuple[str, ...]) -> bool:
    return name.lower().endswith(suffixes) and not name.startswith(".")


def is_folder(name: str) -> bool:
    """Whether it is a folder."""
    if is_url(name):
        filesystem, path = _remote(name)
        with _asking(name):
            return bool(filesystem.isdir(path))
    return Path(name).is_dir()


def opened(name: str) -> BinaryIO:
    """Open a file for reading.

    Raises:
        DataError: when it cannot be opened.
    """
    try:
        if is_url(name):
            filesystem, path = _remote(name)
            with _asking(name):
                return cast(BinaryIO, _Elsewhere(filesystem.open(path, "rb")))
        return Path(name).open("rb")
    except OSError as problem:
        raise unreadable(name, problem) from problem


def unreadable(name: str, problem: OSError) -> DataError:
    """Return the error of a file that the system does not let us read, now."""
    return DataError(f"It cannot be read: {problem.strerror or problem}.", name)


def identity_of(name: str) -> str:
    """Return what changes when a file does: its size, and a digest of pieces spread over it.

    Stores that tell a digest of their own are asked for that, which is one request and not seventeen.

    Raises:
        DataError: when it cannot be read.
    """
    told = _told_by_store(name) if is_url(name) else None
    if told is not None:
        return told
    with opened(name) as file:
        try:
            size = file.seek(0, os.SEEK_END)
            digest = hashlib.sha256()
            for piece in range(_PIECES):
                file.seek(max(0, size - _PIECE) * piece // (_PIECES - 1))
                digest.update(file.read(_PIECE))
        except OSError as problem:
            raise unreadable(name, problem) from problem
    return f"{size}-{digest.hexdigest()[:32]}"


def _told_by_store(name: str) -> str | None:
    filesystem, path = _remote(name)
    with _asking(name):
        about = filesystem.info(path)
    digest = next((about[key] for key in _DIGESTS if about.get(key)), None)
    return None if digest is None else f"{about['size']}-{str(digest).strip(chr(34))}"


def shard_names(files: Sequence[str]) -> list[str]:
    """Return what the outputs of files are called: their paths below the folder that all share, without endings.

    Raises:
        UsageError: when two would be called the same.
    """
    parts = [(file if is_url(file) else os.path.abspath(file)).split("/") for file in files]  # noqa: PTH100
    shared = 0
    while all(len(part) > shared + 1 for part in parts) and len({part[shared] for part in parts}) == 1:
        shared += 1
    names = ["/".join([*part[shared:-1], _stem(part[-1])]) for part in parts]
    by_name: dict[str, str] = {}
    for name, file in zip(names, files, strict=True):
        other = by_name.setdefault(name, file)
        if other != file:
            raise UsageError(f"{other!r} and {file!r} would both be answered in {name!r}; annotate them one by one.")
    return [as_text(name) for name in names]


def _stem(name: str) -> str:
    lower = name.lower()
    ending = next((end for end in (".tar.gz", ".tar.bz2", ".tar.xz") if lower.endswith(end)), None)
    return name[: -len(ending)] if ending else name.rpartition(".")[0] or name


class _Elsewhere(io.RawIOBase):
    """A file of a store. Packages of stores raise errors of their own making; here they are those of files."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        try:
            return bytes(self._file.read(-1 if size is None else size))
        except Exception as problem:
            raise _as_of_files(problem) from problem

    def readinto(self, buffer: Any) -> int:
        read = self.read(len(buffer))
        buffer[: len(read)] = read
        return len(read)

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        try:
            return int(self._file.seek(place, whence))
        except Exception as problem:
            raise _as_of_files(problem) from problem

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def _as_of_files(problem: Exception) -> Exception:
    if isinstance(problem, EyewardError) or (isinstance(problem, OSError) and problem.errno is not None):
        return problem
    said = " ".join(str(problem).split())[:200].rstrip(".")
    return OSError(errno.EIO, f"{type(problem).__name__}: {said}" if said else type(problem).__name__)


@contextmanager
def _asking(name: str) -> Iterator[None]:
    """Make what a store raises an error that names the file.

    Raises:
        DataError: for such.
    """
    try:
        yield
    except Exception as problem:
        of_file = _as_of_files(problem)
        if isinstance(of_file, OSError):
            raise unreadable(name, of_file) from problem
        raise


def _remote(name: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs
    except ModuleNotFoundError as missing:
        raise MissingExtra("annotate", f"Reading {name.partition('://')[0]}://") from missing
    try:
        filesystem, path = url_to_fs(name)
    except (ImportError, ValueError) as problem:
        raise UsageError(f"{name!r} cannot be reached: {problem}.") from problem
    return filesystem, str(path)
