"""Copies of runs that lie in object stores: who asks a run, asks its files again and again."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from eyeward.annotate.local_folder import LocalFolder
from eyeward.annotate.record import RUN_FILE
from eyeward.annotate.sources import OUTPUT_SUFFIX
from eyeward.annotate.storage import storage_at
from eyeward.errors import UsageError

_VERSIONS = "versions.json"
"""What the objects were when they were fetched."""


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

    def bring(self, advance: Callable[[], None] = lambda: None) -> Path:
        """Fetch what is missing and return the folder; `advance` is called after each file.

        Raises:
            OSError: when something cannot be fetched, or there is no room for it.
        """
        for name in list(self._here.names(OUTPUT_SUFFIX)) if self._versions else ():
            if name not in self._versions:
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
        return self.folder

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


def _folder_for(address: str) -> Path:
    """Return where the copy of an address lies; its last part is what people know the run by."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return caches / "eyeward" / hashlib.sha256(address.encode()).hexdigest()[:16] / address.rpartition("/")[2]
