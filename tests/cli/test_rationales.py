"""`eyeward rationales`: what is written, what is said, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import eyeward
from eyeward.cli.main import app
from eyeward.data.folder import SampleFolder
from eyeward.data.rationales.origin import Writer
from eyeward.data.rationales.report import RationaleReport
from eyeward.engine.remote.servers import ServerKind
from eyeward.guard import Guard
from eyeward.scenes.labels import write_scenes
from tests.data.rationales.classroom import SEEN, asked, failure, plain, read, teacher, writing, written
from tests.engine.remote.fake_model import FakeModel
from tests.engine.remote.fake_server import FakeServer

WRONG = " Nothing in the image violates the policy."


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["rationales", *map(str, arguments)], terminal_width=200)


@pytest.fixture
def guards(monkeypatch: pytest.MonkeyPatch) -> dict[str, Guard]:
    """Load these in the place of guards of their names."""
    monkeypatch.setenv("COLUMNS", "160")
    known = {"good": teacher(writing(SEEN), "good"), "bad": teacher(writing(WRONG), "bad")}
    known["away"] = teacher(writing(failure()), "away")
    monkeypatch.setattr(eyeward, "load_guard", lambda name, device: known[name])
    return known


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path / "in", [plain(number) for number in range(4)])


def test_a_teacher_writes_and_the_report_says_how(guards: Any, folder: Path, tmp_path: Path) -> None:
    result = run(folder, "--out", tmp_path / "out", "--teacher", "bad", "--teacher", "good")
    assert (result.exit_code, result.stderr) == (0, "")
    first, second, third = result.stdout.splitlines()
    assert first.endswith("out: 4 by a teacher.")
    assert second == "7 attempts at 4 labels; kept: plain 4."
    assert third == "Attempts refused: contradicts rating 3."
    assert [each.rationale for each in read(tmp_path / "out")] == [SEEN.strip()] * 2 + [WRONG.strip(), SEEN.strip()]


def test_scenes_have_reasons_of_their_own_and_other_images_those_of_the_rules(folder: Path, tmp_path: Path) -> None:
    labels = write_scenes(tmp_path / "scenes", 6, 1, size=40)
    result = run(tmp_path / "scenes", "--out", tmp_path / "a", "--from-rules", "--rewrite")
    assert result.exit_code == 0
    assert "6 from scenes" in result.stdout
    found = list(SampleFolder(tmp_path / "a"))
    assert [each.rationale for each in found] == [label.rationale for label in labels]
    assert {each.rationale_from.writer for each in found if each.rationale_from} == {Writer.scene}
    assert "4 from rules." in run(folder, "--out", tmp_path / "b", "--from-rules").stdout


def test_the_report_in_json_is_the_one_in_the_folder(guards: Any, folder: Path, tmp_path: Path) -> None:
    result = run(folder, "--out", tmp_path / "out", "--teacher", "good", "--limit", 2, "--json")
    report = RationaleReport.model_validate_json(result.stdout)
    assert json.loads(result.stdout) == json.loads((tmp_path / "out" / "rationales.json").read_text(encoding="utf-8"))
    assert (report.samples, report.written) == (2, {"teacher": 2})


def test_retries_are_as_many_as_asked_for(guards: dict[str, Guard], folder: Path, tmp_path: Path) -> None:
    run(folder, "--out", tmp_path / "out", "--teacher", "bad", "--retries", 0)
    assert len(asked(guards["bad"])) == 4
    result = run(folder, "--out", tmp_path / "more", "--teacher", "bad", "--retries", 4)
    assert len(asked(guards["bad"])) == 4 + 3 * 5 + 1
    assert "3 without a reason" in result.stdout
    assert "contradicts_rating" in result.stdout


def test_a_teacher_that_does_not_answer_is_said_and_has_an_exit_code(guards: Any, folder: Path, tmp_path: Path) -> None:
    result = run(folder, "--out", tmp_path / "out", "--teacher", "away", "--from-rules")
    assert result.exit_code == 3
    assert result.stderr == "No teacher answered about 4 samples; the same command asks about them again.\n"
    assert "4 from rules" in result.stdout
    assert "Nobody is there." in result.stdout


def test_wrong_usage_is_one_sentence(guards: Any, folder: Path, tmp_path: Path) -> None:
    for arguments, said in (
        ((folder, "--out", tmp_path / "out"), "Nobody is to write the reasons"),
        ((folder, "--out", tmp_path / "out", "--teacher", "good", "--teacher", "good"), "given twice"),
        ((tmp_path, "--out", tmp_path / "out", "--from-rules"), "no labels.jsonl"),
        ((folder, "--out", folder, "--from-rules"), "is not empty"),
    ):
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        (sentence,) = result.stderr.splitlines()
        assert said in sentence
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", [ServerKind.vllm, ServerKind.openai])
def test_a_model_behind_a_server_teaches(kind: ServerKind, folder: Path, tmp_path: Path) -> None:
    model = FakeModel()
    model.rationale = "The image shows a grey wall."
    with FakeServer(kind, model) as server:
        result = run(folder, "--out", tmp_path / "out", "--teacher", f"zero_shot:{server.address}")
    assert result.exit_code == 0, result.stderr
    found = read(tmp_path / "out")
    assert [each.rationale for each in found] == [model.rationale] * 4
    origins = [each.rationale_from for each in found]
    assert {origin.teacher.engine for origin in origins if origin and origin.teacher} == {f"remote:{kind.value}"}
