"""What is to be done in a run: shards, the files that answer them, and which of them are whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from eyeward.annotate.atomic import DRAFT_SUFFIX
from eyeward.annotate.item import Shard
from eyeward.annotate.judging import shares
from eyeward.annotate.progress import Progress
from eyeward.annotate.shard_file import read_proof
from eyeward.annotate.sources import OUTPUT_SUFFIX
from eyeward.errors import PASSING, DataError, UsageError

_UNFINISHED = ".unfinished"


@dataclass(frozen=True)
class Task:
    """A shard that is to be answered."""

    shard: Shard
    file: Path
    draws: int | None
    """How many images are drawn; None is all of them."""


def tasks_of(shards: Sequence[Shard], folder: Path, sample: int | None) -> list[Task]:
    """Return what is to be done for shards, where it is to be written, and how much of each is drawn."""
    draws: Iterator[int | None] = iter([None] * len(shards) if sample is None else shares(sample, len(shards)))
    tasks = [Task(shard, folder / f"{shard.name}{OUTPUT_SUFFIX}", next(draws)) for shard in shards]
    return [task for task in tasks if task.draws != 0]


def is_done(
    task: Task, fingerprint: str, progress: Progress, *, retry_failed: bool = False, redo_changed: bool = False
) -> bool:
    """Whether a task needs nothing more; what is there is counted.

    Raises:
        UsageError: when the file answers something else.
    """
    proof = read_proof(task.file)
    if proof is None:
        return False
    if proof.fingerprint != fingerprint or proof.sample != task.draws:
        raise UsageError(f"{task.file} belongs to another run. Take it away, or name a new folder.")
    if retry_failed and any(proof.counts.errors.get(error.value) for error in PASSING):
        return False
    try:
        identity = task.shard.identity()
    except DataError as problem:
        identity = proof.input  # it was answered when it could be read
        progress.unread.setdefault(task.shard.name, str(problem))
    if proof.input != identity:
        if redo_changed:
            return False
        raise UsageError(
            f"The shard {task.shard.name!r} has changed since it was answered in {task.file}. Name a new folder, "
            "or have shards that have changed judged again (--redo-changed)."
        )
    progress.found(proof.counts)
    return True


def refuse_strangers(folder: Path, tasks: Sequence[Task]) -> None:
    """Refuse a folder with answers to shards that the source does not have: whoever reads it would count them.

    Raises:
        UsageError: when there are such.
    """
    expected = {str(task.file) for task in tasks}
    strange = next((file for file in _outputs(folder) if str(file) not in expected), None)
    if strange is not None:
        raise UsageError(
            f"{strange} answers a shard that the dataset does not have (any more). Take it away, or name a new folder."
        )


def temporary(file: Path, token: str) -> Path:
    """Return where the file of a shard is while it is written, by the token of the claim."""
    return file.with_name(f".{file.name}.{token}{_UNFINISHED}")


def sweep(folder: Path, tasks: Sequence[Task]) -> None:
    """Take away temporary files of processes that were killed; these tasks are settled, so nobody needs them."""
    for file in folder.glob(f".*{DRAFT_SUFFIX}"):
        file.unlink(missing_ok=True)
    names = {str(task.file) for task in tasks}
    for parent in {task.file.parent for task in tasks}:
        for file in parent.glob(f".*{OUTPUT_SUFFIX}.*{_UNFINISHED}"):
            final = file.name.removesuffix(_UNFINISHED).rpartition(".")[0].removeprefix(".")
            if str(parent / final) in names:
                file.unlink(missing_ok=True)


def _outputs(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob(f"*{OUTPUT_SUFFIX}") if not file.name.startswith("."))
