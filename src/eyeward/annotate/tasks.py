"""What is to be done in a run: shards, the files that answer them, and which of them are whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath

from eyeward.annotate.item import Shard
from eyeward.annotate.judging import chunks, shares
from eyeward.annotate.progress import Progress
from eyeward.annotate.shard_file import Proof, read_proof
from eyeward.annotate.sources import OUTPUT_SUFFIX
from eyeward.annotate.storage import Storage
from eyeward.errors import PASSING, DataError, ErrorType, UsageError

RETRIED = PASSING | {ErrorType.fetch_refused}
"""Failures that are tried again where that is asked for. What was refused may be allowed now: hosts are no part of a
run, for they decide which images there are, not what is said of them."""


@dataclass(frozen=True)
class Task:
    """A shard that is to be answered."""

    shard: Shard
    file: str
    """What answers it, by its name where the run lies."""
    draws: int | None
    """How many images are drawn; None is all of them."""


@dataclass(frozen=True)
class Answered:
    """Tells which tasks need nothing more."""

    storage: Storage
    fingerprint: str
    redo_changed: bool

    def left_of(self, tasks: Sequence[Task], progress: Progress, retry_failed: bool = False) -> list[Task]:
        """Return the tasks that need something; of the others, what is there is counted.

        Raises:
            UsageError: when a file answers something else.
        """
        left: list[Task] = []
        with ThreadPoolExecutor(self.storage.at_once) as pool:
            for some in chunks(tasks, lambda task: None):
                proofs = pool.map(self._proof, some)
                left += [
                    task
                    for task, proof in zip(some, proofs, strict=True)
                    if not self._is_enough(task, proof, progress, retry_failed)
                ]
        return left

    def is_done(self, task: Task, progress: Progress, retry_failed: bool = False) -> bool:
        """Whether a task needs nothing more; what is there is counted.

        Raises:
            UsageError: when the file answers something else.
        """
        return self._is_enough(task, self._proof(task), progress, retry_failed)

    def _proof(self, task: Task) -> Proof | None:
        return read_proof(self.storage, task.file)

    def _is_enough(self, task: Task, proof: Proof | None, progress: Progress, retry_failed: bool) -> bool:
        if proof is None:
            return False
        place = f"{self.storage}/{task.file}"
        if proof.fingerprint != self.fingerprint or proof.sample != task.draws:
            raise UsageError(f"{place} belongs to another run. Take it away, or name a new folder.")
        if retry_failed and any(proof.counts.errors.get(error.value) for error in RETRIED):
            return False
        try:
            identity = task.shard.identity()
        except DataError as problem:
            identity = proof.input  # it was answered when it could be read
            progress.unread.setdefault(task.shard.name, str(problem))
        if proof.input != identity:
            if self.redo_changed:
                return False
            raise UsageError(
                f"The shard {task.shard.name!r} has changed since it was answered in {place}. Name a new folder, "
                "or have shards that have changed judged again (--redo-changed)."
            )
        progress.found(proof.counts)
        return True


def tasks_of(shards: Sequence[Shard], sample: int | None) -> list[Task]:
    """Return what is to be done for shards, what that is to be called, and how much of each is drawn."""
    draws: Iterator[int | None] = iter([None] * len(shards) if sample is None else shares(sample, len(shards)))
    tasks = [Task(shard, answer_to(shard), next(draws)) for shard in shards]
    return [task for task in tasks if task.draws != 0]


def answer_to(shard: Shard) -> str:
    """Return what the file is called that answers a shard."""
    return str(PurePosixPath(f"{shard.name}{OUTPUT_SUFFIX}"))


def refuse_strangers(storage: Storage, tasks: Sequence[Task]) -> None:
    """Refuse a place with answers to shards that the source does not have: whoever reads it would count them.

    Raises:
        UsageError: when there are such.
    """
    expected = {task.file for task in tasks}
    strange = next((name for name in storage.names(OUTPUT_SUFFIX) if name not in expected), None)
    if strange is not None:
        raise UsageError(
            f"{storage}/{strange} answers a shard that the dataset does not have (any more). Take it away, or name a "
            "new folder."
        )
