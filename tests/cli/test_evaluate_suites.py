"""`eyeward evaluate --suite …`: what is asked, written and said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import eyeward
from eyeward.cli.main import app
from eyeward.data.sample import Split
from eyeward.evaluate.run import read_run_outcomes
from eyeward.evaluate.suites.robustness import AttackReport
from eyeward.evaluate.summary import Metrics
from eyeward.scenes.labels import write_scenes
from tests.evaluate.worlds import guard, small


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments), "--resamples", "100"])


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, device: str) -> Any:
        return guard(name=name)

    monkeypatch.setattr(eyeward, "load_guard", load)
    monkeypatch.setenv("COLUMNS", "200")


def test_attacks_are_asked_and_reported_beside_the_evaluation(fakes: None, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(small(tmp_path / "d"), "--suite", "attacks", "--model", "bright", "--out", out, "--averaged")
    assert result.exit_code == 0, result.output
    assert "bright was not attacked through its gradients: its checkpoint cannot be read" in result.stdout
    report = AttackReport.read(out)
    assert [found.guard for found in report.guards] == ["bright", "bright, mean of views"]
    assert Metrics.read(out).questions == 4  # the metrics are those of the folder, not of the attacks
    by_attack = {found.attack: found for found in report.guards[0].attacks}
    brighter = by_attack["darker"]  # a guard that goes by brightness flips when it gets dark
    assert brighter.levels[-1].recall.hits == 0 and brighter.smallest_flip is not None
    assert by_attack["flip"].smallest_flip is None
    page = (out / "report.html").read_text()
    assert "Robust recall" in page and "Attacks on bright" in page and "By category" in page
    assert "smallest that flips" in page
    assert "held" in result.stdout and "Robust recall: 4 images attacked, 2 unsafe" in result.stdout
    outcomes = read_run_outcomes(out)["bright"]
    assert len({outcome.question.number for outcome in outcomes}) == len(outcomes) > 300


def test_a_run_of_attacks_goes_on_without_asking_twice(fakes: None, tmp_path: Path) -> None:
    arguments = (small(tmp_path / "d"), "--suite", "attacks", "--model", "bright", "--out", tmp_path / "out")
    first = run(*arguments, "--attacked", "2")
    again = run(*arguments, "--attacked", "2")
    assert first.exit_code == again.exit_code == 0, again.output
    assert "bright: 0 questions judged" in again.stderr
    refused = run(*arguments, "--attacked", "4")
    assert refused.exit_code == 2 and "questions; there are" in refused.stderr


def test_mini_under_attack_through_its_own_gradients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("eyeward.evaluate.suites.white_box.STEPS", 1)
    write_scenes(tmp_path / "s", 6, 5, split=Split.TEST, size=112)
    out = tmp_path / "out"
    result = run(
        tmp_path / "s", "--suite", "attacks", "--model", "mini", "--out", out, "--attacked", "1", "--white-box", "1"
    )
    assert result.exit_code == 0, result.output
    report = AttackReport.read(out)
    assert report.not_white_box == {}
    (found,) = report.guards
    gradient = next(attack for attack in found.attacks if attack.attack == "gradient of mini")
    assert [level.value for level in gradient.levels] == [0, 1, 2, 4, 8, 16]
    assert len(list((out / "white_box").rglob("*.png"))) == 6
    upright = next(attack for attack in found.attacks if attack.attack == "exif orientation")
    assert all(level.flipped.hits == 0 for level in upright.levels)


def test_cultures_are_asked_under_every_pack(fakes: None, tmp_path: Path) -> None:
    write_scenes(tmp_path / "s", 8, 5, split=Split.TEST, size=64)
    out = tmp_path / "out"
    result = run(tmp_path / "s", "--suite", "cultures", "--model", "bright", "--out", out)
    assert result.exit_code == 0, result.output
    written = json.loads((out / "cultures.json").read_text())
    assert written["images"] == 8 and "ages-06" in written["packs"]
    assert "Gap between" in result.stdout and "ages-06" in result.stdout
    assert "What the packs say" in (out / "report.html").read_text()
    ballots = tmp_path / "votes.jsonl"
    ballots.write_text('{"image": "images/000000.png", "annotator": "x", "group": "north", "rating": "Safe"}\n')
    few = run(
        tmp_path / "s",
        "--suite",
        "cultures",
        "--model",
        "bright",
        "--out",
        tmp_path / "few",
        "--policy",
        "default",
        "--policy",
        "children",
        "--votes",
        ballots,
    )
    assert few.exit_code == 0, few.output
    assert list(json.loads((tmp_path / "few" / "cultures.json").read_text())["packs"]) == ["default", "children"]
    assert "bright and groups of people" in few.stdout and "north" in few.stdout


def test_a_suite_asks_for_no_rationales(fakes: None, tmp_path: Path) -> None:
    result = run(small(tmp_path / "d"), "--suite", "attacks", "--model", "bright", "--out", tmp_path / "o", "--explain")
    assert result.exit_code == 2 and "leave --explain out" in result.stderr


def test_the_default_pack_is_asked_in_other_languages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    write_scenes(tmp_path / "s", 3, 5, split=Split.TEST, size=64)
    out = tmp_path / "out"
    result = run(tmp_path / "s", "--suite", "cultures", "--languages", "--model", "mini", "--out", out)
    assert result.exit_code == 0, result.output
    assert "mini has never met words of default-ar, default-hi, default-ru, default-zh" in result.stderr
    by_pack = json.loads((out / "cultures.json").read_text())["guards"][0]["by_pack"]
    assert by_pack["default-zh"]["review_share"]["value"] == 1.0
    assert all(by_pack[name]["accuracy"]["value"] == 0.0 for name in by_pack if name != "default")
    for wrong in (["--languages"], ["--suite", "cultures", "--languages", "--policy", "news"]):
        refused = run(tmp_path / "s", "--model", "mini", "--out", tmp_path / "o", *wrong)
        assert refused.exit_code == 2 and "--languages" in refused.stderr
