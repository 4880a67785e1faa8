"""What reads a run reads files; of a run in a store it is given copies, and only what is new is fetched."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from eyeward.annotate.copies import Copy, local_copy
from eyeward.annotate.object_store import ObjectFolder
from eyeward.annotate.run import annotate
from eyeward.cli.main import app
from eyeward.errors import ErrorType, UsageError
from tests.annotate.s3 import OUT, FakeS3, serving
from tests.annotate.test_run import failing_at
from tests.annotate.world import parquet, pictures, png, tar, written
from tests.evaluate.worlds import guard


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeS3]:
    with serving() as server:
        for name, value in {**server.environment, "XDG_CACHE_HOME": str(tmp_path / "caches")}.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name, levels in (("a", (1, 200)), ("b", (2, 201, 3))):
        tar(tmp_path / "in" / f"{name}.tar", [(f"{name}{level}.png", png(level)) for level in levels])
    return tmp_path / "in"


def fetched(s3: FakeS3) -> list[str]:
    """Return the answers that were asked for since the last time."""
    found = sorted(key for method, key in s3.requests if method == "GET" and key.endswith(".safety.parquet"))
    s3.requests.clear()
    return found


def test_only_what_is_new_or_has_changed_is_fetched_and_what_is_gone_goes(source: Path, s3: FakeS3) -> None:
    annotate(source, OUT, guard(failing_at(2, ErrorType.deadline)))
    fetched(s3)
    folder = local_copy(OUT)
    assert folder.name == "run"
    assert written(folder) == s3.written
    assert fetched(s3) == ["run/a.safety.parquet", "run/b.safety.parquet"]
    assert local_copy(OUT) == folder
    assert fetched(s3) == []
    annotate(source, OUT, guard(), retry_failed=True)
    fetched(s3)
    assert written(local_copy(OUT)) == s3.written
    assert fetched(s3) == ["run/b.safety.parquet"]
    del s3.objects["run/a.safety.parquet"]
    assert written(local_copy(OUT)) == s3.written
    (folder / "b.safety.parquet").unlink()
    assert written(local_copy(OUT)) == s3.written


def test_what_was_fetched_before_an_interruption_is_not_fetched_again(
    source: Path, s3: FakeS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotate(source, OUT, guard())
    whole = s3.objects["run/b.safety.parquet"]
    read = ObjectFolder.read

    def interrupted(self: ObjectFolder, name: str, last: int | None = None) -> bytes | None:
        return None if name == "b.safety.parquet" else read(self, name, last)

    monkeypatch.setattr(ObjectFolder, "read", interrupted)
    monkeypatch.setattr(ObjectFolder, "at_once", 1)
    with pytest.raises(OSError, match="was taken away meanwhile"):
        local_copy(OUT)
    monkeypatch.setattr(ObjectFolder, "read", read)
    assert s3.objects["run/b.safety.parquet"] == whole
    fetched(s3)
    assert written(local_copy(OUT)) == s3.written
    assert fetched(s3) == ["run/b.safety.parquet"]


def test_the_folder_of_a_run_is_its_own_copy(source: Path, tmp_path: Path) -> None:
    annotate(source, tmp_path / "run", guard())
    assert local_copy(tmp_path / "run") == tmp_path / "run"


def test_where_no_run_is_there_is_nothing_to_copy(s3: FakeS3) -> None:
    with pytest.raises(UsageError, match="s3://bucket/run holds no run"):
        local_copy(OUT)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_run_in_a_store_is_asked_exported_audited_and_sampled(source: Path, s3: FakeS3, tmp_path: Path) -> None:
    annotate(source, OUT, guard())
    annotate(source, "s3://bucket/second", guard(threshold=0.9))
    query = run("query", OUT, "select key from verdicts where rating = 'Safe' order by key", "--format", "csv")
    assert (query.exit_code, query.stdout.split()) == (0, ["key", "a1", "b2", "b3"])
    export = run("export", OUT, "--out", tmp_path / "kept")
    assert export.exit_code == 0, export.output
    assert sorted(path.name for path in (tmp_path / "kept").glob("*.tar")) == ["a.tar", "b.tar"]
    audit = run("audit", OUT, "--against", "s3://bucket/second")
    assert audit.exit_code == 0, audit.output
    assert b"<html" in s3.objects["run/report.html"].data
    assert b'"images": 5' in s3.objects["run/audit.json"].data
    sample = run("audit", "sample", OUT, "-n", "4", "--out", tmp_path / "labels.csv")
    assert sample.exit_code == 0, sample.output
    assert len((tmp_path / "labels.csv").read_text().splitlines()) > 1


def sent(s3: FakeS3, place: str) -> dict[str, bytes]:
    """Return what lies below a place."""
    return {key.removeprefix(place): stored.data for key, stored in s3.objects.items() if key.startswith(place)}


def test_what_is_kept_of_archives_and_tables_is_written_to_a_store_as_to_a_folder(
    source: Path, s3: FakeS3, tmp_path: Path
) -> None:
    tables = parquet(tmp_path / "tables" / "t.parquet", [png(level) for level in (5, 250, 6)], caption=["a", "b", "c"])
    for of, name in ((source, "archives"), (tables, "table")):
        annotate(of, tmp_path / name, guard())
        assert run("export", tmp_path / name, "--out", tmp_path / f"kept-{name}").exit_code == 0
        s3.requests.clear()
        export = run("export", tmp_path / name, "--out", f"s3://bucket/{name}")
        assert export.exit_code == 0, export.output
        assert f"written to s3://bucket/{name}." in export.stderr.replace("\n", " ")
        here = tmp_path / f"kept-{name}"
        assert sent(s3, f"{name}/") == {path.name: path.read_bytes() for path in here.iterdir()}
        assert s3.requests[-1] == ("PUT", f"{name}/kept.parquet"), "where this is everything is"
    again = run("export", tmp_path / "table", "--out", "s3://bucket/table")
    assert (again.exit_code, "s3://bucket/table is not empty" in again.stderr) == (2, True)


def test_links_to_loose_files_are_not_written_to_a_store_and_lists_are(s3: FakeS3, tmp_path: Path) -> None:
    annotate(pictures(tmp_path / "in", [5, 250, 6]), tmp_path / "run", guard())
    export = run("export", tmp_path / "run", "--out", "s3://bucket/kept")
    assert (export.exit_code, "a store has no links" in " ".join(export.stderr.split())) == (2, True)
    form = run("export", tmp_path / "run", "--out", "s3://bucket/kept", "--format", "fiftyone")
    assert (form.exit_code, "in a folder of this machine" in " ".join(form.stderr.split())) == (2, True)
    assert s3.objects == {}
    lists = run("export", tmp_path / "run", "--out", "s3://bucket/kept", "--lists-only")
    assert lists.exit_code == 0, lists.output
    assert sorted(sent(s3, "kept/")) == ["kept.parquet", "removed.parquet"]


def test_a_copy_that_was_looked_at_before_the_run_went_on_takes_nothing_away(source: Path, s3: FakeS3) -> None:
    annotate(source / "a.tar", OUT, guard())
    early = Copy(OUT)
    s3.objects.clear()
    annotate(source / "b.tar", OUT, guard())
    folder = local_copy(OUT)
    assert early.bring() == folder
    assert written(folder) == s3.written


def test_an_old_answer_that_comes_late_does_not_stay_in_the_place_of_a_new_one(
    source: Path, s3: FakeS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotate(source, OUT, guard(failing_at(2, ErrorType.deadline)))
    read = ObjectFolder.read
    has_read, may_go_on = threading.Event(), threading.Event()

    def slowly(self: ObjectFolder, name: str, last: int | None = None) -> bytes | None:
        found = read(self, name, last)
        if (name, last) == ("b.safety.parquet", None) and not has_read.is_set():
            has_read.set()
            assert may_go_on.wait(60)
        return found

    monkeypatch.setattr(ObjectFolder, "read", slowly)
    first = threading.Thread(target=local_copy, args=(OUT,))
    first.start()
    assert has_read.wait(60)
    annotate(source, OUT, guard(), retry_failed=True)
    new = s3.objects["run/b.safety.parquet"].data

    def fetched_by_second() -> None:
        copies = (Path(os.environ["XDG_CACHE_HOME"]) / "eyeward").rglob("b.safety.parquet")
        if any(copy.read_bytes() == new for copy in copies):
            may_go_on.set()
            first.join(60)

    second = threading.Thread(target=lambda: Copy(OUT).bring(fetched_by_second))
    second.start()
    may_go_on.wait(1)  # the second one waits for the first, and does not come so far
    may_go_on.set()
    for thread in (first, second):
        thread.join(60)
    assert written(local_copy(OUT)) == s3.written
