"""`eyeward models diff`: the gate, its exit codes, and what is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import eyeward
from eyeward.cli.main import app
from eyeward.verdict import Rating
from tests.evaluate.worlds import data, guard, row, small

THRESHOLDS = {"old": 0.5, "same": 0.5, "strict": 0.1, "blind": 0.99}


@pytest.fixture(autouse=True)
def guards(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, device: str) -> Any:
        return guard(threshold=THRESHOLDS[name], name=name)

    monkeypatch.setattr(eyeward, "load_guard", load)
    monkeypatch.setenv("COLUMNS", "160")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["models", "diff", *map(str, arguments), "--resamples", "200"])


def many(folder: Path) -> Path:
    """Write 60 images: half bright and unsafe, half dark and safe."""
    levels = {f"{n}.png": (230 if n % 2 else 20) for n in range(60)}
    return data(folder, levels, [row(n, Rating.Unsafe if level > 99 else Rating.Safe) for n, level in levels.items()])


def test_a_guard_that_says_the_same_passes(tmp_path: Path) -> None:
    result = run("old", "same", many(tmp_path / "d"), "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "same may take the place of old" in result.stdout
    assert json.loads((tmp_path / "out" / "diff.json").read_text())["reasons"] == []


def test_one_that_misses_what_was_caught_does_not(tmp_path: Path) -> None:
    result = run("old", "blind", many(tmp_path / "d"), "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "60 questions: 30 right with old and wrong with blind, 0 the other way round" in result.stdout
    assert "Refused: recall may be lower by more than 0.010" in result.stdout
    assert run("old", "blind", tmp_path / "d", "--out", tmp_path / "out", "--margin", "1").exit_code == 0


def test_a_canary_that_changes_does_not_pass(tmp_path: Path) -> None:
    folder, canaries = many(tmp_path / "d"), small(tmp_path / "canaries")
    result = run("old", "strict", folder, "--out", tmp_path / "out", "--canaries", canaries)
    assert result.exit_code == 1
    assert "canary missed.png: Safe, now Unsafe" in result.stdout
    assert "Refused: 1 of 4 canaries changed their verdict." in result.stdout
    assert "specificity" not in result.stdout.split("Refused")[1]


def test_a_guard_is_not_compared_with_itself(tmp_path: Path) -> None:
    result = run("old", "old", many(tmp_path / "d"), "--out", tmp_path / "out")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "A and B are both old" in result.stderr
