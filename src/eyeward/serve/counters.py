"""Counts of verdicts, a line a window and policy, for `eyeward monitor`: opt-in, and nothing in them shows an image."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from eyeward.errors import PolicyError, UsageError
from eyeward.evaluate.monitor.window import Counting
from eyeward.serve.logs import log
from eyeward.serve.policies import PolicyBook
from eyeward.verdict import ModelRef, Note, PolicyRef, Verdict

HOUR = 3600.0


class Counters:
    """Counts verdicts under the policies of the book; those that callers send along are many, and no stream."""

    def __init__(
        self, file: Path, model: ModelRef, book: PolicyBook, hours: float = 24.0, clock: Callable[[], float] = time.time
    ) -> None:
        """Count into windows of so many hours, which begin at whole multiples of them (UTC).

        Raises:
            UsageError: when the file cannot be written to.
        """
        self._file, self._model, self._book = file, model, book
        self._seconds, self._clock = hours * HOUR, clock
        self._lock = threading.Lock()
        self._window = self._now()
        self._counted: dict[str, Counting] = {}
        self._unwritten: list[str] = []
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.open("a", encoding="utf-8").close()
        except OSError as problem:
            raise UsageError(f"Counts cannot be written to {file}: {problem.strerror}.") from problem

    def add(self, verdict: Verdict) -> None:
        """Count a verdict. An image on a list of known hashes was not judged, and is not counted."""
        if Note.hash_match.value in verdict.notes:
            return
        with self._lock:
            now = self._now()
            if now != self._window:
                self._write()
                self._window = now
            counting = self._counted.get(verdict.policy.hash) or self._begun(verdict.policy)
            if counting is not None:
                rating = None if verdict.rating is None else verdict.rating.value
                counting.add(rating, verdict.category, verdict.p_unsafe)

    def close(self) -> None:
        """Write the window that is not over yet."""
        with self._lock:
            self._write()

    def _begun(self, policy: PolicyRef) -> Counting | None:
        """Begin to count for a policy of the book; for no other."""
        try:
            kept = self._book.find(f"{policy.name}@{policy.version}")
        except PolicyError:
            return None
        if kept is None or kept.hash != policy.hash:
            return None
        name = datetime.fromtimestamp(self._window * self._seconds, UTC).strftime("%Y-%m-%dT%H:%MZ")
        return self._counted.setdefault(policy.hash, Counting(name, policy.hash, self._model))

    def _now(self) -> int:
        return int(self._clock() // self._seconds)

    def _write(self) -> None:
        """Append a line for each policy, in one piece; what cannot be written now is written with the next window."""
        self._unwritten += [counting.finish().model_dump_json() for counting in self._counted.values()]
        self._counted = {}
        if not self._unwritten:
            return
        try:
            with self._file.open("a", encoding="utf-8") as opened:
                opened.write("".join(f"{line}\n" for line in self._unwritten))
        except OSError as problem:
            log("counters_unwritten", logging.ERROR, problem=problem.strerror)
            return
        self._unwritten = []
