"""Files of a dataset, here or wherever fsspec reaches: expanded from patterns, opened, identified."""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from eyeward.annotate.item import as_text
from eyeward.errors import DataError, MissingExtra, UsageError

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
MOST_NAMES = 10_000_000
"""Names that braces may stand for; more are a slip of the finger."""
_DIGESTS = ("ETag", "etag", "md5Hash", "content_md5", "sha256", "blob_id")
"""What stores, and the Hugging Face Hub, call a digest of a file."""
_PIECES, _PIECE = 16, 4096
"""How much of a file is looked at to tell it from others of its size."""


def is_url(name: str) -> bool:
    """Whether a name is an address such as `s3://bucket/a.tar`."""
    return _URL.match(name) is not None


def expand(names: Sequence[str]) -> list[str]:
    """Return the files and folders that names, patterns and braces stand for: in their order, a pattern's sorted.

    Raises:
        UsageError: when something is not there, matches nothing or is named twice.
    """
    found: list[str] = []
    missing: list[str] = []
    for name in names:
        spelled = [name] if exists(name) else list(_without_braces(name))
        for one in spelled:
            if glob.has_magic(one) and not exists(one):
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


def _padded(spelled: re.Match[str]) -> bool:
    return any(len(end) > 1 and end.startswith("0") for end in spelled.groups())


def _matches(pattern: str) -> list[str]:
    if is_url(pattern):
        filesystem, path = _remote(pattern)
        return sorted(filesystem.unstrip_protocol(match) for match in filesystem.glob(path))
    return sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 keeps the spelling of the pattern


def exists(name: str) -> bool:
    """Whether there is a file or a folder, or a link to nothing."""
    if is_url(name):
        filesystem, path = _remote(name)
        return bool(filesystem.exists(path))
    return os.path.lexists(name)


def files_below(folder: str, suffixes: tuple[str, ...]) -> list[str]:
    """Return the files of a folder, and of those below, whose names end so; hidden ones are left out."""
    if is_url(folder):
        filesystem, path = _remote(folder)
        names = [filesystem.unstrip_protocol(name) for name in filesystem.find(path)]
    else:
        names = [str(path) for path in Path(folder).rglob("*") if path.is_file()]
    return sorted(
        name for name in names if name.lower().endswith(suffixes) and not name.rpartition("/")[2].startswith(".")
    )


def is_folder(name: str) -> bool:
    """Whether it is a folder."""
    if is_url(name):
        filesystem, path = _remote(name)
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
            return cast(BinaryIO, filesystem.open(path, "rb"))
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
    try:
        about = filesystem.info(path)
    except OSError as problem:
        raise unreadable(name, problem) from problem
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
