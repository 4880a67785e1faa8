"""Whatever ends a run, another one goes on, and in the end every byte is as if nothing had happened."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from eyeward.annotate.arrow import parquet
from eyeward.annotate.local_folder import LocalFolder
from eyeward.annotate.run import annotate
from eyeward.annotate.shard_file import Step, read_proof
from tests.annotate.processes import NO_SPACE, Work, is_stopped, run, start
from tests.annotate.world import DEFAULT, EXEMPT, left_behind, troubled, written
from tests.evaluate.worlds import guard

KILLED = -signal.SIGKILL
SHARDS = 6


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return troubled(tmp_path_factory.mktemp("source"), SHARDS)


@pytest.fixture(scope="module")
def uninterrupted(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("out") / "run"
    annotate(source, out, guard(), (DEFAULT, EXEMPT))
    found = written(out)
    assert len(found) == SHARDS + 1
    return found


def whole(out: Path) -> int:
    """Count the finished shards; what is there must be whole."""
    proofs = [read_proof(LocalFolder(out), file.name) for file in out.glob("*.safety.parquet")]
    assert None not in proofs
    return len(proofs)


def ledger(out: Path) -> Counter[str]:
    """Count the lines about each shard."""
    lines = [line for file in (out / "ledger").iterdir() for line in file.read_text().splitlines()]
    return Counter(json.loads(line)["shard"] for line in lines)


ONCE = Counter({f"{shard:05}": 1 for shard in range(SHARDS)})


@pytest.mark.parametrize("step", Step)
def test_killed_ten_times_at_a_step_and_resumed(
    step: Step, source: Path, uninterrupted: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    for _ in range(2):  # a run has six shards; where a kill lets one be finished, there are several runs
        if out.exists():
            shutil.rmtree(out)
        for kill in range(5):
            assert run(Work(source, out, at=step)) == KILLED
            finished = whole(out)
            assert finished == (kill + 1 if step in (Step.renamed, Step.before_ledger, Step.ledger_written) else 0)
        assert run(Work(source, out)) == 0
        assert written(out) == uninterrupted
        assert left_behind(out) == []


def test_forty_kills_at_random_moments(source: Path, uninterrupted: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "run"
    began = time.monotonic()
    assert run(Work(source, tmp_path / "timed", most_shards=1)) == KILLED
    length = time.monotonic() - began
    moments = random.Random(7)
    killed = 0
    finished: list[int] = []
    while killed < 40:
        before = whole(out) if out.exists() else 0
        if before == SHARDS:
            assert written(out) == uninterrupted
            shutil.rmtree(out)
            before = 0
        process = start(Work(source, out, most_shards=1))
        process.join(moments.uniform(0.0, length))
        process.kill()
        process.join()
        killed += process.exitcode == KILLED
        finished.append(whole(out) if out.exists() else 0)
        assert finished[-1] - before in (0, 1)
    assert len(set(finished)) > 2, "the moments were no moments in the midst of a run"
    assert run(Work(source, out)) == 0
    assert written(out) == uninterrupted
    assert left_behind(out) == []


def test_two_processes_race_for_one_folder_and_no_shard_is_judged_twice(
    source: Path, uninterrupted: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    racers = [start(Work(source, out)) for _ in range(2)]
    for racer in racers:
        racer.join(60)
    assert [racer.exitcode for racer in racers] == [0, 0]
    assert written(out) == uninterrupted
    assert left_behind(out) == []
    assert ledger(out) == ONCE


def test_racing_processes_of_which_one_is_killed_now_and_then(
    source: Path, uninterrupted: dict[str, bytes], tmp_path: Path
) -> None:
    moments = random.Random(3)
    for attempt in range(8):
        out = tmp_path / str(attempt)
        racers = [start(Work(source, out)) for _ in range(3)]
        time.sleep(moments.uniform(0.05, 0.4))
        racers[attempt % 3].kill()
        for racer in racers:
            racer.join(60)
        assert [racer.exitcode for racer in racers].count(0) >= 2
        assert written(out) == uninterrupted, "those that live do the work of the dead"
        if left_behind(out):  # it was killed when the others had ended: the next run takes its claim away
            assert run(Work(source, out)) == 0
        assert left_behind(out) == []


def test_parts_by_rank_make_the_same_whole(source: Path, uninterrupted: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert run(Work(source, out, rank=2, world_size=3)) == 0
    assert sorted(file.name for file in out.glob("*.parquet")) == ["00002.safety.parquet", "00005.safety.parquet"]
    assert [run(Work(source, out, rank=rank, world_size=3)) for rank in (0, 1)] == [0, 0]
    assert written(out) == uninterrupted


@pytest.mark.parametrize("step", [Step.before_write, Step.temporary_written, Step.renamed])
def test_a_process_that_falls_silent_is_overtaken_and_may_come_back(
    step: Step, source: Path, uninterrupted: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    silent = start(Work(source, out, signal=signal.SIGSTOP, at=step, lease=0.4))
    deadline = time.monotonic() + 60
    while not is_stopped(silent.pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    try:
        assert run(Work(source, out, lease=0.4)) == 0
        assert written(out) == uninterrupted
    finally:
        assert silent.pid is not None
        os.kill(silent.pid, signal.SIGCONT)
    silent.join(60)
    assert silent.exitcode == 0
    assert written(out) == uninterrupted
    assert left_behind(out) == []
    assert ledger(out) == ONCE, "who comes back writes nothing once more"


@pytest.mark.parametrize("step", [Step.before_write, Step.partly_written, Step.temporary_written])
def test_an_interrupt_leaves_nothing_unfinished_behind(
    step: Step, source: Path, uninterrupted: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    assert run(Work(source, out, signal=signal.SIGINT, at=step, shard="00002")) == 1
    assert whole(out) == 2
    assert left_behind(out) == []
    assert run(Work(source, out)) == 0
    assert written(out) == uninterrupted


def test_an_interrupt_while_a_file_is_opened_leaves_no_part_of_it(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(parquet(), "ParquetWriter", interrupted)
    with pytest.raises(KeyboardInterrupt):
        annotate(source, tmp_path / "run", guard())
    assert (tmp_path / "run" / "run.json").exists()
    assert left_behind(tmp_path / "run") == []


def test_a_file_that_cannot_grow_stops_the_run_and_leaves_no_part_of_it(
    source: Path, uninterrupted: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    sizes = [len(content) for name, content in uninterrupted.items() if name != "run.json"]
    assert run(Work(source, out, at=Step.before_write)) == KILLED  # the record is written, and no shard
    assert run(Work(source, out, largest_file=min(sizes) // 2)) == NO_SPACE
    assert list(out.glob("*.safety.parquet")) == []
    assert left_behind(out) == []
    assert run(Work(source, out)) == 0
    assert written(out) == uninterrupted


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk that has no room for the whole run."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"mounting a small disk takes rights that this process lacks: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_stops_the_run_and_room_lets_it_go_on(
    source: Path, uninterrupted: dict[str, bytes], small_disk: Path
) -> None:
    out = small_disk / "run"
    fill(small_disk / "ballast", 80 * 1024)
    assert run(Work(source, out)) == NO_SPACE
    assert whole(out) < SHARDS
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    assert run(Work(source, out)) == 0
    assert written(out) == uninterrupted


def fill(file: Path, room: int) -> None:
    """Leave so much room on a disk."""
    free = os.statvfs(file.parent).f_bavail * os.statvfs(file.parent).f_frsize
    try:
        file.write_bytes(bytes(max(0, free - room)))
    except OSError as problem:
        assert problem.errno == errno.ENOSPC
