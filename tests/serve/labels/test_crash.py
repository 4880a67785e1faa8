"""What was acknowledged is there after a process was killed in the middle of its writes, and after a server crashed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from eyeward.serve.labels.store import LabelStore
from eyeward.verdict import NA
from tests.serve.labels.postgres import Cluster
from tests.serve.labels.world import queue
from tests.serve.labels.writing import THREADS

ROOT = Path(__file__).parent.parent.parent.parent
EACH = 50
"""Events of a thread; two processes append a thousand."""


def writer(address: str, name: str, *killed_after: int) -> subprocess.Popen[bytes]:
    paths = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    environment = {**os.environ, "PYTHONPATH": paths}
    command = [sys.executable, "-m", "tests.serve.labels.writing", address, name, *map(str, (EACH, *killed_after))]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        cwd=ROOT,
        bufsize=0,
        pipesize=4096,  # a writer cannot be done, however slowly it is read
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"begins\n"
    return process


def acknowledged(process: subprocess.Popen[bytes]) -> list[str]:
    """Return the events that a process says are kept, until it ends."""
    assert process.stdout is not None
    found = [line.decode("ascii").strip() for line in process.stdout if line.endswith(b"\n")]
    process.stdout.close()
    process.wait()
    return found


def test_a_killed_process_loses_no_event_that_was_acknowledged_and_disturbs_no_other(address: str) -> None:
    with LabelStore.open(address) as store:
        queue(store, (NA,) * EACH)
        victim, other = writer(address, "victim", THREADS * EACH // 4), writer(address, "other")
        of_victim = acknowledged(victim)
        of_other = acknowledged(other)
        assert victim.returncode == -9
        assert other.returncode == 0
        assert THREADS * EACH // 4 <= len(of_victim) < THREADS * EACH
        assert len(of_other) == THREADS * EACH
        kept = [event.id for event in store.events()]
        assert len(kept) == len(set(kept))
        assert {*of_victim, *of_other} <= set(kept)
        assert len(kept) <= len(of_victim) + len(of_other) + THREADS  # each thread may have been about to say so


def test_a_server_that_crashes_loses_no_event_that_was_acknowledged(cluster: Cluster) -> None:
    address = cluster.database()
    with LabelStore.open(address) as store:
        queue(store, (NA,) * EACH)
        process = writer(address, "writer")
        assert process.stdout is not None
        found = [process.stdout.readline().decode("ascii").strip() for _ in range(THREADS * EACH // 4)]
        cluster.crash()
        found += acknowledged(process)
        assert process.returncode == 1  # the writer was told that its event may not be kept
        assert set(found) <= {event.id for event in store.events()}
