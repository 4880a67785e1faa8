"""`eyeward annotate`: what is written, what is said, what is refused."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

import eyeward
from eyeward.annotate.cache import VerdictCache
from eyeward.annotate.progress import Part, Progress
from eyeward.annotate.sources.tar import TarShard
from eyeward.annotate.worker import Job
from eyeward.cli import annotate_progress
from eyeward.cli.annotate_progress import duration, line, reporting, summary, worker_lines
from eyeward.cli.main import app
from eyeward.cli.screen import Screen
from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.errors import DataError
from eyeward.guard import Guard
from tests.annotate.crews import load_bright
from tests.annotate.films import film
from tests.annotate.s3 import OUT, serving
from tests.annotate.world import left_behind, parquet, png, rows, tar, troubled, written
from tests.evaluate.worlds import guard
from tests.fakes import by_brightness

Loads = Callable[[Guard], None]


def run(*arguments: str | Path | int) -> Result:
    return CliRunner().invoke(app, ["annotate", *map(str, arguments)])


@pytest.fixture(autouse=True)
def loads(monkeypatch: pytest.MonkeyPatch) -> Loads:
    """Load a fake guard in place of every name; the function that is returned puts in another."""

    def put(chosen: Guard) -> None:
        def load(name: str, **options: Any) -> Guard:
            return chosen

        monkeypatch.setattr(eyeward, "load_guard", load)

    put(guard())
    return put


def test_shards_are_answered_and_the_end_is_said(tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 4)
    result = run(source, "--out", tmp_path / "out", "--policy", "default", "--policy", "children", "--explain", "all")
    assert (result.exit_code, result.stdout) == (0, ""), result.output
    said = result.stderr.splitlines()[-1]  # lines of progress may stand before it
    assert said.startswith("4 shards done: ")
    assert "2 truncated" in said
    assert "2 unsupported_format" in said
    found = rows(tmp_path / "out")
    assert {row["policy_name"] for row in found} == {"default", "children"}
    assert all(row["rationale"] == "Because." for row in found if row["rating"])
    again = run(source, "--out", tmp_path / "out", "--policy", "default", "--policy", "children", "--explain", "all")
    assert "4 shards done (4 were done before)" in again.stderr


def test_a_run_in_an_object_store_is_written_and_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = troubled(tmp_path / "in", 2)
    with serving() as s3:
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        assert run(source, "--out", OUT).exit_code == 0
        assert run(source, "--out", tmp_path / "out").exit_code == 0
        assert s3.written == written(tmp_path / "out")
        assert "2 shards done (2 were done before)" in run(source, "--out", OUT).stderr
        refused = run(source, "--out", "s3://elsewhere/run")
    assert (refused.exit_code, refused.stderr.count("s3://elsewhere/run")) == (4, 1)


def test_parts_and_samples(tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 4)
    for rank in (1, 0):
        assert run(source, "--out", tmp_path / "out", "--sample", 8, "--rank", rank, "--world-size", 2).exit_code == 0
    assert len(rows(tmp_path / "out")) == 8


def test_known_images_and_verdicts_of_other_runs(tmp_path: Path) -> None:
    source = tar(tmp_path / "a.tar", [("a.png", png(1)), ("b.png", png(2))])
    (tmp_path / "list").write_text(hashlib.sha256(png(2)).hexdigest() + "\n")
    options = ("--known-hashes", tmp_path / "list", "--cache", tmp_path / "cache")
    assert run(source, "--out", tmp_path / "first", *options).exit_code == 0
    assert [(row["rating"], row["notes"]) for row in rows(tmp_path / "first")] == [
        ("Safe", []),
        ("Unsafe", ["hash_match"]),
    ]
    assert run(source, "--out", tmp_path / "second", *options).exit_code == 0
    with VerdictCache(tmp_path / "cache") as cache:
        assert cache._base.execute("SELECT count(*) FROM verdicts").fetchall() == [(1,)]
    assert written(tmp_path / "first") == written(tmp_path / "second")


def test_addresses_are_fetched_from_hosts_that_are_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"url": ["https://elsewhere.example.org/a.png"]}), tmp_path / "a.parquet")
    refused = run(tmp_path / "a.parquet", "--out", tmp_path / "no")
    assert (refused.exit_code, refused.stderr.count("--fetch-host")) == (2, 1)
    result = run(tmp_path / "a.parquet", "--out", tmp_path / "out", "--fetch-host", "images.example.org")
    assert result.exit_code == 0
    assert [row["error_type"] for row in rows(tmp_path / "out")] == ["fetch_refused"]


def test_progress_as_json_is_one_object_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotate_progress, "EVERY_SECONDS", 0.0)
    result = run(troubled(tmp_path / "in", 2), "--out", tmp_path / "out", "--log-json")
    assert result.exit_code == 0
    lines = [json.loads(text) for text in result.stdout.splitlines()]
    assert lines[-1]["event"] == "done"
    assert {text["event"] for text in lines[:-1]} == {"progress"}
    last = lines[-1]
    assert (last["shards"], last["shards_done"], last["seconds_left"]) == (2, 2, 0.0)
    assert sum(last["ratings"].values()) == last["images"] == len(rows(tmp_path / "out"))


def test_plain_lines_come_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotate_progress, "EVERY_SECONDS", 0.0)
    result = run(troubled(tmp_path / "in", 2), "--out", tmp_path / "out")
    first, *_, last = result.stderr.splitlines()
    assert first.startswith("0 of 2 shards, time left unknown, 0 images, 0 images/s")
    assert last.startswith("2 shards done: ")


def test_a_line_says_what_one_can_act_on() -> None:
    now = [0.0]
    progress = Progress(4000, clock=lambda: now[0])
    verdict = guard().assess(png(250), "default")
    progress.begin("a")
    for _ in range(1000):
        progress.add(verdict, True)
    progress.finish()
    now[0] = 10.0
    assert line(progress) == (
        "1 of 4,000 shards, 11 h 6 min left, 1,000 images, 100 images/s, 100.00% unsafe, 0.00% for review, "
        "0 errors (0.00%)"
    )
    assert summary(progress) == (
        "1 shard done: 1,000 images, 100.00% unsafe, 0.00% for review, 0 errors (0.00%); 10 s, 100 images/s."
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59, "59 s"),
        (61, "1 min 1 s"),
        (3600, "1 h 0 min"),
        (172_000, "47 h 46 min"),
        (200_000, "2 d 7 h"),
    ],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Hear Ctrl-C; shells start what runs in the background deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_says_how_to_go_on_and_leaves_what_is_finished(
    stop: signal.Signals, tmp_path: Path, loads: Loads, interruptible: None
) -> None:
    source = troubled(tmp_path / "in", 3)
    answered: list[Prompt] = []

    def interrupted(prompt: Prompt) -> RawAnswer:
        answered.append(prompt)
        if len(answered) == 15:
            os.kill(os.getpid(), stop)
        return by_brightness(prompt)

    loads(guard(interrupted))
    result = run(source, "--out", tmp_path / "out")
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1].startswith("Interrupted. What is finished lies in")
    assert [file.name for file in (tmp_path / "out").glob("*.parquet")] == ["00000.safety.parquet"]
    assert left_behind(tmp_path / "out") == []
    loads(guard())
    assert run(source, "--out", tmp_path / "out").exit_code == 0
    run(source, "--out", tmp_path / "whole")
    assert written(tmp_path / "out") == written(tmp_path / "whole")


def test_shards_that_cannot_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = troubled(tmp_path / "in", 3)
    items = TarShard.items

    def fails(self: TarShard, columns: bool = False, only: Container[int] | None = None) -> Any:
        if self.name == "00001":
            raise DataError("It cannot be read: Input/output error.", self.file)
        return items(self, columns, only)

    monkeypatch.setattr(TarShard, "items", fails)
    result = run(source, "--out", tmp_path / "out")
    assert result.exit_code == 3
    assert "00001: " in result.stderr
    assert result.stderr.splitlines()[-1] == "1 shard could not be read; start again to try once more."
    assert len(list((tmp_path / "out").glob("*.parquet"))) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing"], "There is no file or folder 'missing'"),
        (["in", "--explain", "maybe"], "not for 'maybe'"),
        (["in", "--policy", "nosuch"], "nosuch"),
        (["in", "--rank", "3"], "The rank is a number from 0 to 0"),
        (["in", "--workers", "2", "--rank", "3"], "The rank is a number from 0 to 0"),
        (["in", "--engine", "spark"], "There is no engine 'spark'"),
        (["in", "--engine", "http://host/v1#m", "--vllm"], "leave --vllm out"),
        (["in", "--engine", "ray", "--model", "http://host/v1#m", "--vllm"], "leave --vllm out"),
    ],
)
def test_wrong_usage_is_one_sentence(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    troubled(tmp_path / "in", 1)
    result = run(*arguments, "--out", "out")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert said in result.stderr
    assert not (tmp_path / "out").exists()


def test_several_workers_write_the_same_and_each_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotate_progress, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(eyeward, "load_guard", load_bright)
    source = troubled(tmp_path / "in", 4)
    monkeypatch.chdir(tmp_path)
    result = run("in", "--out", "out", "--workers", 2)
    assert (result.exit_code, result.stdout) == (0, ""), result.output
    assert "  worker 1: " in result.stderr
    assert result.stderr.splitlines()[-1].startswith("4 shards done: ")
    workers = {file.stem.rpartition("-")[2] for file in (tmp_path / "out" / "ledger").iterdir()}
    assert str(os.getpid()) not in workers
    monkeypatch.setattr(eyeward, "load_guard", lambda name, **options: guard())
    assert run("in", "--out", "alone").exit_code == 0
    assert written(tmp_path / "out") == written(tmp_path / "alone")
    assert source.is_dir()


def test_workers_are_told_of_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eyeward, "load_guard", load_bright)
    result = run(troubled(tmp_path / "in", 2), "--out", tmp_path / "out", "--workers", 2, "--log-json")
    last = json.loads(result.stdout.splitlines()[-1])
    assert sum(worker["shards_done"] for worker in last["workers"].values()) == last["shards_done"] == 2
    assert last["notes"] == []


def test_of_many_workers_a_few_are_told_of_one_by_one() -> None:
    progress = Progress(20)
    progress.workers = {f"worker {number}": Part(shard="a", images_per_second=12.4) for number in range(1, 11)}
    lines = worker_lines(progress)
    assert lines[0] == "  worker 1: a, 0 shards done, 0 images, 12 images/s"
    assert lines[8:] == ["  and 2 workers more"]


def test_notes_are_said_once_and_cannot_command_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(1)
    with reporting(Screen(), False) as watch:
        watch(progress)
        progress.notes.append("worker 1 died: \x1b[2J.")
        watch(progress)
        watch(progress)
    said = capsys.readouterr().err
    assert said.count("worker 1 died: \\x1b[2J.") == 1


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Note what is loaded."""
    found: list[tuple[str, dict[str, Any]]] = []

    def load(name: str, **options: Any) -> Guard:
        found.append((name, options))
        return guard()

    monkeypatch.setattr(eyeward, "load_guard", load)
    return found


@pytest.mark.parametrize(
    ("options", "name", "given"),
    [
        ([], "mini", {}),
        (["--engine", "local", "--dtype", "float32"], "mini", {"dtype": "float32"}),
        (["--engine", "http://host/v1#m"], "http://host/v1#m", {}),
        (["--engine", "http://host/v1", "--model", "runs/mine"], "runs/mine", {"engine": "http://host/v1"}),
        (["--model", "runs/mine", "--vllm"], "runs/mine", {"engine": "vllm"}),
        (["--model", "http://host/v1", "--max-tiles", "4"], "http://host/v1", {"max_tiles": 4}),
    ],
)
def test_the_guard_runs_where_it_is_told_to(
    options: list[str], name: str, given: dict[str, Any], tmp_path: Path, loaded: list[tuple[str, dict[str, Any]]]
) -> None:
    result = run(tar(tmp_path / "a.tar", [("a.png", png(1))]), "--out", tmp_path / "out", *options)
    assert result.exit_code == 0, result.output
    assert loaded == [(name, {"device": "auto", **given})]


def test_on_a_cluster_the_guard_is_loaded_by_its_workers_and_not_here(
    tmp_path: Path, loaded: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Job, int | None, dict[str, Any]]] = []

    def on_ray(job: Job, shards: Any, workers: int | None, **options: Any) -> Progress:
        progress = Progress(1)
        options.pop("watch")(progress)
        asked.append((job, workers, options))
        return progress

    monkeypatch.setattr("eyeward.annotate.on_ray.annotate_on_ray", on_ray)
    source = tar(tmp_path / "a.tar", [("a.png", png(1))])
    assert run(source, "--out", tmp_path / "out", "--engine", "ray", "--workers", 3, "--sample", 1).exit_code == 0
    monkeypatch.chdir(tmp_path)
    assert run("a.tar", "--out", tmp_path / "out", "--engine", "ray", "--vllm").exit_code == 0
    assert loaded == []
    whole, relative = asked
    assert (whole[0].sample, whole[0].start_folder, whole[1:]) == (1, None, (3, {"rank": 0, "world_size": 1}))
    assert (relative[0].start_folder, relative[1]) == (tmp_path, None)
    assert whole[0].guard().model.name == "bright"
    assert loaded == [("mini", {"device": "auto"})]
    relative[0].guard()
    assert loaded[1:] == [("mini", {"device": "auto", "engine": "vllm"})]


def test_another_run_is_refused_and_nothing_changes(tmp_path: Path, loads: Loads) -> None:
    source = tar(tmp_path / "a.tar", [("a.png", png(140))])
    run(source, "--out", tmp_path / "out")
    before = written(tmp_path / "out")
    loads(guard(threshold=0.9))
    result = run(source, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "guard.rule.threshold is 0.9 and was 0.5" in result.stderr
    assert written(tmp_path / "out") == before


def test_what_is_kept_is_exported_and_its_lists_told(tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 4)
    run(source, "--out", tmp_path / "run")
    result = CliRunner().invoke(app, ["export", str(tmp_path / "run"), "--out", str(tmp_path / "out")])
    assert (result.exit_code, result.stdout) == (0, ""), result.output
    safe = [row for row in rows(tmp_path / "run") if row["rating"] == "Safe"]
    assert result.stderr.startswith(f"{len(safe)} images kept, ")
    assert "2 error" in result.stderr
    assert {"kept.parquet", "removed.parquet", "00000.tar"} <= {file.name for file in (tmp_path / "out").iterdir()}
    listed = CliRunner().invoke(
        app, ["export", str(tmp_path / "run"), "--out", str(tmp_path / "lists"), "--lists-only", "--keep-review"]
    )
    assert listed.exit_code == 0
    assert sorted(file.name for file in (tmp_path / "lists").iterdir()) == ["kept.parquet", "removed.parquet"]


def test_a_question_is_answered_as_table_lines_or_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    run(tar(tmp_path / "a.tar", [("a\x1b[2J.png", png(250)), ("b.png", png(2))]), "--out", tmp_path / "run")
    sql = "select key, rating, error_type, p_unsafe > 0.5 as likely from verdicts order by index"

    def asked(*options: str) -> Result:
        return CliRunner().invoke(app, ["query", str(tmp_path / "run"), sql, *options])

    table = asked()
    assert table.exit_code == 0, table.output
    assert "Unsafe" in table.stdout
    assert "\x1b[2J" not in table.stdout
    lines = [json.loads(text) for text in asked("--format", "jsonl").stdout.splitlines()]
    assert lines[1] == {"key": "b", "rating": "Safe", "error_type": None, "likely": False}
    assert "\x1b" not in asked("--format", "jsonl").stdout
    assert asked("--format", "csv").stdout.splitlines()[::2] == ["key,rating,error_type,likely", "b,Safe,,False"]
    wrong = CliRunner().invoke(app, ["query", str(tmp_path / "run"), "select nothing"])
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "cannot be answered" in wrong.stderr


def test_frames_of_videos_are_taken_as_they_are_asked_for(tmp_path: Path) -> None:
    film(tmp_path / "in" / "a.mp4", [20, 240, 20, 20, 20])
    for name, options, frames in (("a", "--frames 2", 2), ("b", "--every 0.1", 5), ("c", "", 5)):
        out = tmp_path / name
        result = run(tmp_path / "in", "--out", out, *options.split())
        assert result.exit_code == 0, result.output
        (row,) = rows(out)
        assert len(row["frames"]) == frames
    assert row["rating"] == "Unsafe"
    for options, said in (
        ("--frames 2 --every 1", "name one of the two"),
        ("--every 0", "more than 0 seconds apart"),
    ):
        result = run(tmp_path / "in", "--out", tmp_path / "no", *options.split())
        assert (result.exit_code, said in result.stderr) == (2, True), result.output
    shard = tar(tmp_path / "s.tar", [("a.png", png(250)), ("b.mp4", (tmp_path / "in" / "a.mp4").read_bytes())])
    assert run(shard, "--out", tmp_path / "packed", "--kind", "video").exit_code == 0
    assert [(row["key"], row["rating"]) for row in rows(tmp_path / "packed")] == [("a", "Unsafe"), ("b", "Unsafe")]
    source = parquet(tmp_path / "a.parquet", [png(1)])
    result = run(source, "--out", tmp_path / "no", "--frames", 3)
    assert (result.exit_code, "is said of videos" in result.stderr) == (2, True), result.output


def test_what_is_kept_is_exported_in_other_forms(tmp_path: Path) -> None:
    run(tar(tmp_path / "a.tar", [("a.png", png(1)), ("b.png", png(250))]), "--out", tmp_path / "run")

    def exported(name: str, *options: str) -> Result:
        return CliRunner().invoke(app, ["export", str(tmp_path / "run"), "--out", str(tmp_path / name), *options])

    assert exported("look", "--format", "fiftyone").exit_code == 0
    assert (tmp_path / "look" / "fiftyone" / "data" / "00000000.png").read_bytes() == png(1)
    for_hub = exported("hub", "--format", "datasets", "--licence", "mit")
    folder = tmp_path / "hub" / "dataset"
    assert for_hub.exit_code == 0
    assert f"`eyeward data push {folder} OWNER/NAME` shows what would leave" in for_hub.stderr
    pushed = CliRunner().invoke(app, ["data", "push", str(folder), "somebody/kept"])
    assert (pushed.exit_code, "1 rows; licences: mit 1." in pushed.stdout) == (0, True), pushed.output
    refused = exported("no", "--format", "fiftyone", "--licence", "mit")
    assert (refused.exit_code, "leave --licence out" in refused.stderr) == (2, True)
