"""Recipes of the project load, change from the command line, and say what is wrong with them."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from eyeward.errors import UsageError
from eyeward.guard.card import PromptOrder
from eyeward.guard.forms import COMPACT, PUBLISHED_2025_ANSWER
from eyeward.train.tuning.recipe import Method, Recipe

FOLDER = Path(__file__).parents[3] / "recipes"
RECIPES = sorted(file for file in FOLDER.glob("*.yaml") if not file.stem.startswith("mini"))


def test_there_is_a_recipe_for_each_model_and_method() -> None:
    models = ("onevision-0.5b", "onevision-7b", "qwen2.5-vl-3b", "qwen2.5-vl-7b")
    expected = {f"{model}-{method}" for model in models for method in Method}
    assert {file.stem for file in RECIPES} == expected | {"tuned-mini"}


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_the_recipes_load_under_their_own_names_in_both_orders(file: Path) -> None:
    recipe = Recipe.load(file, ["data=runs/set"])
    assert (recipe.name, recipe.data) == (file.stem, "runs/set")
    assert not recipe.train_vision
    first = Recipe.load(file, ["order=image_first", "words=published_2025"])
    assert first.card(None).order is PromptOrder.image_first
    assert first.card(None).answer == PUBLISHED_2025_ANSWER
    assert recipe.card(None).answer == COMPACT


def test_settings_inside_of_others_are_changed_alone() -> None:
    file = FOLDER / "onevision-0.5b-lora.yaml"
    before, after = Recipe.load(file), Recipe.load(file, ["lora.rank=4", "name=mine", "balance=false"])
    assert (after.lora.rank, after.lora.alpha) == (4, before.lora.alpha)
    assert (after.name, after.balance) == ("mine", False)
    assert Recipe.load(file, ["teacher.outcomes=runs/e"]).teacher is not None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("learning_rate", "changes no setting; write name=value"),
        ("=3", "changes no setting"),
        ("lora..rank=3", "changes no setting"),
        ("steps=[", "is not YAML"),
        ("steps=many", "steps should be a whole number, not 'many'."),
        ("stepps=3", "stepps is no setting."),
        ("learning_rate=0", "learning_rate should be"),
        ("train_vision=true", "method lora adapts the language model alone"),
        ("name=a/b", "name should"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(change: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        Recipe.load(FOLDER / "onevision-0.5b-lora.yaml", [change])
    assert said in str(caught.value)


def test_a_recipe_is_written_with_all_settings_and_read_again(tmp_path: Path) -> None:
    recipe = Recipe.load(FOLDER / "qwen2.5-vl-3b-full.yaml", ["teacher.outcomes=runs/e", "data=d"])
    assert recipe.claim(tmp_path / "run")
    assert Recipe.load(tmp_path / "run" / "recipe.yaml") == recipe
    assert not recipe.claim(tmp_path / "run")


@pytest.mark.parametrize(("name", "kind"), [("one-gpu", "NO"), ("fsdp", "FSDP"), ("deepspeed-zero3", "DEEPSPEED")])
def test_accelerate_reads_the_settings_for_one_gpu_and_for_several(name: str, kind: str) -> None:
    read: Any = import_module("accelerate.commands.config.config_args")
    settings = read.load_config_from_file(str(FOLDER / "accelerate" / f"{name}.yaml"))  # refuses unknown keys
    assert settings.distributed_type == kind
    assert settings.mixed_precision == "bf16"
    if kind == "DEEPSPEED":
        assert settings.deepspeed_config["zero_stage"] == 3


def test_processes_that_begin_together_write_one_recipe(tmp_path: Path) -> None:
    recipe = Recipe.load(FOLDER / "tuned-mini.yaml", ["data=d"])
    program = (
        "import sys\nfrom pathlib import Path\nfrom eyeward.train.tuning.recipe import Recipe\n"
        "recipe = Recipe.load(Path(sys.argv[1]))\n"
        "for n in range(300):\n    recipe.save(Path(sys.argv[2]))\n"
    )
    recipe.save(tmp_path / "in.yaml")
    arguments = [sys.executable, "-c", program, str(tmp_path / "in.yaml"), str(tmp_path / "out.yaml")]
    paths = os.pathsep.join((str(FOLDER.parent / "src"), os.environ.get("PYTHONPATH", "")))
    started = [subprocess.Popen(arguments, env={**os.environ, "PYTHONPATH": paths}) for _ in range(2)]
    assert [process.wait(60) for process in started] == [0, 0]
    assert Recipe.load(tmp_path / "out.yaml") == recipe
