"""Whoever leads several workers gives every shard to one of them, and what the dead had to another."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from eyeward.annotate.claims import Claims
from eyeward.annotate.crew import annotate_together
from eyeward.annotate.local_folder import LocalFolder
from eyeward.annotate.progress import Progress
from eyeward.annotate.run import annotate
from eyeward.annotate.sources import open_source
from eyeward.errors import ErrorType, EyewardError, UsageError
from tests.annotate.crews import DEADLY, PlayedCrew, bright, fickle, job, silent
from tests.annotate.test_run import failing_at
from tests.annotate.world import DEFAULT, EXEMPT, SHARD_IMAGES, left_behind, png, rows, tar, troubled, written
from tests.evaluate.worlds import guard

SHARDS = 6


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return troubled(tmp_path / "in", SHARDS)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def alone(source: Path, tmp_path: Path) -> dict[str, bytes]:
    annotate(source, tmp_path / "alone", guard(), (DEFAULT, EXEMPT))
    return written(tmp_path / "alone")


def led(crew: PlayedCrew, source: Path, count: int = 2, rank: int = 0, world_size: int = 1) -> Progress:
    shards = open_source(source).shards
    return annotate_together(crew.job, shards, crew, count, rank=rank, world_size=world_size)


def test_several_workers_write_what_one_process_writes(source: Path, out: Path, alone: dict[str, bytes]) -> None:
    crew = PlayedCrew(job(source, out))
    progress = led(crew, source)
    assert written(out) == alone
    assert left_behind(out) == []
    assert crew.hired == ["worker 1", "worker 2"]
    assert crew.dismissed
    assert {name for name, _, _ in crew.asked} == {"worker 1", "worker 2"}
    assert (progress.shards_done, progress.images, progress.rows) == (SHARDS, len(rows(out)) // 2, len(rows(out)))
    assert sum(part.shards_done for part in progress.workers.values()) == SHARDS
    assert sum(part.images_here for part in progress.workers.values()) == progress.images_here == progress.images


def test_what_is_done_is_not_given_out_and_nobody_is_hired_for_it(source: Path, out: Path) -> None:
    led(PlayedCrew(job(source, out)), source)
    before = written(out)
    crew = PlayedCrew(job(source, out))
    progress = led(crew, source, 4)
    assert (crew.hired, crew.asked) == (["worker 1"], [])
    assert written(out) == before
    assert (progress.shards_before, progress.images_here) == (SHARDS, 0)


def test_no_more_are_hired_than_there_are_shards_left(source: Path, out: Path) -> None:
    annotate(source, out, guard(), (DEFAULT, EXEMPT))
    for shard in (0, 3):
        (out / f"{shard:05}.safety.parquet").unlink()
    crew = PlayedCrew(job(source, out))
    led(crew, source, 5)
    assert len(crew.hired) == 2
    assert sorted(shard for _, shard, _ in crew.asked) == ["00000", "00003"]


def test_parts_by_rank(source: Path, out: Path) -> None:
    led(PlayedCrew(job(source, out)), source, rank=1, world_size=3)
    assert sorted(file.name for file in out.glob("*.parquet")) == ["00001.safety.parquet", "00004.safety.parquet"]


def test_the_shard_of_a_dead_worker_is_given_to_another_at_once_and_the_dead_one_is_named(
    source: Path, out: Path, alone: dict[str, bytes]
) -> None:
    crew = PlayedCrew(job(source, out), dying=["worker 2"])
    progress = led(crew, source)
    assert written(out) == alone
    assert left_behind(out) == []
    (lost,) = [shard for name, shard, _ in crew.asked if name == "worker 2"]
    assert [name for name, shard, _ in crew.asked if shard == lost][1:] in (["worker 1"], ["worker 3"])
    (note,) = progress.notes
    assert note.startswith("worker 2 (")
    assert note.endswith(f") died at shard {lost!r}: killed by SIGKILL.")
    assert progress.images == len(rows(out)) // 2, "what the dead one said it was at does not count"


def test_a_worker_that_dies_while_it_loads_is_replaced(source: Path, out: Path, alone: dict[str, bytes]) -> None:
    crew = PlayedCrew(job(source, out), unready=["worker 1", "worker 3"])
    progress = led(crew, source)
    assert written(out) == alone
    assert progress.notes[0] == "worker 1 died before it was ready: it ended with exit code 3."


def test_workers_that_all_die_while_they_load_end_the_run(source: Path, out: Path) -> None:
    crew = PlayedCrew(job(source, out), unready=["worker 1", "worker 2", "worker 3", "worker 4"])
    with pytest.raises(EyewardError, match="3 workers died, the last one before it was ready: it ended with"):
        led(crew, source)
    assert len(crew.hired) == 3
    assert crew.dismissed


def test_a_shard_that_kills_three_workers_ends_the_run_and_what_is_finished_stays(source: Path, out: Path) -> None:
    crew = PlayedCrew(job(source, out), deadly_shard="00003")
    with pytest.raises(EyewardError, match="3 workers died, the last one at shard '00003': killed by SIGKILL"):
        led(crew, source)
    assert [shard for _, shard, _ in crew.asked].count("00003") == 3
    assert crew.dismissed
    assert "00000.safety.parquet" in [file.name for file in out.glob("*.parquet")]
    assert left_behind(out) == []


def test_a_worker_whose_guard_is_another_one_is_refused(source: Path, out: Path, tmp_path: Path) -> None:
    crew = PlayedCrew(job(source, out, partial(fickle, tmp_path / "first")))
    with pytest.raises(UsageError, match=r"guard\.rule\.threshold is 0\.7 and was 0\.5"):
        led(crew, source)


def test_an_engine_that_answers_nothing_ends_the_run(source: Path, out: Path) -> None:
    with pytest.raises(EyewardError, match="is not available"):
        led(PlayedCrew(job(source, out, silent)), source)
    assert list(out.glob("*.parquet")) == []
    assert left_behind(out) == []


def test_shards_that_another_run_has_claimed_are_waited_for(source: Path, out: Path, alone: dict[str, bytes]) -> None:
    asked = replace(job(source, out), lease=4.0)
    crew = PlayedCrew(asked)
    with ExitStack() as held:
        out.mkdir()
        claim = Claims(LocalFolder(out), 4.0).take("00002")
        assert claim is not None
        held.enter_context(claim)

        def watch(progress: Progress) -> None:
            if progress.shards_done == SHARDS - 1:
                held.close()

        annotate_together(asked, open_source(source).shards, crew, 2, watch=watch)
    assert written(out) == alone
    assert [shard for _, shard, _ in crew.asked].count("00002") > 1


def test_failures_that_may_have_passed_are_judged_again_when_asked(tmp_path: Path, out: Path) -> None:
    source = tmp_path / "in"
    tar(source / "a.tar", [("a.png", png(1)), ("b.png", png(2))])
    tar(source / "b.tar", [("c.png", png(3))])
    annotate(source, out, guard(failing_at(2, ErrorType.deadline)), (DEFAULT, EXEMPT))
    crew = PlayedCrew(replace(job(source, out), retry_failed=True))
    led(crew, source)
    assert crew.asked == [("worker 1", "a", True)]
    assert {row["error_type"] for row in rows(out)} == {None}


def test_a_run_has_a_worker(source: Path, out: Path) -> None:
    with pytest.raises(UsageError, match="at least one worker, not 0"):
        led(PlayedCrew(job(source, out)), source, 0)


def test_a_folder_that_the_workers_do_not_share_is_named(source: Path, out: Path, tmp_path: Path) -> None:
    crew = PlayedCrew(job(source, tmp_path / "elsewhere"))
    with pytest.raises(UsageError, match="all machines must share it"):
        annotate_together(job(source, out), open_source(source).shards, crew, 2)


def test_every_worker_looks_for_the_folder_of_the_run(source: Path, out: Path, tmp_path: Path) -> None:
    class Apart(PlayedCrew):
        def hire(self, is_first: bool) -> str:
            if not is_first:
                self.job = replace(self.job, out=tmp_path / "elsewhere")
            return super().hire(is_first)

    with pytest.raises(UsageError, match="is not the folder of the run; all machines must share it"):
        led(Apart(job(source, out, bright)), source)
    assert not (tmp_path / "elsewhere").exists()


def test_the_picture_that_kills_stands_in_one_shard(source: Path) -> None:
    levels = [(shard, (shard * 53 + number * 37) % 256) for shard in range(SHARDS) for number in range(SHARD_IMAGES)]
    assert [shard for shard, level in levels if level == DEADLY] == [1]
