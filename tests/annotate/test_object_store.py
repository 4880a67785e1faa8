"""A run in an object store is the run that a folder would hold, byte for byte, whatever ends it in between."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, repeat
from pathlib import Path

import pytest
from obstore.store import S3Store

from eyeward.annotate.crew import annotate_together
from eyeward.annotate.object_store import ObjectFolder
from eyeward.annotate.run import annotate
from eyeward.annotate.shard_file import Step
from eyeward.annotate.sources import open_source
from eyeward.errors import ErrorType, UsageError
from tests.annotate.crews import PlayedCrew, job
from tests.annotate.processes import Work, is_stopped, run, start
from tests.annotate.s3 import OUT, FakeS3, Trouble, serving
from tests.annotate.test_run import failing_at
from tests.annotate.world import DEFAULT, EXEMPT, png, tar, troubled, written
from tests.evaluate.worlds import asked, guard

KILLED = -signal.SIGKILL
SHARDS = 4


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return troubled(tmp_path_factory.mktemp("source"), SHARDS)


@pytest.fixture(scope="module")
def in_a_folder(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("out") / "run"
    annotate(source, out, guard(), (DEFAULT, EXEMPT))
    return written(out)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    with serving() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


def work(source: Path, s3: FakeS3) -> Work:
    return Work(source, OUT, environment=tuple(s3.environment.items()))


def ledger(s3: FakeS3) -> Counter[str]:
    """Count the lines about each shard."""
    lines = [line for key in s3.objects if "/ledger/" in key for line in s3.objects[key].data.splitlines()]
    return Counter(json.loads(line)["shard"] for line in lines)


ONCE = Counter({f"{shard:05}": 1 for shard in range(SHARDS)})


def test_a_store_holds_the_same_bytes_as_a_folder(source: Path, in_a_folder: dict[str, bytes], s3: FakeS3) -> None:
    annotate(source, OUT, guard(), (DEFAULT, EXEMPT))
    assert s3.written == in_a_folder
    assert s3.momentary == []
    assert ledger(s3) == ONCE


def test_of_a_finished_run_only_the_ends_of_objects_are_read_and_nothing_is_judged(source: Path, s3: FakeS3) -> None:
    annotate(source, OUT, guard(), (DEFAULT, EXEMPT))
    s3.requests.clear()
    of = guard()
    progress = annotate(source, OUT, of, (DEFAULT, EXEMPT))
    assert (asked(of), progress.shards_before) == (0, SHARDS)
    about_shards = Counter(method for method, key in s3.requests if key.endswith(".safety.parquet"))
    assert about_shards == {"GET": SHARDS}
    with pytest.raises(UsageError, match=r"s3://bucket/run holds another run: .*threshold is 0\.7 and was 0\.5"):
        annotate(source, OUT, guard(threshold=0.7), (DEFAULT, EXEMPT))


@pytest.mark.parametrize("step", Step)
def test_killed_at_a_step_and_resumed(step: Step, source: Path, in_a_folder: dict[str, bytes], s3: FakeS3) -> None:
    for kill in range(3):
        assert run(replace(work(source, s3), at=step)) == KILLED
        assert s3.finished == (kill + 1 if step in (Step.renamed, Step.before_ledger, Step.ledger_written) else 0)
    assert run(work(source, s3)) == 0
    assert s3.written == in_a_folder
    assert s3.momentary == []


def test_two_processes_race_for_one_run_and_no_shard_is_judged_twice(
    source: Path, in_a_folder: dict[str, bytes], s3: FakeS3
) -> None:
    racers = [start(work(source, s3)) for _ in range(2)]
    for racer in racers:
        racer.join(60)
    assert [racer.exitcode for racer in racers] == [0, 0]
    assert s3.written == in_a_folder
    assert s3.momentary == []
    assert ledger(s3) == ONCE


@pytest.mark.parametrize("step", [Step.before_write, Step.temporary_written, Step.renamed])
def test_a_process_whose_lease_expires_is_overtaken_and_may_come_back(
    step: Step, source: Path, in_a_folder: dict[str, bytes], s3: FakeS3
) -> None:
    silent = start(replace(work(source, s3), signal=signal.SIGSTOP, at=step))
    deadline = time.monotonic() + 60
    while not (s3.momentary and is_stopped(silent.pid)) and time.monotonic() < deadline:
        time.sleep(0.02)
    try:
        s3.ahead = 61.0  # one second more than the lease, by the clock of the store
        assert run(work(source, s3)) == 0
        assert s3.written == in_a_folder
    finally:
        assert silent.pid is not None
        os.kill(silent.pid, signal.SIGCONT)
    silent.join(60)
    assert silent.exitcode == 0
    assert s3.written == in_a_folder
    assert s3.momentary == []


def test_a_clock_of_the_store_that_differs_takes_no_claim_away(source: Path, s3: FakeS3) -> None:
    for ahead in (-100_000.0, 100_000.0):
        s3.ahead = ahead
        silent = start(replace(work(source, s3), signal=signal.SIGSTOP, at=Step.before_write))
        try:
            deadline = time.monotonic() + 60
            while not (s3.momentary and is_stopped(silent.pid)) and time.monotonic() < deadline:
                time.sleep(0.02)
            (held,) = s3.momentary
            other = start(work(source, s3))
            while s3.finished < SHARDS - 1 and time.monotonic() < deadline:
                time.sleep(0.02)
            other.join(0.5)
            assert other.exitcode is None, "it waits for the shard that somebody else has"
            assert s3.finished == SHARDS - 1
            assert held in s3.objects
            other.kill()
            other.join()
        finally:
            silent.kill()
            silent.join()
        s3.objects.clear()


def test_a_store_that_is_busy_or_loses_answers_for_a_while_is_asked_again(tmp_path: Path, s3: FakeS3) -> None:
    source = tar(tmp_path / "in" / "a.tar", [("a.png", png(1)), ("b.png", png(200))]).parent
    s3.troubles = cycle([None, None, Trouble.refused, None, None, Trouble.lost])
    annotate(source, OUT, guard())
    s3.troubles = repeat(None)
    annotate(source, tmp_path / "out", guard())
    assert s3.written == written(tmp_path / "out")
    assert s3.momentary == []
    assert ledger(s3) == {"a": 1}


def impatient() -> ObjectFolder:
    """Return the run as one sees it who never asks twice."""
    store = S3Store("bucket", prefix="run", client_options={"allow_http": True}, retry_config={"max_retries": 0})
    return ObjectFolder(store, OUT)


def test_a_store_that_stays_away_ends_the_run_and_what_is_finished_stays(
    source: Path, in_a_folder: dict[str, bytes], s3: FakeS3
) -> None:
    def reached(step: Step, shard: str) -> None:
        if (step, shard) == (Step.temporary_written, "00002"):
            s3.troubles = repeat(Trouble.refused)

    with pytest.raises(OSError, match="SlowDown") as ended:
        annotate(source, impatient(), guard(), (DEFAULT, EXEMPT), reached=reached)
    assert str(ended.value.filename).startswith("s3://bucket/run/")
    assert s3.finished == 2
    s3.troubles = repeat(None)
    s3.ahead = 1000.0  # the claim could not be given back
    annotate(source, OUT, guard(), (DEFAULT, EXEMPT))
    assert s3.written == in_a_folder
    assert s3.momentary == []


def test_a_store_that_makes_objects_in_any_case_is_refused(source: Path, s3: FakeS3) -> None:
    s3.is_conditional = False
    with pytest.raises(UsageError, match=r"does not make objects only where there are none \(If-None-Match"):
        annotate(source, OUT, guard())
    assert s3.objects == {}


def test_a_store_that_knows_no_conditions_is_refused(source: Path, s3: FakeS3) -> None:
    s3.refuses_conditions = True
    with pytest.raises(UsageError, match=r"does not make objects only where there are none \(If-None-Match"):
        annotate(source, impatient(), guard())
    assert s3.objects == {}


def test_a_bucket_that_is_not_there_is_named(source: Path, s3: FakeS3) -> None:
    with pytest.raises(OSError, match="s3://elsewhere/run"):
        annotate(source, "s3://elsewhere/run", guard())


def test_failures_that_may_have_passed_are_judged_again_in_their_place(tmp_path: Path, s3: FakeS3) -> None:
    source = tar(tmp_path / "a.tar", [("a.png", png(1)), ("b.png", png(2))])
    annotate(source, OUT, guard(failing_at(2, ErrorType.deadline)))
    failed = s3.written
    annotate(source, OUT, guard(), retry_failed=True)
    annotate(source, tmp_path / "out", guard())
    assert s3.written != failed
    assert s3.written == written(tmp_path / "out")


def test_parts_by_rank_make_the_same_whole(source: Path, in_a_folder: dict[str, bytes], s3: FakeS3) -> None:
    for rank in (2, 0, 1):
        annotate(source, OUT, guard(), (DEFAULT, EXEMPT), rank=rank, world_size=3)
    assert s3.written == in_a_folder


def test_several_workers_of_which_one_dies_share_a_run(source: Path, in_a_folder: dict[str, bytes], s3: FakeS3) -> None:
    crew = PlayedCrew(job(source, OUT), dying=["worker 2"])
    progress = annotate_together(crew.job, open_source(source).shards, crew, 2)
    assert s3.written == in_a_folder
    assert s3.momentary == []
    assert len(progress.notes) == 1
