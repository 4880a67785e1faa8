"""Claims: which process works at which shard. They save work; nothing that is right depends on them.

A claim is a file that only one process can make. Its owner touches it while it is alive; one that nobody has touched
for the length of a lease, or whose owner is known to be dead, may be taken over. Should two work at one shard after
all, both write the same bytes and the last rename stands.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from eyeward.annotate.atomic import DRAFT_SUFFIX, create
from eyeward.errors import UsageError

FOLDER = ".claims"
LEASE_SECONDS = 300.0
"""Age at which a claim has expired: longer than any pause of a network file system."""
_CLAIM_SUFFIX, _PROBE_SUFFIX, _ASIDE_SUFFIX = ".claim", ".time", ".over"


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


class Claims:
    """The claims in the folder of a run, and what this process puts there."""

    def __init__(self, folder: Path, lease: float = LEASE_SECONDS) -> None:
        """Take the folder of the run; make the folder of the claims.

        Raises:
            UsageError: for a lease that is over at once.
        """
        if not lease > 0:
            raise UsageError(f"A lease lasts longer than {lease:g} seconds.")
        self.folder = folder / FOLDER
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lease = lease
        self._sweep()

    def take(self, shard: str) -> Claim | None:
        """Claim a shard, or return None while somebody else has it."""
        file = self.folder / f"{_file_name(shard)}{_CLAIM_SUFFIX}"
        owner = Owner.myself()
        if create(file, owner.model_dump_json(), lasting=False):
            return Claim(file, owner, self.lease / 4)
        over, before = self._clear(file)
        if over and create(file, owner.model_dump_json(), lasting=False):
            return Claim(file, owner, self.lease / 4, before)
        return None

    def forget(self, shards: Iterable[str]) -> None:
        """Take away the claims of the dead at shards that need no work any more."""
        names = {f"{_file_name(shard)}{_CLAIM_SUFFIX}" for shard in shards}
        for file in list(self.folder.iterdir()):
            if file.name in names:
                self._clear(file)

    def end(self, gone: Owner) -> None:
        """Take away the claims of a process that is known to be no more, such as one on another machine."""
        for file in list(self.folder.glob(f"*{_CLAIM_SUFFIX}")):
            self._clear(file, gone)

    def _clear(self, file: Path, gone: Owner | None = None) -> tuple[bool, Owner | None]:
        """Take a claim away if it is over, and return whose it was; of several processes one succeeds."""
        if not self._is_over(file, gone):
            return False, None
        aside = self.folder / f".{secrets.token_hex(8)}{_ASIDE_SUFFIX}"
        try:
            file.rename(aside)
        except FileNotFoundError:
            return True, None
        over, before = self._is_over(aside, gone), _owner(aside)
        if not over:  # somebody was quicker, and this is the new claim: it goes back
            with suppress(OSError):
                os.link(aside, file)
        aside.unlink(missing_ok=True)
        return over, before

    def _is_over(self, file: Path, gone: Owner | None = None) -> bool:
        owner = _owner(file)
        if owner is not None and (owner.is_dead or owner.is_process_of(gone)):
            return True
        try:
            return self._now() - file.stat().st_mtime > self.lease
        except FileNotFoundError:
            return True

    def _now(self) -> float:
        """Return the time as the file system of the claims has it; clocks of machines differ."""
        probe = self.folder / f".{secrets.token_hex(8)}{_PROBE_SUFFIX}"
        try:
            probe.touch()
            return probe.stat().st_mtime
        finally:
            probe.unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Take away what processes left here that were killed in the midst of it."""
        now = self._now()
        for file in self.folder.iterdir():
            if file.suffix in (DRAFT_SUFFIX, _PROBE_SUFFIX, _ASIDE_SUFFIX):
                with suppress(FileNotFoundError):
                    if now - file.stat().st_mtime > self.lease:
                        file.unlink()


class Claim:
    """A claim of this process, kept alive by a thread while it is entered."""

    def __init__(self, file: Path, owner: Owner, every: float, before: Owner | None = None) -> None:
        """Take the file, which is there; `before` had it and is no more."""
        self.owner = owner
        self.before = before
        self._file = file
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._touch, daemon=True, name="eyeward-claim")

    def __enter__(self) -> Self:
        """Begin to touch it."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back, unless another process has taken it over."""
        self._over.set()
        self._thread.join()
        if _owner(self._file) == self.owner:
            self._file.unlink(missing_ok=True)

    def _touch(self) -> None:
        while not self._over.wait(self._every):
            with suppress(OSError):
                if _owner(self._file) == self.owner:
                    os.utime(self._file)


def worker_name() -> str:
    """Return a name for this process, for people: host and process."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", f"{socket.gethostname()}-{os.getpid()}")


def _owner(file: Path) -> Owner | None:
    """Return whose claim it is; None where it is not there, or was just begun."""
    try:
        return Owner.model_validate_json(file.read_bytes())
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
