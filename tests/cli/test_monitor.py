"""`eyeward monitor`: exit codes, files, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from eyeward.annotate.run import annotate
from eyeward.cli.main import app
from eyeward.evaluate.monitor import reading
from eyeward.evaluate.monitor.window import Window
from eyeward.policy import Policy
from eyeward.verdict import Rating
from tests.evaluate.monitor.streams import window
from tests.evaluate.worlds import data, guard, row, small


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


def test_labels_that_join_no_image_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    source = log(tmp_path / "log.jsonl", *QUIET)
    result = run(source, "--first", "2", "--out", tmp_path / "out", "--labels", small(tmp_path / "labels"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "No image that is watched has a label in" in result.stderr and "joined by SHA-256" in result.stderr
    assert not (tmp_path / "out").exists()


def test_labels_of_other_images_than_those_of_a_run_are_refused_and_their_own_are_counted(tmp_path: Path) -> None:
    folder = small(tmp_path / "d")
    annotate([str(folder)], tmp_path / "run", guard(), ["default"])
    others = data(tmp_path / "others", {"a.png": 7}, [row("a.png", Rating.Safe)])
    arguments = (tmp_path / "run", "--reference", tmp_path / "run", "--out", tmp_path / "out")
    refused = run(*arguments, "--labels", others)
    assert refused.exit_code == 2 and "No image that is watched has a label in" in refused.stderr
    result = run(*arguments, "--labels", folder)
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "out" / "monitor.json").read_text())["watched"][0]["labels"] == 4
    assert "Labels were given" not in result.stderr


def test_a_window_that_labels_do_not_reach_is_named_beside_one_that_they_do(tmp_path: Path) -> None:
    folder = small(tmp_path / "d")
    annotate([str(folder)], tmp_path / "run", guard(), ["default"])
    policy = Policy.load("default").hash
    counters = log(tmp_path / "log.jsonl", window("counted", {"NA": 2, "O1": 2}, policy=policy))
    arguments = ("--reference", tmp_path / "run", "--out", tmp_path / "out", "--labels", folder)
    result = run(tmp_path / "run", counters, *arguments)
    assert result.exit_code == 0, result.output
    assert "counted: Labels were given, and a log holds no SHA-256 to join them by." in result.stderr
    assert "run: Labels" not in result.stderr and "reference" not in result.stderr
    assert "Labels were given, and a log holds no SHA-256" in (tmp_path / "out" / "monitor.html").read_text()


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


def test_windows_and_their_reference_may_lie_in_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def copied(place: str | Path) -> Path:
        asked.append(str(place))
        return log(tmp_path / f"{len(asked)}.jsonl", *QUIET)

    monkeypatch.setattr(reading, "local_copy", copied)
    result = run("s3://bucket/two", "--reference", "s3://bucket/one", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert sorted(asked) == ["s3://bucket/one", "s3://bucket/two"]
