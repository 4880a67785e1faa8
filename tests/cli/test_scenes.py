from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eyeward.cli.main import app
from eyeward.scenes.facts import Context
from eyeward.scenes.reserve import pair_is_reserved


def render(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["scenes", "render", *arguments])
    return result.exit_code, result.stdout, result.stderr


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def labels(folder: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (folder / "labels.jsonl").read_text(encoding="utf-8").splitlines()]


def test_render_writes_images_labels_and_a_contact_sheet(tmp_path: Path) -> None:
    out = tmp_path / "scenes"
    code, stdout, _ = render("--count", "7", "--seed", "3", "--size", "40", "--out", str(out))
    assert code == 0
    assert stdout.startswith("7 scenes in")
    assert sorted(path.name for path in out.iterdir()) == ["contact_sheet.png", "images", "labels.jsonl"]
    assert {label["image"] for label in labels(out)} == {f"images/{number:06d}.png" for number in range(7)}


def test_a_folder_that_cannot_be_made_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, stdout, stderr = render("--out", str(tmp_path / "file" / "scenes"))
    assert (code, stdout) == (2, "")
    assert stderr == f"The folder {tmp_path}/file/scenes cannot be made: Not a directory; name another.\n"


@pytest.mark.parametrize("style", ["flat", "ink"])
def test_the_same_seed_writes_the_same_bytes(tmp_path: Path, style: str) -> None:
    for name in ("first", "second"):
        render("--count", "5", "--seed", "3", "--size", "40", "--style", style, "--out", str(tmp_path / name))
    render("--count", "5", "--seed", "4", "--size", "40", "--style", style, "--out", str(tmp_path / "other"))
    first, second, other = (files(tmp_path / name) for name in ("first", "second", "other"))
    assert len(first) == 7
    assert first == second
    assert first["labels.jsonl"] != other["labels.jsonl"]


def test_the_split_is_written_into_the_labels(tmp_path: Path) -> None:
    render("--count", "3", "--split", "test", "--size", "40", "--out", str(tmp_path / "scenes"))
    assert {label["split"] for label in labels(tmp_path / "scenes")} == {"test"}


def test_reserved_pairs_can_be_drawn_for_testing_alone(tmp_path: Path) -> None:
    out = tmp_path / "reserved"
    code, _, _ = render("--count", "5", "--split", "test", "--pairs", "reserved", "--size", "40", "--out", str(out))
    assert code == 0
    graphs = [json.loads(line)["scene"] for line in (out / "labels.jsonl").read_text(encoding="utf-8").splitlines()]
    assert all(pair_is_reserved(graph["motif"], Context(graph["context"])) for graph in graphs)
    code, _, stderr = render("--pairs", "reserved", "--out", str(tmp_path / "refused"))
    assert code == 2
    assert "kept for testing" in stderr
    assert not (tmp_path / "refused").exists()


def test_a_folder_with_something_in_it_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("kept")
    code, stdout, stderr = render("--count", "1", "--out", str(tmp_path))
    assert code == 2
    assert "is not empty" in stderr
    assert stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


@pytest.mark.parametrize("arguments", [["--count", "0"], ["--style", "oil"], ["--size", "8"], ["--split", "all"]])
def test_wrong_usage_exits_with_two(tmp_path: Path, arguments: list[str]) -> None:
    code, _, _ = render(*arguments, "--out", str(tmp_path / "scenes"))
    assert code == 2
    assert not (tmp_path / "scenes").exists()
