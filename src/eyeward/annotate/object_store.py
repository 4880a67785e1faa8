"""A run in an object store: objects are there whole or not at all, and of several processes one makes them.

Asked of a store is that it makes an object only where there is none (`If-None-Match: *`), and lists at once what was
written. S3, Google Cloud Storage, Azure and most that speak like S3 do. A store that does not is refused: there two
processes would take each other's work for their own.

A request whose answer is lost is sent again, a few times, and then finds its own object there. So what is found in the
way is compared with what was to be made: the same bytes are taken for ours.
"""

from __future__ import annotations

import errno
import math
import os
import secrets
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    GenericError,
    NotSupportedError,
    PreconditionError,
)
from obstore.store import from_url

from eyeward.annotate.storage import MOMENTARY, PROBE_SUFFIX, Entry
from eyeward.errors import UsageError

if TYPE_CHECKING:
    from obstore import PutMode, UpdateVersion
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

_RETRIES: RetryConfig = {"max_retries": 12, "retry_timeout": timedelta(minutes=3)}
_RESENT_AFTER = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before a put is sent once more whose answer was lost: nobody but us knows that this does no harm."""
_RESENT_SECONDS = 180.0
"""After which it is not sent any more, however often it was."""
_ANSWERED = "Server returned"
"""Stands in what is said of a put that was answered; where that helps it was sent again already."""
_TIMEOUT = "120s"
"""For a whole object to come or go."""
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_LISTED_AT_ONCE = 1000
_LINES = 100
"""Lines of an object: objects do not grow, they are written anew."""
_MOST_SAID = 300


class ObjectFolder:
    """What stands below a prefix of a bucket."""

    at_once = 32

    def __init__(self, store: ObjectStore, address: str) -> None:
        """Take a store whose names start below the prefix, and what people call it."""
        self._store = store
        self._address = address
        self._ahead: float | None = None
        """What the clock of the store is ahead of the clock of this process."""
        self._token = secrets.token_hex(4)
        self._appended: dict[str, tuple[int, list[str]]] = {}

    @classmethod
    def at(cls, address: str) -> Self:
        """Connect to the store of an address; who one is there, the environment or the machine says.

        Raises:
            UsageError: when the address makes no sense.
        """
        client: ClientConfig = {"timeout": _TIMEOUT}
        if any(os.environ.get(name, "").startswith("http://") for name in _ENDPOINTS):
            client["allow_http"] = True
        try:
            return cls(from_url(address, client_options=client, retry_config=_RETRIES), address)
        except (BaseError, ValueError) as problem:
            raise UsageError(f"{address} cannot be reached: {_first_line(problem)}") from problem

    def __str__(self) -> str:
        """Return its address."""
        return self._address

    def read(self, name: str, last: int | None = None) -> bytes | None:
        """Get an object, or its end."""
        with self._asking(name), suppress(FileNotFoundError):
            if last is None:
                return bytes(obstore.get(self._store, name).bytes())
            try:
                return bytes(obstore.get(self._store, name, options={"range": {"suffix": last}}).bytes())
            except NotSupportedError:  # Azure
                size = obstore.head(self._store, name)["size"]
                return bytes(obstore.get_range(self._store, name, start=max(0, size - last), end=size))
        return None

    def create(self, name: str, data: bytes, lasting: bool = True) -> bool:
        """Put an object where there is none."""
        self._look_at_store()
        return self._put(name, data, "create")

    def put(self, name: str, data: bytes) -> None:
        """Put an object."""
        self._put(name, data, "overwrite")

    def send(self, name: str, file: Path) -> None:
        """Put a file of this machine; a large one goes in parts, and is an object when all are there."""
        with self._asking(name):
            self._send(name, file, "overwrite")

    def append(self, name: str, line: str) -> None:
        """Put the latest lines again; the token tells this process from an earlier one of its number."""
        part, lines = self._appended.get(name, (0, []))
        if len(lines) == _LINES:
            part, lines = part + 1, []
        lines.append(line)
        self._appended[name] = (part, lines)
        stem, _, ending = name.rpartition(".")
        self.put(f"{stem}-{self._token}-{part:04}.{ending}", "".join(lines).encode())

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing below the prefix."""
        with self._asking(""):
            return not any(obstore.list(self._store, chunk_size=1))

    def names(self, suffix: str) -> Iterator[str]:
        """List everything."""
        return iter(self.versions(suffix))

    def versions(self, *suffixes: str) -> dict[str, str]:
        """Return the objects whose names end so, hidden ones left out, each with what changes when it does."""
        found = {}
        with self._asking(""):
            for some in obstore.list(self._store, chunk_size=_LISTED_AT_ONCE):
                for one in some:
                    if one["path"].endswith(suffixes) and not one["path"].rpartition("/")[2].startswith("."):
                        told = one["e_tag"] or one["version"] or one["last_modified"].isoformat()
                        found[one["path"]] = f"{one['size']} {told}"
        return found

    def entries(self, folder: str) -> list[Entry]:
        """List a folder."""
        with self._asking(folder):
            listed = [one for some in obstore.list(self._store, folder, chunk_size=_LISTED_AT_ONCE) for one in some]
        found = [Entry(one["path"], one["last_modified"].timestamp()) for one in listed]
        if self._ahead is not None and found:  # what was written there is not of the future: our clock stood still
            self._ahead = max(self._ahead, max(entry.modified for entry in found) - _seconds())
        return found

    def delete(self, name: str) -> None:
        """Delete an object."""
        with self._asking(name), suppress(FileNotFoundError):
            obstore.delete(self._store, name)

    def now(self) -> float:
        """Count on from when the store last said what time it was."""
        return self._look_at_store() + _seconds()

    def draft(self, name: str, token: str) -> ObjectDraft:
        """Return what is put when it is whole."""
        return ObjectDraft(self, name)

    def sweep(self, names: Collection[str]) -> None:
        """Leave it: what is not whole is no object."""

    def version(self, name: str) -> UpdateVersion | None:
        """Return what tells an object from what will be put in its place; None where there is none."""
        with self._asking(name), suppress(FileNotFoundError):
            found = obstore.head(self._store, name)
            told: UpdateVersion = {}
            if found["e_tag"] is not None:
                told["e_tag"] = found["e_tag"]
            if found["version"] is not None:
                told["version"] = found["version"]
            return told
        return None

    def replace(self, name: str, data: bytes, version: UpdateVersion | None) -> bool:
        """Put an object in the place of a version, or where there is none; return whether it is there now."""
        return self.create(name, data) if version is None else self._put(name, data, version)

    def _put(self, name: str, data: bytes, mode: PutMode) -> bool:
        with self._asking(name):
            try:
                self._send(name, data, mode)
            except (AlreadyExistsError, PreconditionError):
                return self.read(name) == data
            except FileNotFoundError:
                if isinstance(mode, str):  # there is no such bucket
                    raise
                return False
        return True

    def _send(self, name: str, data: bytes | Path, mode: PutMode) -> None:
        """Put an object, again and again while connections break; it may have arrived each time."""
        late = _seconds() + _RESENT_SECONDS
        in_parts = None if isinstance(data, Path) else False
        for pause in (*_RESENT_AFTER, math.inf):
            try:
                obstore.put(self._store, name, data, mode=mode, use_multipart=in_parts)
                return
            except GenericError as problem:
                if _ANSWERED in str(problem) or _seconds() + pause > late:
                    raise
            time.sleep(pause)

    def _look_at_store(self) -> float:
        """Learn once what time it is there, and whether an object is made only where there is none.

        Raises:
            UsageError: where it is made in any case.
        """
        if self._ahead is None:
            probe = f"{MOMENTARY}/.{secrets.token_hex(8)}{PROBE_SUFFIX}"
            try:
                self._put(probe, b"first", "create")
                twice = self._put(probe, b"second", "create")
                with self._asking(probe):
                    written = obstore.head(self._store, probe)["last_modified"].timestamp()
            except OSError as problem:
                cause = problem.__cause__
                if isinstance(cause, NotSupportedError) or "NotImplemented" in str(cause):
                    raise self._unfit() from problem
                raise
            finally:
                with suppress(OSError):
                    self.delete(probe)
            if twice:
                raise self._unfit()
            self._ahead = written - _seconds()
        return self._ahead

    def _unfit(self) -> UsageError:
        return UsageError(
            f"{self._address} lies in a store that does not make objects only where there are none (If-None-Match: *); "
            "no two processes could work at one run. Write to a folder, and copy it when the run is over."
        )

    @contextmanager
    def _asking(self, name: str) -> Iterator[None]:
        """Raise what the store says as the error that folders raise."""
        try:
            yield
        except (BaseError, FileNotFoundError) as problem:
            code = errno.ENOENT if isinstance(problem, FileNotFoundError) else errno.EIO
            raise OSError(code, _first_line(problem), f"{self._address}/{name}".rstrip("/")) from problem


class ObjectDraft:
    """A file of this machine, without a name, that is put when it is whole. It goes when this process does."""

    def __init__(self, folder: ObjectFolder, name: str) -> None:
        """Say what it is to be called."""
        self._folder = folder
        self._name = name

    def open(self) -> BinaryIO:
        """Begin it, and look at what stands in its place: it replaces that and nothing newer."""
        self._version = self._folder.version(self._name)
        self._output: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 who opened it closes it
        return self._output

    def make_last(self) -> None:
        """Leave it: the store does."""

    def publish(self) -> bool:
        """Put it; where the very same stands there already, that is as good."""
        self._output.seek(0)
        return self._folder.replace(self._name, self._output.read(), self._version)

    def discard(self) -> None:
        """Leave it: nobody else can see it."""


def _seconds() -> float:
    """Count seconds that nobody sets back, and that go on, where the system can tell, while the machine sleeps."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def _first_line(problem: Exception) -> str:
    """Return what a store says, without the pages that follow."""
    said = " ".join(str(problem).split())
    return said if len(said) <= _MOST_SAID else f"{said[:_MOST_SAID]}…"
