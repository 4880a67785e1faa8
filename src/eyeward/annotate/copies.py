"""Copies of runs that lie in object stores: who asks a run, asks its files again and again."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from pathlib import Path

from eyeward.annotate.local_folder import LocalFolder
from eyeward.annotate.record import RUN_FILE
from eyeward.annotate.sources import OUTPUT_SUFFIX
from eyeward.annotate.storage import storage_at
from eyeward.errors import UsageError

_VERSIONS = "versions.json"
"""What the objects were when they were fetched."""
_LOCK = ".lock"


class Copy:
    """What a run has answered, as files of this machine: in its own folder, or, of a run in a store, in a copy."""

    def __init__(self, run: str | Path) -> None:
        """Look what the copy lacks. Copies lie in the user's folder for caches (`XDG_CACHE_HOME`).

        Raises:
            UsageError: when there is no run in the store.
            OSError: when the store cannot be asked.
        """
        self._run = storage_at(run)
        self._versions: dict[str, str] = {}
        self._here = self._run if isinstance(self._run, LocalFolder) else LocalFolder(_folder_for(str(self._run)))
        self.folder = self._here.folder
        self.missing: list[str] = []
        """Files that are to be fetched."""
        self._gone: list[str] = []
        self._look()

    def _look(self) -> None:
        """Compare what there is here with what there is in the store."""
        if self._run is self._here:
            return
        from eyeward.annotate.object_store import ObjectFolder

        assert isinstance(self._run, ObjectFolder)
        self._versions = self._run.versions(OUTPUT_SUFFIX, RUN_FILE)
        if RUN_FILE not in self._versions:
            raise UsageError(f"{self._run} holds no run: there is no {RUN_FILE}.")
        before = json.loads(self._here.read(_VERSIONS) or b"{}")
        self.missing = [
            name
            for name, version in self._versions.items()
            if before.get(name) != version or not (self.folder / name).is_file()
        ]
        self._gone = [name for name in self._here.names(OUTPUT_SUFFIX) if name not in self._versions]

    def bring(self, advance: Callable[[], None] = lambda: None) -> Path:
        """Fetch what is missing and return the folder; `advance` is called after each file.

        Of several processes one does so at a time, and looks again when it is its turn: else an old answer that came
        late would stand in the place of a new one, and a new one would be taken for one that is gone. Files are
        there whole or not at all, also for a process that reads an earlier state of the run.

        Raises:
            OSError: when something cannot be fetched, or there is no room for it.
        """
        if self.missing or self._gone:
            with _alone(self.folder):
                self._look()
                self._renew(advance)
        return self.folder

    def _renew(self, advance: Callable[[], None]) -> None:
        self._here.sweep(self._versions)
        for name in self._gone:
            self._here.delete(name)
        fetched = {name: version for name, version in self._versions.items() if name not in self.missing}
        pool = ThreadPoolExecutor(self._run.at_once)
        try:
            coming = {pool.submit(self._fetch, name): name for name in self.missing}
            for ended in as_completed(coming):
                ended.result()
                fetched[coming[ended]] = self._versions[coming[ended]]
                advance()
        finally:
            pool.shutdown(cancel_futures=True)
            if self.missing:
                self._here.put(_VERSIONS, json.dumps(fetched).encode())

    def _fetch(self, name: str) -> None:
        data = self._run.read(name)
        if data is None:
            raise FileNotFoundError(errno.ENOENT, "it was taken away meanwhile; ask again", f"{self._run}/{name}")
        self._here.put(name, data)


def local_copy(run: str | Path) -> Path:
    """Return the folder of a run; of one in an object store that of a copy, brought up to date.

    Raises:
        UsageError: when there is no run in the store.
        OSError: when it cannot be fetched.
    """
    return Copy(run).bring()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process renews the copy in a folder; one that is killed holds nobody up."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("ab") as lock:
        with suppress(ModuleNotFoundError):  # not on every system; there two may fetch the same
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _folder_for(address: str) -> Path:
    """Return where the copy of an address lies; its last part is what people know the run by."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return caches / "eyeward" / hashlib.sha256(address.encode()).hexdigest()[:16] / address.rpartition("/")[2]
