"""`eyeward train`: what is wrong is said in one sentence, before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from eyeward.cli.main import app
from tests.train.from_scratch.tiny import TINY_YAML


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.yaml"
    file.write_text(TINY_YAML, encoding="utf-8")
    return file


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


def refused(result: Result) -> str:
    assert (result.exit_code, result.stdout) == (2, "")
    (sentence,) = result.stderr.splitlines()
    return sentence


def test_a_run_until_a_stage_keeps_recipe_pictures_and_weights_in_its_folder(recipe: Path, tmp_path: Path) -> None:
    assert run(recipe, "--out", tmp_path / "run", "--until", "vision").exit_code == 0
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"recipe.yaml", "pictures", "vision.safetensors"}
    recipe.write_text(TINY_YAML.replace("seed: 3", "seed: 4"), encoding="utf-8")
    assert "another recipe: seed is 4 here and 3 there." in refused(run(recipe, "--out", tmp_path / "run"))


def test_without_a_folder_the_run_is_kept_under_the_recipes_name(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(recipe, "--pictures", "drawn", "--until", "vision").exit_code == 0
    assert {path.name for path in Path("runs/tiny").iterdir()} == {"recipe.yaml", "vision.safetensors"}
    assert {path.name for path in Path("drawn").iterdir()} == {"train", "held_out"}


def test_an_unknown_stage_is_refused_with_the_list_of_stages(recipe: Path, tmp_path: Path) -> None:
    said = refused(run(recipe, "--out", tmp_path / "run", "--until", "nostage"))
    assert said == "The recipe 'tiny' has no stage 'nostage'; its stages are vision, base, guard-1, guard-2."
    assert not (tmp_path / "run").exists()


def test_a_missing_recipe_is_refused(tmp_path: Path) -> None:
    assert refused(run(tmp_path / "none.yaml")).startswith("There is no recipe ")


def test_a_bad_recipe_is_refused_with_its_faults(recipe: Path) -> None:
    recipe.write_text(TINY_YAML.replace("seed: 3\n", ""), encoding="utf-8")
    assert " is not a recipe: seed is missing. " in refused(run(recipe))
