"""What a run has answered so far: the files that are its own, and how much of the dataset they leave open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from eyeward.annotate.finished import dataset_of
from eyeward.annotate.local_folder import LocalFolder
from eyeward.annotate.record import RunRecord, read_run
from eyeward.annotate.shard_file import read_proof
from eyeward.annotate.sources import OUTPUT_SUFFIX
from eyeward.annotate.tasks import tasks_of
from eyeward.errors import DataError, MissingExtra, UsageError


@dataclass(frozen=True)
class Answers:
    """The finished shards of a run in a folder."""

    folder: Path
    record: RunRecord
    names: tuple[str, ...]
    """Their files below the folder."""

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Look at the proof of every file; where one is of another run, nothing of the folder is to be counted.

        Raises:
            UsageError: for such a file, with its name, and when there is no run.
        """
        record, storage = read_run(folder), LocalFolder(folder)
        names = tuple(sorted(storage.names(OUTPUT_SUFFIX)))
        for name in names:
            proof = read_proof(storage, name)
            if (
                proof is None
                or proof.fingerprint != record.fingerprint
                or (proof.sample is None) != (record.sample is None)
                or f"{PurePosixPath(proof.shard)}{OUTPUT_SUFFIX}" != name  # as of a run in a folder below
            ):
                raise UsageError(
                    f"{folder}/{name} is not of the run in {folder}, and would be counted as if it were. Take it away: "
                    "no run lies in the folder of another."
                )
        return cls(folder, record, names)

    def missing(self, source: Sequence[str] | None = None) -> int | None:
        """Return how many shards have no answer yet; None where the dataset is not there as it was, and nobody knows.

        `source` says where the dataset lies now, if it was moved.
        """
        record = self.record
        try:
            opened = dataset_of(record, source)
        except (DataError, MissingExtra, OSError, UsageError):
            return None
        wanted = {task.file for task in tasks_of(opened.shards, record.sample)}
        return len(wanted.difference(self.names)) if wanted.issuperset(self.names) else None


def unfinished(judged: int, missing: int | None) -> str:
    """Say that what is counted is not the whole dataset, or may not be; nothing where it is."""
    if missing is None:
        return "Whether all shards are judged is not known: the dataset is not there as it was when they were judged."
    if missing == 0:
        return ""
    return f"{missing:,} of {judged + missing:,} shards are not judged yet; all counts are of the others."
