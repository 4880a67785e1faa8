"""Where the files of a run lie, a folder or a place in an object store, and all that a run asks of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from eyeward.errors import MissingExtra, UsageError

MOMENTARY = ".claims"
"""Folder of what is of the moment: who works at what. Nothing in it lasts."""
PROBE_SUFFIX = ".time"
"""Ending of files that are made there to learn what time it is."""
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.*)")
"""An address, also one that a path has made of it: `s3:/bucket/run`."""
_STORES = ("s3", "s3a", "gs", "az", "adl", "azure", "abfs", "abfss")


class Entry(NamedTuple):
    """A file of a folder."""

    name: str
    modified: float
    """When it was written, in seconds as the storage counts them."""


class Draft(Protocol):
    """A file on its way: nobody sees it under its name before it is whole."""

    def open(self) -> BinaryIO:
        """Begin it; what is written there stands in it."""
        ...

    def make_last(self) -> None:
        """Make sure that what was written is there after a crash of the machine, as far as it is kept here."""
        ...

    def publish(self) -> bool:
        """Give it its name. Return False where another process has been quicker, and what that wrote stands."""
        ...

    def discard(self) -> None:
        """Take away what has no name yet."""
        ...


class Storage(Protocol):
    """A place for the files of a run. Names are relative, `/` parts folders; `str()` is what people call the place.

    Whatever cannot be reached, read or written raises OSError.
    """

    @property
    def at_once(self) -> int:
        """How many files are best read at once."""
        ...

    def read(self, name: str, last: int | None = None) -> bytes | None:
        """Return what a file holds, or so many of its last bytes; None where there is none."""
        ...

    def create(self, name: str, data: bytes, lasting: bool = True) -> bool:
        """Make a file unless it is there; return whether it was not. Of several processes one makes it.

        A file that is not lasting may be gone after the machine has crashed.
        """
        ...

    def put(self, name: str, data: bytes) -> None:
        """Write a file, whole, whether there was one or not."""
        ...

    def append(self, name: str, line: str) -> None:
        """Add a line to a file that this process alone writes."""
        ...

    def names(self, suffix: str) -> Iterator[str]:
        """Yield the files whose names end so, with those of folders below; hidden ones are left out."""
        ...

    def entries(self, folder: str) -> list[Entry]:
        """Return the files of a folder without others below."""
        ...

    def delete(self, name: str) -> None:
        """Take a file away, if it is there."""
        ...

    def now(self) -> float:
        """Return the time as the storage has it: clocks of machines differ."""
        ...

    def draft(self, name: str, token: str) -> Draft:
        """Return the file that is to be called so; drafts of one name are told apart by tokens."""
        ...

    def sweep(self, names: Collection[str]) -> None:
        """Take away drafts that killed processes have left of these files; nobody writes them any more."""
        ...


def is_address(place: str | Path) -> bool:
    """Whether a place is named by an address, and not by a path."""
    return _ADDRESS.fullmatch(str(place)) is not None


def storage_at(place: str | Path | Storage) -> Storage:
    """Return the storage at a path or an address such as `s3://bucket/run`.

    Raises:
        UsageError: for a file, or an address of something else than an object store.
        MissingExtra: when the package that speaks with stores is not installed.
    """
    if not isinstance(place, str | Path):
        return place
    address = _ADDRESS.fullmatch(str(place))
    if address is None:
        from eyeward.annotate.local_folder import LocalFolder

        if Path(place).is_file():
            raise UsageError(f"{place} is a file; name a folder.")
        return LocalFolder(Path(place))
    scheme, rest = address[1].lower(), address[2].rstrip("/")
    if scheme not in _STORES or not rest:
        raise UsageError(f"Results are written to a folder, or to s3://, gs:// or az:// with a bucket, not to {place}.")
    try:
        from eyeward.annotate.object_store import ObjectFolder
    except ModuleNotFoundError as missing:
        raise MissingExtra("store", f"Keeping a run in {scheme}://") from missing
    return ObjectFolder.at(f"{scheme}://{rest}")
