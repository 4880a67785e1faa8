"""`eyeward data export`: what is written, what is said, and which options mean something."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eyeward.cli.main import app
from eyeward.data.folder import SampleFolder
from eyeward.scenes.labels import write_scenes
from tests.data.exporting.exports import by_content


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["data", *map(str, arguments)], terminal_width=200)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("form", ["parquet", "llava", "llama-factory", "ms-swift"])
def test_every_form_is_written_and_imported_again(tmp_path: Path, form: str) -> None:
    write_scenes(tmp_path / "scenes", 6, 1, size=40)
    code, stdout, stderr = run("export", tmp_path / "scenes", "--out", tmp_path / "out", "--format", form)
    assert (code, stderr) == (0, "")
    assert stdout.startswith("6 samples of 6 rows in")
    assert "train 6 (1 file)" in stdout
    run("import", tmp_path / "out", "--out", tmp_path / "again")
    assert by_content(SampleFolder(tmp_path / "again")) == by_content(SampleFolder(tmp_path / "scenes"))


def test_parquet_is_cut_into_files_of_a_size_and_says_so_in_json(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", 40, 1, size=400)
    code, stdout, _ = run(
        *("export", tmp_path / "scenes", "--out", tmp_path / "out", "--format", "parquet", "--shard-mb", 1, "--json")
    )
    report = json.loads(stdout)
    assert code == 0
    assert report["rows"]["taken"] == 40
    files = report["sides"]["train"]["files"]
    total = sum((tmp_path / "out" / file).stat().st_size for file in files)
    assert len(files) >= total // 1_100_000
    assert all((tmp_path / "out" / file).stat().st_size < 1_100_000 for file in files)


def test_what_is_left_out_and_what_is_unknown_is_said(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", 3, 1, size=40)
    labels = tmp_path / "scenes" / "labels.jsonl"
    rows = [json.loads(line) for line in labels.read_text(encoding="utf-8").splitlines()]
    rows[0]["licence"] = rows[1]["rationale"] = None
    rows[2]["image"] = "images/gone.png"
    labels.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    code, stdout, stderr = run("export", tmp_path / "scenes", "--out", tmp_path / "out", "--format", "llava")
    assert code == 0
    assert "2 samples of 3 rows" in stdout
    assert "not_found" in stdout
    assert "1 answer without a rationale" in stderr
    assert "The licence of 1 sample is not stated" in stderr


def test_conversations_are_worded_like_the_guard_that_is_named(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", 1, 1, size=40)
    run(*("export", tmp_path / "scenes", "--out", tmp_path / "out"), *("--format", "llava", "--like", "published-2024"))
    (row,) = json.loads((tmp_path / "out" / "train.json").read_text(encoding="utf-8"))
    assert row["conversations"][0]["value"].startswith("<image>\nCheck if there is unsafe content")
    assert '\n    "decision": "' in row["conversations"][1]["value"]


@pytest.mark.parametrize(
    ("form", "options", "words"),
    [
        ("parquet", ("--like", "mini"), "--like means nothing for parquet"),
        ("llava", ("--shard-mb", 1), "--shard-mb means nothing for llava"),
        ("llava", ("--prefix", "x"), "--prefix means nothing for llava"),
        ("parquet", ("--as-annotations",), "--as-annotations means nothing for parquet"),
        ("label-studio", ("--like", "mini"), "--like means nothing for label-studio"),
        ("label-studio", ("--json",), "--json means nothing for label-studio"),
        ("llava", ("--like", "none"), "There is no guard 'none'"),
    ],
)
def test_an_option_that_means_nothing_is_wrong_usage(
    tmp_path: Path, form: str, options: tuple[object, ...], words: str
) -> None:
    write_scenes(tmp_path / "scenes", 1, 1, size=40)
    code, stdout, stderr = run(*("export", tmp_path / "scenes", "--out", tmp_path / "out", "--format", form, *options))
    assert (code, stdout) == (2, "")
    assert words in stderr
    assert not (tmp_path / "out").exists()
