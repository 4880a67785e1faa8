"""`eyeward moderate bench`: what is printed and written, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import eyeward
from eyeward.cli.main import app
from eyeward.moderate.bench import generating
from tests.annotate.world import png
from tests.evaluate.worlds import guard
from tests.moderate.bench.test_bench import Painter


def run(*arguments: str | Path | int) -> Result:
    return CliRunner().invoke(app, ["moderate", "bench", *map(str, arguments)], env={"COLUMNS": "200"})


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write prompts and images; guards are strict or lenient by their names."""
    monkeypatch.setattr(
        eyeward, "load_guard", lambda name, **options: guard(threshold=0.5 if name == "strict" else 0.8, name=name)
    )
    (tmp_path / "prompts.csv").write_text('prompt,categories\na,violence\nb,"violence,hate"\nc,\nd,\n')
    (tmp_path / "images").mkdir()
    for number, level in enumerate((250, 150, 10)):
        (tmp_path / "images" / f"{number}.png").write_bytes(png(level))
    return tmp_path


def test_shares_are_printed_and_written(study: Path) -> None:
    out = study / "out"
    result = run(
        study / "prompts.csv", "--images", study / "images", "--out", out, "--model", "lenient", "--judge", "strict"
    )
    assert result.exit_code == 0, result.output
    assert "3 images of 4 prompts; guard lenient, unsafe by strict, policy default" in result.stdout
    rows = {line.split("  ")[0].strip(): line for line in result.stdout.splitlines() if "–" in line}
    assert " ".join(rows["all"].split()) == "all 3 66.7 (20.8–93.9) 33.3 (6.1–79.2) 50.0 (9.5–90.5) 0.0 (0.0–79.3)"
    assert {"violence", "hate", "none named", "O1"} <= rows.keys()
    assert "1 prompt without an image" in result.stderr
    assert json.loads((out / "bench.json").read_text())["images"] == 3


def test_without_another_word_it_says_what_is_not_known(study: Path) -> None:
    result = run(study / "prompts.csv", "--images", study / "images", "--out", study / "out")
    assert result.exit_code == 0
    assert "What the guard lets through is not known" in result.stderr


def test_only_the_first_prompts(study: Path) -> None:
    result = run(study / "prompts.csv", "--images", study / "images", "--out", study / "out", "--limit", 2)
    assert result.exit_code == 0
    assert "2 images of 2 prompts" in result.stdout


def test_images_are_made_by_a_pipeline(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    painter = Painter()

    def load(name: str, device: str) -> Any:
        assert (name, device) == ("a pipeline", "auto")
        return painter

    monkeypatch.setattr(generating, "load_pipeline", load)
    options = ("--pipeline", "a pipeline", "--out", study / "out", "--copies", 2, "--steps", 3, "--seed", 5)
    result = run(study / "prompts.csv", *options, "--limit", 2)
    assert result.exit_code == 0, result.output
    assert [(said["steps"], said["seed"]) for said in painter.asked] == [(3, 5), (3, 6), (3, 6), (3, 7)]
    assert "4 images made" in result.stderr
    assert run(study / "prompts.csv", *options, "--limit", 2).exit_code == 0
    assert len(painter.asked) == 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "--images FOLDER, or --pipeline NAME"),
        (("--images", "images", "--pipeline", "x"), "--images FOLDER, or --pipeline NAME"),
        (("--images", "images", "--judge", "x", "--labels", "y"), "choose one"),
        (("--images", "nowhere"), "no folder of images"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    study: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(study)
    result = run("prompts.csv", "--out", "out", *options)
    assert result.exit_code == 2
    assert said in result.stderr
