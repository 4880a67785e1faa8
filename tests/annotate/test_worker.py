"""A worker loads what the job names, and everything that it says can be sent."""

from __future__ import annotations

import os
import pickle
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from eyeward.annotate.cache import VerdictCache
from eyeward.annotate.progress import Part
from eyeward.annotate.record import read_run
from eyeward.annotate.sources import open_source
from eyeward.annotate.tasks import tasks_of
from eyeward.annotate.worker import Failed, Settled, Worker, cores, remarks, use_threads
from eyeward.errors import DataError, EyewardError, MissingExtra, PolicyError, UsageError
from tests.annotate.crews import job, silent
from tests.annotate.world import DEFAULT, EXEMPT, png, tar, troubled
from tests.evaluate.worlds import guard


def nothing(part: Part) -> None:
    """Hear how far it is, and forget it."""


def test_it_begins_the_run_and_says_which_it_is(tmp_path: Path) -> None:
    worker = Worker(job(troubled(tmp_path / "in", 1), tmp_path / "run"), nothing, True)
    ready = worker.introduction()
    assert ready.fingerprint == read_run(tmp_path / "run").fingerprint
    assert ready.owner.process == os.getpid()
    assert ready.name.endswith(f"-{os.getpid()}")
    assert pickle.loads(pickle.dumps(ready)) == ready


def test_shards_and_answers_can_be_sent(tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 1)
    asked, task = pickle.loads(
        pickle.dumps((job(source, tmp_path / "run"), tasks_of(open_source(source).shards, None)[0]))
    )
    worker = Worker(asked, nothing, True)
    settled = pickle.loads(pickle.dumps(worker.do(task, False)))
    assert isinstance(settled, Settled)
    assert settled.done
    assert (settled.part.shards_done, settled.part.unread) == (1, {})


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (UsageError("Not so."), UsageError),
        (PolicyError("Not so.", "a.yaml", 3), EyewardError),
        (MissingExtra("ray", "This"), EyewardError),
        (DataError("Not so.", "a.tar"), EyewardError),
        (OSError(28, "No space left on device", "a.parquet"), OSError),
    ],
)
def test_what_goes_wrong_can_be_sent_and_says_the_same(problem: Exception, kind: type[Exception]) -> None:
    sent = pickle.loads(pickle.dumps(Failed.by(problem))).problem
    assert type(sent) is kind
    assert str(sent) == str(problem)


def test_what_nobody_expects_comes_with_its_place() -> None:
    try:
        raise ZeroDivisionError("by nothing")
    except ZeroDivisionError as problem:
        failed = Failed.by(problem)
    assert isinstance(failed.problem, RuntimeError)
    assert "test_what_nobody_expects_comes_with_its_place" in str(failed.problem)
    assert "ZeroDivisionError: by nothing" in str(failed.problem)


def test_an_engine_that_answers_nothing_is_a_failure_and_no_row(tmp_path: Path) -> None:
    source = tar(tmp_path / "a.tar", [("a.png", png(1))])
    worker = Worker(job(source, tmp_path / "run", silent), nothing, True)
    failed = worker.do(tasks_of(open_source(source).shards, None)[0], False)
    assert isinstance(failed, Failed)
    assert "is not available" in str(failed.problem)
    assert list((tmp_path / "run").glob("*.parquet")) == []


def test_lists_of_known_images_and_the_cache_are_opened_where_it_works(tmp_path: Path) -> None:
    source = tar(tmp_path / "a.tar", [("a.png", png(1)), ("b.png", png(2))])
    (tmp_path / "list").write_text("0" * 64 + "\n")
    asked = replace(
        job(source, tmp_path / "run"), known_hashes=(tmp_path / "list",), cache=tmp_path / "cache", phash=True
    )
    worker = Worker(asked, nothing, True)
    worker.do(tasks_of(open_source(source).shards, None)[0], False)
    worker.close()
    record = read_run(tmp_path / "run")
    assert record.known_hashes is not None
    assert record.phash
    with VerdictCache(tmp_path / "cache") as cache:
        assert cache._base.execute("SELECT count(*) FROM verdicts").fetchall() == [(4,)]


def test_relative_paths_start_where_the_command_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    troubled(tmp_path / "in", 1)
    asked = replace(job(Path("in"), Path("run")), start_folder=tmp_path)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    Worker(asked, nothing, True)
    assert (tmp_path / "run" / "run.json").is_file()
    with pytest.raises(UsageError, match="Name dataset and output by whole paths"):
        Worker(replace(asked, start_folder=tmp_path / "missing"), nothing, True)


def test_threads_are_set_whether_torch_is_loaded_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "7")
    try:
        use_threads(before + 1)
        assert torch.get_num_threads() == before + 1
        assert os.environ["OMP_NUM_THREADS"] == str(before + 1)
        monkeypatch.delitem(sys.modules, "torch")
        use_threads(before)
        assert os.environ["OMP_NUM_THREADS"] == str(before)
    finally:
        torch.set_num_threads(before)
    assert cores() >= 1


def test_what_a_person_should_know_of_a_guard_is_said() -> None:
    assert remarks(guard(), [DEFAULT, EXEMPT]) == []
    assert remarks(replace(guard(), trained_to_judge=False), [DEFAULT]) == [
        "'bright' is a base to train guards from: its ratings are guesses."
    ]
