"""Several processes of one machine write what one process writes, whichever of them dies."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest

from eyeward.annotate import on_processes
from eyeward.annotate.on_processes import ProcessCrew, annotate_on_processes, visible_gpus
from eyeward.annotate.progress import Progress
from eyeward.annotate.run import annotate
from eyeward.annotate.sources import open_source
from eyeward.errors import EyewardError
from eyeward.guard import Guard
from tests.annotate.crews import bright, deadly, job, lead, noted, silent, stillborn
from tests.annotate.world import DEFAULT, EXEMPT, left_behind, samples, troubled, written
from tests.evaluate.worlds import guard

SHARDS = 6


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return troubled(tmp_path_factory.mktemp("source"), SHARDS)


@pytest.fixture(scope="module")
def uninterrupted(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("out") / "run"
    annotate(source, out, guard(), (DEFAULT, EXEMPT))
    return written(out)


def together(source: Path, out: Path, load: Callable[[], Guard] = bright, workers: int = 2) -> Progress:
    return annotate_on_processes(job(source, out, load), open_source(source).shards, workers)


def test_two_processes_write_what_one_writes(source: Path, uninterrupted: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "run"
    progress = together(source, out)
    assert written(out) == uninterrupted
    assert left_behind(out) == []
    assert progress.shards_done == SHARDS
    lines = [json.loads(line) for ledger in (out / "ledger").iterdir() for line in ledger.read_text().splitlines()]
    assert Counter(line["shard"] for line in lines) == {f"{shard:05}": 1 for shard in range(SHARDS)}
    assert str(os.getpid()) not in {line["worker"].rpartition("-")[2] for line in lines}
    assert multiprocessing.active_children() == []


def test_a_process_that_is_killed_in_the_midst_of_a_shard_is_named_and_its_shard_judged_again(
    source: Path, uninterrupted: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    progress = together(source, out, partial(deadly, tmp_path / "killed"))
    assert (tmp_path / "killed").exists()
    (note,) = progress.notes
    assert note.endswith("died at shard '00001': killed by SIGKILL.")
    assert written(out) == uninterrupted
    assert left_behind(out) == []


def test_a_finished_run_starts_one_process_and_changes_nothing(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    annotate(source, out, guard(), (DEFAULT, EXEMPT))
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    progress = together(source, out)
    assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == before
    assert (progress.shards_before, progress.images_here, len(progress.workers)) == (SHARDS, 0, 1)


def test_what_is_known_by_its_hash_is_reported_where_it_is_found(source: Path, tmp_path: Path) -> None:
    key, content = samples(3)[0]
    listed = hashlib.sha256(content).hexdigest()
    (tmp_path / "list").write_text(listed, encoding="ascii")
    asked = replace(
        job(source, tmp_path / "run"), known_hashes=(tmp_path / "list",), report=partial(noted, tmp_path / "noted")
    )
    annotate_on_processes(asked, open_source(source).shards[3:4], 1)
    found = {file.name: file.read_text(encoding="ascii") for file in (tmp_path / "noted").iterdir()}
    assert found == {key.removesuffix(".png"): listed}


def test_what_a_process_cannot_do_is_raised_here(source: Path, tmp_path: Path) -> None:
    with pytest.raises(EyewardError, match="is not available"):
        together(source, tmp_path / "run", silent)
    assert multiprocessing.active_children() == []


def test_processes_that_cannot_load_end_the_run(source: Path, tmp_path: Path) -> None:
    with pytest.raises(EyewardError, match="the last one before it was ready: it ended with exit code 3"):
        together(source, tmp_path / "run", stillborn)


@contextmanager
def led(source: Path, out: Path) -> Iterator[tuple[SpawnProcess, list[int]]]:
    """Start a leader of two slow workers; give it and the numbers of their processes once both are at a shard."""
    leader = multiprocessing.get_context("spawn").Process(target=lead, args=(source, out))
    leader.start()
    try:
        deadline = time.monotonic() + 60
        while len(list(out.glob(".claims/*.claim"))) < 2:
            assert time.monotonic() < deadline, "the workers do not begin"
            assert leader.is_alive()
            time.sleep(0.05)
        owners = [json.loads(file.read_bytes()) for file in out.glob(".claims/*.claim")]
        yield leader, [owner["process"] for owner in owners]
    finally:
        leader.kill()
        leader.join()


def wait_for_the_end(processes: list[int]) -> None:
    deadline = time.monotonic() + 60
    while living := [number for number in processes if Path(f"/proc/{number}").exists()]:
        assert time.monotonic() < deadline, f"{living} live on"
        time.sleep(0.05)


def test_an_interrupt_ends_all_and_leaves_nothing_unfinished(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with led(source, out) as (leader, workers):
        assert leader.pid is not None
        os.kill(leader.pid, signal.SIGINT)
        leader.join(60)
        assert leader.exitcode == 130
        wait_for_the_end(workers)
    assert left_behind(out) == []
    assert len(list(out.glob("*.parquet"))) < SHARDS


def test_workers_whose_leader_is_killed_end_too(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with led(source, out) as (leader, workers):
        leader.kill()
        leader.join(60)
        wait_for_the_end(workers)
    assert left_behind(out) == []


def test_gpus_are_dealt_out_where_there_are_several(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = ProcessCrew(job(source, tmp_path), 1, ["0", "3"])
    dealt = []
    for number in range(4):
        gpu = crew._gpu()
        assert gpu is not None
        crew._gpu_of[f"worker {number}"] = gpu
        dealt.append(gpu)
    assert dealt == ["0", "3", "0", "3"]
    del crew._gpu_of["worker 1"]
    assert crew._gpu() == "3", "the one whose worker died"
    assert ProcessCrew(job(source, tmp_path), 1, ["0"])._gpu() is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, GPU-abc,")
    assert visible_gpus() == ["2", "GPU-abc"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(on_processes, "_GPUS", tmp_path / "none")
    assert visible_gpus() == []
    (tmp_path / "none" / "0000:3b:00.0").mkdir(parents=True)
    assert visible_gpus() == ["0"]
