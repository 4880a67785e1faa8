"""Runs in processes of their own, which die where they are told to."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import pyarrow as pa
import pytest

from eyeward.annotate.run import annotate
from eyeward.annotate.shard_file import Step
from tests.annotate.world import DEFAULT, EXEMPT
from tests.evaluate.worlds import guard

pa.array([0])  # pyarrow looks for pandas now, once for all processes, and not in each

NO_SPACE = 41
"""Exit code of a process that could not write."""


@dataclass(frozen=True)
class Work:
    """What a process does, and where it ends."""

    source: Path
    out: Path | str
    signal: int = signal.SIGKILL
    at: Step | None = None
    """The step at which it sends the signal to itself."""
    shard: str | None = None
    """Only at this shard; None is the first."""
    most_shards: int | None = None
    """After so many shards it kills itself when it begins another."""
    largest_file: int | None = None
    """Bytes after which a file cannot grow."""
    lease: float = 60.0
    rank: int = 0
    world_size: int = 1
    environment: tuple[tuple[str, str], ...] = ()
    """What is set there."""


def do(work: Work) -> None:
    """Annotate under two policies."""
    os.environ.update(work.environment)
    if work.largest_file is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (work.largest_file, work.largest_file))
    begun: list[str] = []
    sent: list[str] = []

    def reached(step: Step, shard: str) -> None:
        if step is Step.before_write:
            begun.append(shard)
            if work.most_shards is not None and len(begun) > work.most_shards:
                os.kill(os.getpid(), signal.SIGKILL)
        if step is work.at and not sent and work.shard in (None, shard):
            sent.append(shard)
            os.kill(os.getpid(), work.signal)

    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells start what runs in the background deaf to it
    try:
        annotate(
            work.source,
            work.out,
            guard(),
            (DEFAULT, EXEMPT),
            rank=work.rank,
            world_size=work.world_size,
            lease=work.lease,
            reached=reached,
        )
    except OSError:
        os._exit(NO_SPACE)


def start(work: Work) -> ForkServerProcess:
    """Start a process. It is forked from one that has imported everything and has no threads, so it starts quickly."""
    process = _context().Process(target=do, args=(work,), daemon=True)
    process.start()
    return process


def run(work: Work) -> int:
    """Run a process to its end and return its exit code; that of a signal is negative."""
    process = start(work)
    process.join(60)
    assert process.exitcode is not None, "it does not end"
    return process.exitcode


def is_stopped(process: int | None) -> bool:
    """Whether a process has been silenced by SIGSTOP."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.annotate.processes"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # the server itself looks nowhere else
        forkserver.ensure_running()
    return context
