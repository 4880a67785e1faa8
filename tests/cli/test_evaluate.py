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
from eyeward.scenes.labels import write_scenes
from tests.evaluate.worlds import guard, small


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
