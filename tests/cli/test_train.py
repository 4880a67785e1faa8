"""`eyeward train`: what is wrong is said in one sentence, before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import eyeward
from eyeward.cli.main import app
from eyeward.data.folder import SampleFolder
from eyeward.data.sample import Split
from eyeward.engine.rating import Calibration
from eyeward.guard.card import EyewardCard
from tests.engine.local.tiny import make_checkpoint
from tests.train.from_scratch.tiny import TINY_YAML
from tests.train.tuning import small

ROOT = Path(__file__).parents[2]


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


def test_the_way_that_the_pages_show_leaves_images_for_validation_and_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = (ROOT / "docs" / "train.md").read_text(encoding="utf-8").split("```")[1].strip().splitlines()
    render, build, dry_run, train, evaluate = (line.split()[1:] for line in lines)
    assert [*train, "--dry-run"] == dry_run
    assert evaluate[:4] == ["evaluate", "runs/set", "--split", "test"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"\neyeward {' '.join(command)}\n" in readme for command in (render, build, train))
    render[render.index("--count") + 1] = "40"
    dry_run[1] = str(ROOT / dry_run[1])
    monkeypatch.chdir(tmp_path)
    for command in (render, build, dry_run):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.stderr
    assert "1,500 steps of 16 samples" in result.stdout
    assert {sample.split for sample in SampleFolder(tmp_path / "runs" / "set")} == set(Split)
    assert not (tmp_path / "runs" / "tuned-mini").exists()


def test_a_guard_says_what_it_lacks_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a side for validation it is not calibrated, without one for testing nothing measures it."""
    make_checkpoint(tmp_path / "base")
    folder = small.write_data(tmp_path / "set", [small.sample(0, True), small.sample(1, False)], 2)
    small.recipe(tmp_path / "base", folder, steps=1, calibrate=True).save(tmp_path / "small.yaml")
    monkeypatch.setattr(
        "eyeward.train.tuning.finish.load_guard", lambda name, **_: eyeward.load_guard(name, self_check="off")
    )
    result = CliRunner().invoke(app, ["train", str(tmp_path / "small.yaml"), "--out", str(tmp_path / "run")])
    assert result.exit_code == 0, result.stderr
    said = " ".join(result.stderr.split())
    assert "It is not calibrated: there were no validation samples of both ratings that it rated." in said
    assert "this data has no test side" in said
    assert EyewardCard.read(tmp_path / "run" / "small").calibration == Calibration()
