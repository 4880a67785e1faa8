"""The ledger of a worker: a line for each shard that it wrote. It is for people; nothing reads it back."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from eyeward.annotate.shard_file import Counts
from eyeward.annotate.storage import Storage

FOLDER = "ledger"


class Ledger:
    """A file that this process alone appends to."""

    def __init__(self, storage: Storage, worker: str) -> None:
        """Take where the run lies and the name of the process."""
        self._storage = storage
        self._worker = worker

    def write(self, shard: str, counts: Counts, seconds: float) -> None:
        """Append a line."""
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "worker": self._worker,
            "shard": shard,
            "seconds": round(seconds, 3),
            **counts.model_dump(),
        }
        self._storage.append(f"{FOLDER}/{self._worker}.jsonl", json.dumps(line) + "\n")
