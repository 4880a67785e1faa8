"""A worker: judges the shards that it is given, one after the other, in whatever process or machine it was started."""

from __future__ import annotations

import os
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from eyeward.annotate.cache import VerdictCache
from eyeward.annotate.claims import LEASE_SECONDS, Claims, Owner, worker_name
from eyeward.annotate.explain import Explain
from eyeward.annotate.known import Report, unreported
from eyeward.annotate.progress import Part, Progress
from eyeward.annotate.record import RUN_FILE
from eyeward.annotate.run import Run
from eyeward.annotate.sources import Source
from eyeward.annotate.storage import storage_at
from eyeward.annotate.tasks import Task
from eyeward.errors import EyewardError, UsageError
from eyeward.guard import Guard
from eyeward.images.known import KnownHashes
from eyeward.policy import Policy

TOLD_SECONDS = 0.25
"""Between two times that a worker says how far it is."""
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_NEVER = Explain()


@dataclass(frozen=True)
class Job:
    """What a run asks, as data that can be sent to other processes and machines; shards are sent one by one."""

    guard: Callable[[], Guard]
    """Loads the guard where it is to work. A function of a module, or a `functools.partial` of one: it is found there
    by its name."""
    source: Source
    """Its shards may be left out."""
    out: str | Path
    """A folder that all workers share, or an address in an object store."""
    policies: tuple[Policy, ...]
    explain: Explain = _NEVER
    sample: int | None = None
    phash: bool = False
    statistics: bool = False
    known_hashes: tuple[Path, ...] = ()
    report: Report = unreported
    """Is told of every image that is on these lists, where the worker is. A function of a module, like `guard`; what it
    raises ends the run."""
    cache: Path | None = None
    retry_failed: bool = False
    redo_changed: bool = False
    lease: float = LEASE_SECONDS
    start_folder: Path | None = None
    """Where relative paths start; None is where the worker is."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker has loaded its guard and can be given shards."""

    owner: Owner
    """As its claims say it."""
    name: str
    """Host and process, as in the ledger."""
    fingerprint: str
    """Of the run, as its guard makes it."""
    remarks: tuple[str, ...]
    """What a person should know of the guard."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A shard needs nothing more, or, if it is not `done`, somebody else is at it."""

    done: bool
    part: Part


@dataclass(frozen=True)
class Failed:
    """What ends the whole run, as an exception that can be sent."""

    problem: Exception

    @classmethod
    def by(cls, problem: Exception) -> Failed:
        """Take an exception; one of a kind that nobody expects comes with the place where it was raised."""
        if isinstance(problem, OSError):
            return cls(OSError(problem.errno, problem.strerror or str(problem), problem.filename))
        if isinstance(problem, UsageError):
            return cls(UsageError(str(problem)))
        if isinstance(problem, EyewardError):
            return cls(EyewardError(str(problem)))
        trace = "".join(traceback.format_exception(problem))
        return cls(RuntimeError(f"The worker {worker_name()} failed.\n{trace}"))


@dataclass(frozen=True, slots=True)
class Died:
    """A worker is no more."""

    why: str


News = Ready | Part | Settled | Failed | Died
"""What is heard of a worker."""


class Worker:
    """The guard, and the run in its folder."""

    def __init__(self, job: Job, tell: Callable[[Part], None], is_first: bool) -> None:
        """Load the guard and begin the run, if this is the first worker, else go on with it.

        `tell` is told now and then how far it is; what it raises ends the shard under way.

        Raises:
            EyewardError: as `annotate` does.
            OSError: when the place of the run cannot be written.
        """
        if job.start_folder is not None:
            _go_to(job.start_folder)
        storage = storage_at(job.out)
        if not is_first and storage.read(RUN_FILE) is None:
            raise UsageError(
                f"{storage} on {socket.gethostname()} is not the folder of the run; all machines must share it."
            )
        with ExitStack() as stack:
            self._guard = job.guard()
            known = KnownHashes.read(job.known_hashes) if job.known_hashes else None
            cache = None if job.cache is None else stack.enter_context(VerdictCache(job.cache))
            self._progress = Progress(0)
            self._tell = tell
            self._due = 0.0
            self._run = Run.prepared(
                job.source,
                storage,
                self._guard,
                job.policies,
                job.explain,
                sample=job.sample,
                phash=job.phash,
                statistics=job.statistics,
                known=known,
                report=job.report,
                cache=cache,
                redo_changed=job.redo_changed,
                watch=self._watch,
            )
            self._claims = Claims(storage, job.lease)
            self._open = stack.pop_all()

    def introduction(self) -> Ready:
        """Say who it is, and by which run."""
        return Ready(
            Owner.myself(),
            worker_name(),
            self._run.record.fingerprint,
            tuple(remarks(self._guard, self._run.policies)),
        )

    def do(self, task: Task, retry_failed: bool) -> Settled | Failed:
        """Judge a shard, unless it is done; with `retry_failed` also one with failures that may have passed."""
        self._run.retry_failed = retry_failed
        try:
            done = self._run.do(task, self._claims, self._progress)
        except Exception as problem:
            return Failed.by(problem)
        return Settled(done, self._progress.part())

    def _watch(self, progress: Progress) -> None:
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + TOLD_SECONDS
            self._tell(progress.part())

    def close(self) -> None:
        """Keep what waits to be kept."""
        self._open.close()


def remarks(guard: Guard, policies: Iterable[Policy]) -> list[str]:
    """Return what a person should know of a guard before its verdicts are relied on."""
    found = []
    if not guard.trained_to_judge:
        found.append(f"{guard.model.name!r} is a base to train guards from: its ratings are guesses.")
    for policy in policies:
        missed = guard.coverage(policy).not_covered
        if missed:
            found.append(
                f"The guard cannot judge {', '.join(missed)} of policy {policy.name!r}: what would be Safe is Review."
            )
    return found


def use_threads(count: int) -> None:
    """Have this process compute with so many threads; best before PyTorch is loaded."""
    for name in _THREADS:
        os.environ[name] = str(count)
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(count)


def keep_vllm_here() -> None:
    """Have vLLM, where a guard runs with it, compute in this process, so that both end together, also when killed."""
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"


def cores() -> int:
    """Return how many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def _go_to(folder: Path) -> None:
    try:
        os.chdir(folder)
    except OSError as problem:
        raise UsageError(
            f"There is no folder {folder} on {socket.gethostname()}, where relative paths start: {problem.strerror}. "
            "Name dataset and output by whole paths."
        ) from problem
