"""`eyeward models check`: a line for each check, an exit code, and the same asked of a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from eyeward.cli.main import app
from eyeward.guard import checking
from eyeward.guard.checking import Report
from eyeward.guard.self_check import Finding, Outcome
from eyeward.verdict import ModelRef
from tests.engine.local.tiny import make_checkpoint
from tests.engine.remote.fake_model import FakeModel
from tests.engine.remote.fake_server import FakeServer

SOUND = Finding("labels", Outcome.passed, "all told apart")
BROKEN = Finding("context", Outcome.failed, "Too short.\n\x1b[2J")
ABSENT = Finding("other engine", Outcome.does_not_apply, "none was named")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["models", "check", *arguments])


def found(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> list[tuple[str, str, int | None, str | None]]:
    asked: list[tuple[str, str, int | None, str | None]] = []

    def check_guard(name: str, device: str, max_tiles: int | None, against: str | None) -> Report:
        asked.append((name, device, max_tiles, against))
        return Report(ModelRef(name="little", revision="f" * 64, engine="local"), findings, 1.25, 0.5)

    monkeypatch.setattr(checking, "check_guard", check_guard)
    return asked


def test_each_check_has_a_line_with_its_outcome_and_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = found(monkeypatch, SOUND, BROKEN, ABSENT)
    result = run("little", "--device", "cpu", "--max-tiles", "2", "--against", "http://there/v1")
    assert asked == [("little", "cpu", 2, "http://there/v1")]
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "labels              passed          all told apart",
        "context             failed          Too short. \\x1b[2J",
        "other engine        does not apply  none was named",
        "little ffffffffffff (local): 1 check failed; 1.2 s, at every load 0.5 s",
    ]


def test_nothing_that_failed_is_exit_code_0(monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, SOUND, ABSENT)
    result = run("little")
    assert result.exit_code == 0
    assert "nothing failed" in result.stdout


def test_json_has_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, SOUND, BROKEN)
    result = run("little", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "name": "little",
        "revision": "f" * 64,
        "engine": "local",
        "passed": False,
        "seconds": 1.25,
        "seconds_at_load": 0.5,
        "findings": [
            {"check": "labels", "outcome": "passed", "detail": "all told apart"},
            {"check": "context", "outcome": "failed", "detail": "Too short.\n\x1b[2J"},
        ],
    }


def test_a_folder_of_random_weights_fails_and_is_told_why(tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "tiny")
    lines = {line[:20].strip(): line[20:36].strip() for line in run(str(tmp_path / "tiny")).stdout.splitlines()}
    assert (lines["chat template"], lines["label mass"], lines["other engine"]) == (
        "passed",
        "failed",
        "does not apply",
    )


def test_a_server_is_asked_the_same_and_said_not_to_agree(tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "tiny")
    with FakeServer() as server:
        result = run(str(tmp_path / "tiny"), "--against", server.address, "--json")
    agreement = json.loads(result.stdout)["findings"][-1]
    assert (agreement["check"], agreement["outcome"]) == ("other engine", "failed")
    assert agreement["detail"].startswith("remote:vllm at http://")
    assert "4 of 4 images" in agreement["detail"]


def test_a_server_agrees_with_itself(tmp_path: Path) -> None:
    with FakeServer(model=FakeModel()) as server:
        result = run(server.address, "--against", server.address, "--json")
    findings = {finding["check"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert findings["other engine"]["outcome"] == "passed"
    assert findings["other engine"]["detail"].endswith("p_unsafe at most 0.0000 apart, same categories")
    assert findings["chat template"]["outcome"] == "does not apply"
    assert findings["opposite questions"]["outcome"] == "failed", "the fake judges by brightness, whatever is asked"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["medium"], "There is no guard 'medium'"),
        (["mini", "--against", "there"], "'there' is not the address of a server"),
        (["mini", "--against", "http://127.0.0.1:9/v1"], "127.0.0.1:9"),
    ],
)
def test_what_cannot_be_checked_is_one_sentence_and_exit_code_2(arguments: list[str], sentence: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1
