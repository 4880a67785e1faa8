"""Claims: which process works at which shard. They save work; nothing that is right depends on them.

A claim is a row of numbered files, each of which only one process can make: the last one says who has the shard. Its
owner makes the next one now and then, while it is alive. Where nobody has for the length of a lease, or the owner is
known to be dead, another process makes the next one, and has the shard. Whoever finds a number taken has been too late.
No file is changed or renamed, so an object store will do, and nobody's clock is asked but that of the storage.

A machine may sleep for longer than a lease, or a process be stopped, and know nothing of it when it goes on. So two may
work at one shard. Before a file gets its name its writer asks whether it still has the claim; if not, it writes none.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import socket
import threading
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from eyeward.annotate.storage import MOMENTARY, Storage
from eyeward.errors import UsageError

LEASE_SECONDS = 300.0
"""Age at which a claim has expired: longer than any pause of a network file system, or of a store."""
_SUFFIX = ".claim"
_KEPT = 3
"""Numbers of a claim that stay: who sees a folder as it was a moment ago finds the next one taken."""


class Owner(BaseModel):
    """Who has a claim."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: str
    """Drawn for this one claim."""
    host: str
    """The machine since its last start, and the processes that see each other: containers share a machine."""
    process: int
    started: str
    """When the process began, as the machine counts it: numbers are used again."""

    @classmethod
    def myself(cls) -> Self:
        """Return an owner for a new claim of this process."""
        process = os.getpid()
        return cls(token=secrets.token_hex(8), host=_host(), process=process, started=_started(process))

    @property
    def is_dead(self) -> bool:
        """Whether it is known that the process is no more; of those on other machines nothing is."""
        if self.host != _host():
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return _started(self.process) != self.started

    def is_process_of(self, other: Owner | None) -> bool:
        """Whether this and another claim are of the same process."""
        return other is not None and (self.host, self.process, self.started) == (
            other.host,
            other.process,
            other.started,
        )


class _Number(NamedTuple):
    """One file of a claim."""

    number: int
    name: str
    modified: float


class Claims:
    """The claims at the shards of a run, and what this process puts there."""

    def __init__(self, storage: Storage, lease: float = LEASE_SECONDS) -> None:
        """Take where the run lies, and take away what processes left there that were killed in the midst of claiming.

        Raises:
            UsageError: for a lease that is over at once.
        """
        if not lease > 0:
            raise UsageError(f"A lease lasts longer than {lease:g} seconds.")
        self.lease = lease
        self._storage = storage
        now = storage.now()
        for entry in storage.entries(MOMENTARY):
            if not entry.name.endswith(_SUFFIX) and now - entry.modified > lease:
                storage.delete(entry.name)

    def take(self, shard: str) -> Claim | None:
        """Claim a shard, or return None while somebody else has it."""
        name = _file_name(shard)
        held = self._held().get(name, [])
        before = _owner(self._storage, held[-1].name) if held else None
        if held and not self._is_over(held, before):
            return None
        claim = Claim(self._storage, name, held[-1].number + 1 if held else 1, self.lease / 4, before)
        return claim if claim.is_made else None

    def forget(self, shards: Iterable[str]) -> None:
        """Take away the claims of the dead at shards that need no work any more."""
        names = {_file_name(shard) for shard in shards}
        for name, held in self._held().items():
            if name in names and self._is_over(held, _owner(self._storage, held[-1].name)):
                self._take_away(held)

    def end(self, gone: Owner) -> None:
        """Take away the claims of a process that is known to be no more, such as one on another machine."""
        for held in self._held().values():
            owner = _owner(self._storage, held[-1].name)
            if owner is not None and owner.is_process_of(gone):
                self._take_away(held)

    def _held(self) -> dict[str, list[_Number]]:
        """Return the claims that there are, each by its numbers."""
        found: dict[str, list[_Number]] = defaultdict(list)
        for entry in self._storage.entries(MOMENTARY):
            named = re.fullmatch(rf"{re.escape(MOMENTARY)}/(.+)\.(\d+){re.escape(_SUFFIX)}", entry.name)
            if named is not None:
                found[named[1]].append(_Number(int(named[2]), entry.name, entry.modified))
        return {name: sorted(numbers) for name, numbers in found.items()}

    def _is_over(self, held: list[_Number], owner: Owner | None) -> bool:
        if owner is not None and owner.is_dead:
            return True
        return self._storage.now() - held[-1].modified > self.lease

    def _take_away(self, held: list[_Number]) -> None:
        for number in held:  # the last one last: without it the others would look forsaken
            self._storage.delete(number.name)


class Claim:
    """A claim of this process, kept alive by a thread while it is entered."""

    def __init__(self, storage: Storage, name: str, number: int, every: float, before: Owner | None = None) -> None:
        """Try to make the next number; `before` had the shard and is no more."""
        self.owner = Owner.myself()
        self.before = before
        self._storage = storage
        self._name = name
        self._first, self._last = number, number - 1
        self._says = self.owner.model_dump_json().encode()
        self._making = threading.Lock()
        self._is_lost = False
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True, name="eyeward-claim")
        try:
            self.is_made = self._make_next()
        except KeyboardInterrupt:  # it may have been made
            self._last += 1
            self._take_away()
            raise

    def __enter__(self) -> Self:
        """Begin to keep it alive."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back, unless another process has taken it over."""
        self._over.set()
        self._thread.join()
        self._take_away()

    def is_held(self) -> bool:
        """Renew it, and tell whether nobody else has had the shard since it was taken; from now on a lease is left.

        Raises:
            OSError: when the storage cannot be asked.
        """
        return self._make_next()

    def _take_away(self) -> None:
        with suppress(OSError):  # else it expires
            for number in range(max(1, self._last - _KEPT - 1), self._last):
                self._storage.delete(self._file(number))
            if _owner(self._storage, self._file(self._last)) == self.owner:
                self._storage.delete(self._file(self._last))

    def _renew(self) -> None:
        while not self._over.wait(self._every):
            with suppress(OSError):
                if not self._make_next():  # it was silent for too long, and another process has made it
                    return

    def _make_next(self) -> bool:
        """Make the next number, which of several processes one does; return whether the shard is still this one's.

        Whoever takes it over makes that number, and may have taken it away again, but then the one before it, too.
        """
        with self._making:
            name = self._file(self._last + 1)
            if self._is_lost or not (
                self._storage.create(name, self._says, lasting=False) or self._storage.read(name) == self._says
            ):
                self._is_lost = True
                return False
            self._last += 1
            self._is_lost = True  # until it is known; what cannot be read is not known
            self._is_lost = self._last > self._first and self._storage.read(self._file(self._last - 1)) != self._says
            if self._last > _KEPT and not self._is_lost:
                with suppress(OSError):  # else it stays for a while
                    self._storage.delete(self._file(self._last - _KEPT))
            return not self._is_lost

    def _file(self, number: int) -> str:
        return f"{MOMENTARY}/{self._name}.{number:06}{_SUFFIX}"


def worker_name() -> str:
    """Return a name for this process, for people: host and process."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", f"{socket.gethostname()}-{os.getpid()}")


def _owner(storage: Storage, name: str) -> Owner | None:
    """Return whose claim it is; None where it is not there, or was just begun."""
    try:
        return Owner.model_validate_json(storage.read(name) or b"")
    except (OSError, ValidationError):
        return None


def _host() -> str:
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def _started(process: int) -> str:
    """Return when a process began; of one that is dead and not yet buried `dead`, where nothing is known `unknown`."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "unknown"
    state, *numbers = status.rpartition(")")[2].split()
    return "dead" if state in ("Z", "X") else numbers[18]  # field 22 of proc_pid_stat(5)


def _file_name(shard: str) -> str:
    """Return a file name for a shard; shards may lie in folders, claims do not."""
    digest = hashlib.sha256(shard.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{re.sub(r'[^A-Za-z0-9.-]+', '_', shard)[-80:]}.{digest[:12]}"
