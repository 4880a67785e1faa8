"""What reads a run reads files; of a run in a store it is given copies, and only what is new is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from eyeward.annotate.copies import local_copy
from eyeward.annotate.object_store import ObjectFolder
from eyeward.annotate.run import annotate
from eyeward.cli.main import app
from eyeward.errors import ErrorType, UsageError
from tests.annotate.s3 import OUT, FakeS3, serving
from tests.annotate.test_run import failing_at
from tests.annotate.world import png, tar, written
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


def test_an_export_is_no_object(source: Path, s3: FakeS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    annotate(source, tmp_path / "run", guard())
    monkeypatch.chdir(tmp_path)
    refused = run("export", "run", "--out", "s3://bucket/kept")
    assert (refused.exit_code, refused.stderr.count("is no folder; export to one")) == (2, 1)
    assert not (tmp_path / "s3:").exists()
