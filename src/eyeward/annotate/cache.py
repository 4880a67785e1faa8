"""Verdicts by the bytes of images, kept between runs and shared by processes. It saves work and never stops any."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from eyeward.annotate.judging import Judge, ask_the_rest, bytes_of
from eyeward.errors import UsageError
from eyeward.guard import Request
from eyeward.images import Limits, sha256_of_bytes
from eyeward.verdict import ModelRef, Note, Status, Verdict

LARGEST = 4 << 30
"""Bytes that a cache grows to."""
_PUT_TOGETHER = 256
_KEPT_WHEN_FULL = 0.8
_SECONDS_TO_WAIT = 20.0
_TABLE = "CREATE TABLE IF NOT EXISTS verdicts (key TEXT PRIMARY KEY, used REAL, verdict TEXT) WITHOUT ROWID"
_INDEX = "CREATE INDEX IF NOT EXISTS by_use ON verdicts (used)"


class VerdictCache:
    """An SQLite file. Whatever goes wrong with it later is a verdict that was not found, or is not kept."""

    def __init__(self, file: Path, largest: int = LARGEST) -> None:
        """Open the file, or make it.

        Raises:
            UsageError: when it is something else.
        """
        self.hits = self.misses = 0
        self._largest = largest
        self._waiting: dict[str, str] = {}
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(file, timeout=_SECONDS_TO_WAIT, isolation_level=None)
            for setting in ("auto_vacuum=FULL", "journal_mode=WAL", "synchronous=NORMAL"):
                self._base.execute(f"PRAGMA {setting}")
            self._base.execute(_TABLE)
            self._base.execute(_INDEX)
        except (OSError, sqlite3.Error) as problem:
            raise UsageError(f"{file} cannot be used as a cache: {problem}. Name another file.") from problem

    def __enter__(self) -> Self:
        """Be there."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Keep what waits."""
        self._keep()
        self._base.close()

    def get(self, key: str) -> Verdict | None:
        """Return a verdict, without the name of its image."""
        text = self._waiting.get(key)
        if text is None:
            with suppress(sqlite3.Error):
                found = self._base.execute("SELECT verdict FROM verdicts WHERE key = ?", (key,)).fetchone()
                text = None if found is None else found[0]
        verdict = None
        if text is not None:
            with suppress(ValidationError):
                verdict = Verdict.model_validate_json(text)
        self.hits += verdict is not None
        self.misses += verdict is None
        return verdict

    def put(self, key: str, verdict: Verdict) -> None:
        """Keep a verdict; not an error, and not what a list of known images said."""
        if verdict.status is Status.error or Note.hash_match.value in verdict.notes:
            return
        self._waiting[key] = verdict.model_copy(update={"image": None, "seconds": None}).model_dump_json()
        if len(self._waiting) >= _PUT_TOGETHER:
            self._keep()

    def _keep(self) -> None:
        now = time.time()
        rows = [(key, now, verdict) for key, verdict in self._waiting.items()]
        self._waiting = {}
        with suppress(sqlite3.Error):
            self._base.execute("BEGIN IMMEDIATE")
            try:
                self._base.executemany("INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?)", rows)
                self._make_room()
                self._base.execute("COMMIT")
            except sqlite3.Error:
                self._base.execute("ROLLBACK")

    def _make_room(self) -> None:
        """Forget the oldest when the file has grown to its size."""
        pages, free, size = (
            self._base.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        used = (pages - free) * size
        if used > self._largest:
            (count,) = self._base.execute("SELECT count(*) FROM verdicts").fetchone()
            forgotten = count - int(count * _KEPT_WHEN_FULL * self._largest / used)
            self._base.execute(
                "DELETE FROM verdicts WHERE key IN (SELECT key FROM verdicts ORDER BY used, key LIMIT ?)", (forgotten,)
            )


class Remembering:
    """A guard that asks the cache first. Answers come in order, as those of a guard do."""

    def __init__(self, guard: Judge, cache: VerdictCache, decides: Mapping[str, str], limits: Limits) -> None:
        """Take a guard, and by hash of a policy the fingerprint of all that decides its answers under it."""
        self._guard = guard
        self._cache = cache
        self._decides = decides
        self._limits = limits

    @property
    def model(self) -> ModelRef:
        """The model of the guard."""
        return self._guard.model

    def assess_requests(self, requests: Iterable[Request]) -> Iterator[Verdict]:
        """Give every request its verdict, remembered or new."""
        return ask_the_rest(self._guard, requests, self._answer, self._learn)

    def _answer(self, request: Request) -> Verdict | None:
        key = self._key(request)
        found = None if key is None else self._cache.get(key)
        return None if found is None else found.model_copy(update={"image": request.key})

    def _learn(self, request: Request, verdict: Verdict) -> None:
        key = self._key(request)
        if key is not None and key.partition(" ")[0] == verdict.sha256:  # else the file has changed meanwhile
            self._cache.put(key, verdict)

    def _key(self, request: Request) -> str | None:
        data = bytes_of(request, self._limits)
        if data is None:
            return None
        extent = "explained" if request.explain else "rated"
        return f"{sha256_of_bytes(data)} {self._decides[request.policy.hash]} {extent}"
