"""The ledger of a worker: a line for each shard that it wrote. It is for people; nothing reads it back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from eyeward.annotate.shard_file import Counts

FOLDER = "ledger"


class Ledger:
    """A file that this process alone appends to."""

    def __init__(self, folder: Path, worker: str) -> None:
        """Take the folder of the run and the name of the process."""
        self.file = folder / FOLDER / f"{worker}.jsonl"
        self._worker = worker

    def write(self, shard: str, counts: Counts, seconds: float) -> None:
        """Append a line."""
        self.file.parent.mkdir(exist_ok=True)
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "worker": self._worker,
            "shard": shard,
            "seconds": round(seconds, 3),
            **counts.model_dump(),
        }
        with self.file.open("a", encoding="utf-8") as output:
            output.write(json.dumps(line) + "\n")
