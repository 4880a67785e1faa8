"""`eyeward monitor`: exit codes, files, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from eyeward.cli.main import app
from eyeward.evaluate.monitor.window import Window
from tests.evaluate.monitor.streams import window


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["monitor", *map(str, arguments)])


def log(file: Path, *windows: Window) -> Path:
    file.write_text("".join(f"{each.model_dump_json()}\n" for each in windows), encoding="utf-8")
    return file


QUIET = [window(f"w{n}", {"NA": 900 + n, "O2": 60, "O6": 100}) for n in range(4)]
DRIFTED = window("w9", {"NA": 700, "O2": 60, "O6": 300})


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


def test_a_quiet_stream_ends_with_0_and_a_page(tmp_path: Path) -> None:
    result = run(log(tmp_path / "log.jsonl", *QUIET), "--first", "2", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("0 alarms in 2 windows; written to ")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["monitor.html", "monitor.json"]


def test_an_alarm_ends_with_1_and_says_what_it_is(tmp_path: Path) -> None:
    source = log(tmp_path / "log.jsonl", *QUIET, DRIFTED)
    result = run(source, "--first", "2", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "w9: Category O6 differs from the reference" in result.stdout
    written = json.loads((tmp_path / "out" / "monitor.json").read_text())
    assert {alarm["window"] for alarm in written["alarms"]} == {"w9"}


def test_alarms_can_be_json_and_an_old_one_can_be_let_rest(tmp_path: Path) -> None:
    source = log(tmp_path / "log.jsonl", *QUIET, DRIFTED, *QUIET[:1])
    loud = run(source, "--first", "2", "--out", tmp_path / "out", "--json")
    assert loud.exit_code == 1 and {alarm["kind"] for alarm in json.loads(loud.stdout)} >= {"category"}
    rested = run(source, "--first", "2", "--out", tmp_path / "out", "--json", "--recent", "1")
    assert (rested.exit_code, json.loads(rested.stdout)) == (0, [])
    assert json.loads((tmp_path / "out" / "monitor.json").read_text())["alarms"]  # still on the page


def test_a_reference_of_its_own_is_read_from_several_places(tmp_path: Path) -> None:
    one, two = (log(tmp_path / f"{n}.jsonl", QUIET[n]) for n in (0, 1))
    later = log(tmp_path / "later.jsonl", *QUIET[2:])
    result = run(later, "--reference", one, "--reference", two, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    written = json.loads((tmp_path / "out" / "monitor.json").read_text())
    assert written["reference"]["images"] == QUIET[0].images + QUIET[1].images


def test_canaries_that_the_reference_does_not_know_are_refused(tmp_path: Path) -> None:
    (tmp_path / "canaries").mkdir()
    (tmp_path / "canaries" / "one.png").write_bytes(b"a canary")
    source = log(tmp_path / "log.jsonl", *QUIET)
    result = run(source, "--first", "2", "--out", tmp_path / "out", "--canaries", tmp_path / "canaries")
    assert result.exit_code == 2
    assert "1 of 1 canaries in" in result.stderr and "are not in the reference" in result.stderr


def test_a_web_hook_that_is_not_there_is_told_and_the_exit_code_stays(tmp_path: Path) -> None:
    source = log(tmp_path / "log.jsonl", *QUIET, DRIFTED)
    result = run(source, "--first", "2", "--out", tmp_path / "out", "--webhook", "http://127.0.0.1:9/none")
    assert result.exit_code == 1
    assert "The web hook could not be told" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Say what to compare with"),
        (["--first", "2", "--reference", "x"], "Say what to compare with"),
        (["--first", "9"], "There is no window to watch"),
        (["--first", "2", "--false-alarms", "0"], "lie between 0 and 1"),
        (["--first", "2", "--webhook", "mailto:x"], "begins with http:// or https://"),
        (["--reference", "nowhere"], "nowhere is no window"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    result = run(log(tmp_path / "log.jsonl", *QUIET), "--out", tmp_path / "out", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr
