"""`eyeward evaluate`: what is written, what is said, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import eyeward
from eyeward.cli.main import app
from eyeward.data.sample import Split
from eyeward.evaluate.summary import Metrics
from eyeward.guard import Guard
from eyeward.guard.card import EyewardCard
from eyeward.guard.profile import Coverage
from eyeward.scenes.labels import write_scenes
from eyeward.verdict import Rating
from tests.evaluate.worlds import data as data_folder
from tests.evaluate.worlds import guard, row, small


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])


def refused(result: Result) -> str:
    assert (result.exit_code, result.stdout) == (2, "")
    (sentence,) = result.stderr.splitlines()
    return sentence


@pytest.fixture
def guards(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Load a fake guard in place of every name; `strict` flags more. Return the names that were loaded."""
    loaded: list[str] = []

    def load(name: str, device: str) -> Any:
        loaded.append(name)
        return guard(threshold=0.1 if name == "strict" else 0.5, name=name)

    monkeypatch.setattr(eyeward, "load_guard", load)
    return loaded


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "160")
    return small(tmp_path / "data")


def test_a_folder_of_labels_becomes_outcomes_and_metrics(guards: list[str], data: Path, tmp_path: Path) -> None:
    result = run(data, "--model", "bright", "--out", tmp_path / "out", "--resamples", "100")
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines()[0] == "bright: 4 questions judged, 0 were judged before."
    assert {"outcomes.parquet", "metrics.json", "run.json"} <= {file.name for file in (tmp_path / "out").iterdir()}
    overall = Metrics.read(tmp_path / "out").guards[0].tables.overall
    assert (overall["recall"].value, overall["specificity"].value) == (0.5, 0.5)
    heading = next(line for line in result.stdout.splitlines() if line.strip().startswith("metric"))
    assert heading.split() == ["metric", "bright", "always", "Safe", "always", "Unsafe"]
    recall = next(line for line in result.stdout.splitlines() if line.strip().startswith("recall"))
    assert recall.split()[1:] == ["0.500", "(0.095–0.905)", "0.000", "1.000"]


def test_a_guard_that_covers_a_part_has_a_second_table(
    guards: list[str], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(data, "--model", "bright", "--out", tmp_path / "whole", "--resamples", "100")
    assert "on what it covers" not in whole.stdout
    monkeypatch.setattr(Guard, "coverage", lambda self, policy: Coverage(("O2",), ("O1",)))
    result = run(data, "--model", "bright", "--out", tmp_path / "out", "--resamples", "100")
    assert result.exit_code == 0, result.output
    said = "bright on what it covers: 2 of 4 questions; left out, by right category: O1 2."
    _, _, second = result.stdout.partition(said)
    specificity = next(line for line in second.splitlines() if line.strip().startswith("specificity"))
    assert specificity.split()[1] == "0.500" and specificity.split()[-2:] == ["1.000", "0.000"]
    covered = Metrics.read(tmp_path / "out").guards[0].covered
    assert covered is not None and covered.questions == 2


def test_options_may_come_before_the_folder_and_the_command_may_be_named(
    guards: list[str], data: Path, tmp_path: Path
) -> None:
    assert run("--model", "bright", "--out", tmp_path / "a", "--resamples", "100", data).exit_code == 0
    assert run("run", data, "--model", "bright", "--out", tmp_path / "b", "--resamples", "100").exit_code == 0
    first, second = (Metrics.read(tmp_path / name).model_dump() for name in "ab")
    for metrics in (first, second):
        metrics["guards"][0]["seconds"] = None
    assert first == second


def test_a_second_time_nothing_is_judged(guards: list[str], data: Path, tmp_path: Path) -> None:
    arguments = (data, "--model", "bright", "--out", tmp_path / "out", "--resamples", "100")
    run(*arguments)
    assert run(*arguments).stderr.splitlines()[0] == "bright: 0 questions judged, 4 were judged before."


def test_several_guards_are_compared(guards: list[str], data: Path, tmp_path: Path) -> None:
    result = run(data, "--model", "bright", "--model", "strict", "--out", tmp_path / "out", "--resamples", "100")
    assert guards == ["bright", "strict"]
    assert "bright minus strict: 4 questions" in result.stdout
    assert [g.guard for g in Metrics.read(tmp_path / "out").guards] == ["bright", "strict"]


def test_runs_are_compared_over_the_questions_that_they_share(guards: list[str], data: Path, tmp_path: Path) -> None:
    for name in ("bright", "strict"):
        run(data, "--model", name, "--out", tmp_path / name, "--resamples", "100")
    result = run(
        "compare", tmp_path / "bright", tmp_path / "strict", "--json", tmp_path / "c.json", "--resamples", "100"
    )
    assert result.exit_code == 0, result.output
    (found,) = json.loads((tmp_path / "c.json").read_text())
    assert found["questions"] == 4
    assert found["differences"]["recall"]["value"] == -0.5
    assert f"{tmp_path / 'bright'}: bright minus {tmp_path / 'strict'}: strict" in result.stdout


def test_one_guard_cannot_be_compared(guards: list[str], data: Path, tmp_path: Path) -> None:
    run(data, "--model", "bright", "--out", tmp_path / "out", "--resamples", "100")
    assert refused(run("compare", tmp_path / "out")).startswith("There is one guard only; name folders of other runs")


def test_what_is_wrong_is_said_before_a_guard_is_loaded(guards: list[str], data: Path, tmp_path: Path) -> None:
    assert "There is no labels.jsonl here" in refused(run(tmp_path, "--model", "bright", "--out", tmp_path / "out"))
    assert "no ratings under the policy 'news'" in refused(
        run(data, "--model", "bright", "--policy", "news", "--out", tmp_path / "out")
    )
    twice = ("--model", "bright", "--model", "bright")
    assert refused(run(data, *twice, "--out", tmp_path / "out")).startswith("--model bright is given twice")
    assert guards == [] and not (tmp_path / "out").exists()


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Two hundred grey images, half of them unsafe, the bright ones mostly."""
    levels = {f"{number:03}.png": (number * 5) % 256 for number in range(200)}
    unsafe = {image: level > 127 if number % 7 else level < 127 for number, (image, level) in enumerate(levels.items())}
    return data_folder(
        tmp_path / "many", levels, [row(i, Rating.Unsafe if bad else Rating.Safe) for i, bad in unsafe.items()]
    )


def test_a_promise_is_chosen_printed_and_kept_in_a_file(guards: list[str], many: Path, tmp_path: Path) -> None:
    options = ("--recall", "0.7", "--confidence", "0.8", "--method", "platt")
    result = run("calibrate", many, "--model", "bright", "--out", tmp_path / "out", *options)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "out" / "calibration.json").read_text())
    assert found["promise"]["recall"] == 0.7 and found["method"] == "platt"
    promise = (
        "At least 70.0% of unsafe images are rated Unsafe, with 80.0% confidence, for images and policies like these"
    )
    assert f"{promise}: threshold {found['threshold']:g};" in result.stdout


def test_two_promises_make_a_review_band(guards: list[str], many: Path, tmp_path: Path) -> None:
    options = ("--recall", "0.95", "--specificity", "0.95", "--confidence", "0.6", "--method", "keep")
    result = run("calibrate", many, "--model", "bright", "--out", tmp_path / "out", *options)
    assert result.exit_code == 0, result.output
    low, high = json.loads((tmp_path / "out" / "calibration.json").read_text())["review_band"]
    assert 0 < low < high < 1
    assert "At most 5.0% of unsafe images are rated Safe and at most 5.0% of safe ones Unsafe" in result.stdout


def test_too_few_images_for_a_promise_are_said(guards: list[str], data: Path, tmp_path: Path) -> None:
    said = refused(run("calibrate", data, "--model", "bright", "--out", tmp_path / "out", "--method", "keep"))
    assert said.startswith("2 unsafe images of independent groups are too few to promise 95.0% with 95.0% confidence")


def test_a_promise_is_stored_in_the_folder_of_a_guard_and_nowhere_else(
    guards: list[str], many: Path, tmp_path: Path
) -> None:
    options = ("--recall", "0.7", "--confidence", "0.8", "--write")
    said = refused(run("calibrate", many, "--model", "mini", "--out", tmp_path / "out", *options))
    assert said.startswith("--write stores in the folder of a guard, and mini is none; copy the guard")
    EyewardCard(name="mine").write(tmp_path)
    result = run("calibrate", many, "--model", tmp_path, "--out", tmp_path / "out", *options)
    assert result.exit_code == 0, result.output
    card = EyewardCard.read(tmp_path)
    assert card.promise is not None and card.promise.data == str(many)
    assert f"Stored in {tmp_path / 'eyeward.json'}." in result.stderr


def test_mini_is_measured_on_scenes_under_two_policies(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", 8, 5, split=Split.TEST)
    exempt = eyeward.Policy.load("default").non_violating(*(f"O{number}" for number in range(1, 10)))
    (tmp_path / "exempt.yaml").write_text(exempt.renamed("exempt").to_yaml(), encoding="utf-8")
    policies = ("--policy", "default", "--policy", tmp_path / "exempt.yaml")
    options = (*policies, "--out", tmp_path / "out", "--explain", "--resamples", "100")
    result = run(tmp_path / "scenes", "--model", "mini", *options)
    assert result.exit_code == 0, result.output
    mini = Metrics.read(tmp_path / "out").guards[0]
    assert sum(mini.outcomes.values()) == 16
    assert mini.tables.overall["accuracy"].value is not None and mini.tables.overall["accuracy"].value > 0.8
    assert mini.tables.overall["loosened_flips"].count > 0
    assert mini.rationales["any_fault"].count > 8
