"""Actors of a Ray cluster write what one process writes, whichever of them dies."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import eyeward
from eyeward.annotate.on_ray import RayWorker, Share, annotate_on_ray
from eyeward.annotate.progress import Part, Progress
from eyeward.annotate.run import annotate
from eyeward.annotate.sources import open_source
from eyeward.annotate.tasks import tasks_of
from eyeward.annotate.worker import Ready, Settled
from eyeward.errors import EyewardError, MissingExtra, UsageError
from eyeward.guard import EyewardCard, Guard
from tests.annotate.crews import bright, deadly, fickle, job, silent, slow
from tests.annotate.world import DEFAULT, EXEMPT, left_behind, png, rows, tar, troubled, written
from tests.engine.local.tiny import Naming, make_checkpoint
from tests.engine.vllm.fake_vllm import LLM, install
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


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Start Ray with four processors, which it counts and does not look for."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    ray.init(
        num_cpus=4,
        num_gpus=0,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=100 * 2**20,
        _node_ip_address="127.0.0.1",
    )
    yield ray
    ray.shutdown()


def on_ray(source: Path, out: Path, load: Callable[[], Guard] = bright, workers: int = 2) -> Progress:
    return annotate_on_ray(job(source, out, load), open_source(source).shards, workers)


def test_two_actors_write_what_one_process_writes(
    source: Path, uninterrupted: dict[str, bytes], cluster: object, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    progress = on_ray(source, out)
    assert written(out) == uninterrupted
    assert left_behind(out) == []
    assert progress.shards_done == SHARDS
    assert progress.images == progress.images_here == sum(part.images_here for part in progress.workers.values())
    lines = [json.loads(line) for ledger in (out / "ledger").iterdir() for line in ledger.read_text().splitlines()]
    assert str(os.getpid()) not in {line["worker"].rpartition("-")[2] for line in lines}


def test_an_actor_that_is_killed_in_the_midst_of_a_shard_is_named_and_its_shard_judged_again(
    source: Path, uninterrupted: dict[str, bytes], cluster: object, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    progress = on_ray(source, out, partial(deadly, tmp_path / "killed"))
    assert (tmp_path / "killed").exists()
    (note,) = progress.notes
    assert "died at shard '00001': " in note
    assert written(out) == uninterrupted
    assert left_behind(out) == []


def test_a_finished_run_starts_one_actor_and_changes_nothing(source: Path, cluster: object, tmp_path: Path) -> None:
    out = tmp_path / "run"
    annotate(source, out, guard(), (DEFAULT, EXEMPT))
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    progress = on_ray(source, out)
    assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == before
    assert (progress.shards_before, progress.images_here, len(progress.workers)) == (SHARDS, 0, 1)


def test_an_interrupt_drops_what_is_under_way_and_it_can_be_gone_on_with(
    source: Path, cluster: object, tmp_path: Path
) -> None:
    out = tmp_path / "run"

    def watch(progress: Progress) -> None:
        if len([part for part in progress.workers.values() if part.shard is not None]) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        annotate_on_ray(job(source, out, slow), open_source(source).shards, 2, watch=watch)
    assert left_behind(out) == []
    assert len(list(out.glob("*.parquet"))) < SHARDS
    on_ray(source, out, partial(slow, 0.0))
    annotate(source, tmp_path / "whole", slow(0.0), (DEFAULT, EXEMPT))
    assert written(out) == written(tmp_path / "whole")


def test_what_an_actor_cannot_do_is_raised_here(source: Path, cluster: object, tmp_path: Path) -> None:
    with pytest.raises(EyewardError, match="is not available"):
        on_ray(source, tmp_path / "run", silent)
    assert left_behind(tmp_path / "run") == []


def test_an_actor_on_a_machine_that_decides_otherwise_is_refused(source: Path, cluster: object, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"guard\.rule\.threshold is 0\.7 and was 0\.5"):
        on_ray(source, tmp_path / "run", partial(fickle, tmp_path / "first"))


def test_more_workers_than_processors_are_refused(source: Path, cluster: object, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There are 4 processors for 5 workers"):
        on_ray(source, tmp_path / "run", workers=5)
    assert not (tmp_path / "run").exists()


def test_without_ray_it_is_said_how_to_get_it(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("eyeward.annotate.on_ray.import_module", missing)
    with pytest.raises(MissingExtra, match=r"pip install 'eyeward\[ray\]'"):
        on_ray(source, tmp_path / "run")


CPUS = {"CPU": 16.0}
GPUS = {"CPU": 33.0, "GPU": 8.0}


@pytest.mark.parametrize(
    ("nodes", "workers", "share"),
    [
        ([CPUS], None, Share(1, 16, 0)),
        ([CPUS, CPUS, {"memory": 1.0}], None, Share(2, 16, 0)),
        ([CPUS, CPUS], 3, Share(3, 8, 0)),
        ([CPUS, {"CPU": 4.0}], None, Share(2, 8, 0)),
        ([{"CPU": 4.0}], 2, Share(2, 2, 0)),
        ([GPUS, GPUS], None, Share(16, 4, 1)),
        ([GPUS, CPUS], 3, Share(3, 4, 1)),
        ([{"CPU": 2.0, "GPU": 4.0}], None, Share(4, 0, 1)),
    ],
)
def test_a_cluster_is_shared_out(nodes: list[dict[str, float]], workers: int | None, share: Share) -> None:
    assert Share.of(nodes, workers) == share


@pytest.mark.parametrize(
    ("nodes", "workers", "said"),
    [
        ([GPUS], 9, "There are 8 GPUs for 9 workers"),
        ([CPUS], 17, "There are 16 processors for 17 workers"),
        ([CPUS], 0, "for 0 workers"),
        ([{"memory": 1.0}], None, "There are 0 processors"),
    ],
)
def test_a_cluster_that_is_too_small_is_refused(nodes: list[dict[str, float]], workers: int | None, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Share.of(nodes, workers)


def test_a_cache_is_refused_where_several_machines_would_write_it(source: Path, tmp_path: Path) -> None:
    nodes = [{"Alive": True, "Resources": CPUS}] * 2 + [{"Alive": False, "Resources": CPUS}]
    cluster = type("Ray", (), {"nodes": lambda self: nodes, "is_initialized": lambda self: True})()
    asked = replace(job(source, tmp_path / "run"), cache=tmp_path / "cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eyeward.annotate.on_ray.import_module", lambda name: cluster)
        with pytest.raises(UsageError, match="leave --cache out"):
            annotate_on_ray(asked, open_source(source).shards)


def test_an_actor_says_how_far_it_is_while_it_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("MKL_NUM_THREADS", "1")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    long = tar(tmp_path / "a.tar", [(f"{number:02}.png", png(number)) for number in range(24)])  # two batches
    asked = replace(job(long, tmp_path / "run", slow), cache=tmp_path / "cache")
    actor = RayWorker(asked, True, 1)
    while not isinstance(ready := actor.news(0.1), Ready):
        assert ready == Part()
    actor.ask(tasks_of(open_source(long).shards, None)[0], False)
    heard = []
    while not isinstance(news := actor.news(0.1), Settled):
        assert isinstance(news, Part)
        heard.append(news)
    assert (heard[-1].shard, heard[-1].under_way.images) == ("a", heard[-1].images_here)
    assert news.part.shards_done == 1
    assert isinstance(actor.news(0.0), Part), "when it does nothing there is nothing new"
    actor.stop()


def test_an_actor_runs_vllm_in_its_own_process_and_writes_what_the_local_engine_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "1")
    weights = tmp_path / "tiny"
    weights.mkdir()
    make_checkpoint(weights, naming=Naming.published)
    EyewardCard(name="tiny").write(weights)
    made: list[LLM] = []
    install(monkeypatch, made)
    images = tar(tmp_path / "a.tar", [("a.png", png(1)), ("b.png", b"no image"), ("c.png", png(200))])
    actor = RayWorker(
        job(images, tmp_path / "run", partial(eyeward.load_guard, weights, engine="vllm", self_check="off")), True, 1
    )
    while not isinstance(ready := actor.news(0.1), Ready):
        assert ready == Part()
    assert os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0", "an actor that is killed leaves no vLLM behind"
    actor.ask(tasks_of(open_source(images).shards, None)[0], False)
    while not isinstance(news := actor.news(0.1), Settled):
        assert isinstance(news, Part)
    actor.stop()
    assert news.done and len(made) == 1
    here = eyeward.load_guard(weights, dtype="float32", self_check="off")
    annotate(images, tmp_path / "here", here, (DEFAULT, EXEMPT))
    for mine, yours in zip(rows(tmp_path / "run"), rows(tmp_path / "here"), strict=True):
        same = ("key", "index", "policy_hash", "status", "rating", "category", "error_type")
        assert [mine[name] for name in same] == [yours[name] for name in same]
        assert mine["p_unsafe"] == pytest.approx(yours["p_unsafe"], abs=1e-4)
        assert (mine["model_engine"], yours["model_engine"]) == ("vllm", "local")
