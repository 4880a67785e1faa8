"""A recipe says what it wants, and what is wrong with it in sentences."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyeward.errors import UsageError
from eyeward.train.from_scratch.recipe import Recipe
from tests.train.from_scratch.tiny import TINY, TINY_YAML

RECIPES = sorted((Path(__file__).parents[3] / "recipes").glob("mini*.yaml"))


def written(folder: Path, text: str) -> Path:
    file = folder / "recipe.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def refusal(file: Path) -> str:
    with pytest.raises(UsageError) as caught:
        Recipe.load(file)
    said = str(caught.value)
    assert "\n" not in said and "pydantic" not in said
    assert said.startswith((str(file), f"The recipe {file}", f"There is no recipe {file}")) and said.endswith(".")
    return said


def test_there_are_recipes() -> None:
    assert {file.stem for file in RECIPES} == {"mini", "mini-quick"}


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_the_recipes_of_the_project_load_under_their_own_names(file: Path) -> None:
    recipe = Recipe.load(file)
    assert recipe.name == file.stem
    for stretch in (recipe.base, *recipe.guard):
        assert stretch.batch % stretch.policies == 0 and stretch.policies % stretch.groups == 0


def test_a_saved_recipe_says_every_setting_and_loads_as_the_same(tmp_path: Path) -> None:
    TINY.save(tmp_path / "kept.yaml")
    assert "context_length: 4096" in (tmp_path / "kept.yaml").read_text(encoding="utf-8")
    assert Recipe.load(tmp_path / "kept.yaml") == TINY
    assert [file.name for file in tmp_path.iterdir()] == ["kept.yaml"]


def test_the_stages_are_named_in_their_order() -> None:
    assert TINY.stages == ("vision", "base", "guard-1", "guard-2")


def test_every_fault_of_a_recipe_is_a_sentence_with_its_key(tmp_path: Path) -> None:
    bad = TINY_YAML.replace("seed: 3\n", "colour: red\n").replace("count: 12", "count: many")
    bad = bad.replace("explained_every: 1", "explained_every: 1.5").replace("compile: false", "compile: perhaps")
    said = refusal(written(tmp_path, bad))
    for sentence in (
        "seed is missing.",
        "colour is no setting.",
        "pictures.count should be a whole number, not 'many'.",
        "guard-2.explained_every should be a whole number, not 1.5.",
        "compile should be true or false, not 'perhaps'.",
    ):
        assert f" {sentence} " in said


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "The file should be settings under their names, not None."),
        ("- a list", "The file should be settings under their names, not ['a list']."),
        (TINY_YAML.replace("learning_rate: 1.0e-3", "learning_rate: quick"), "should be a number, not 'quick'."),
        (TINY_YAML.replace("name: tiny", "name: [tiny]"), "name should be text, not ['tiny']."),
        (TINY_YAML.replace("scope_scenes: 24", "scope_scenes: 0"), "should be greater than or equal to 4, not 0."),
        (TINY_YAML.replace("\nguard:", "\nguard: none\nspare:"), "guard should be a list, not 'none'."),
    ],
    ids=["empty", "list", "number", "text", "range", "tuple"],
)
def test_what_a_setting_should_be_is_said_in_words(tmp_path: Path, text: str, sentence: str) -> None:
    assert sentence in refusal(written(tmp_path, text))


def test_a_file_that_is_no_yaml_names_the_line(tmp_path: Path) -> None:
    assert "is not YAML at line 2;" in refusal(written(tmp_path, "name: tiny\nseed: 3: 4\n"))


def test_a_file_of_other_bytes_is_no_yaml(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_bytes(b"\xff\xfe\x00")
    assert "is not YAML;" in refusal(tmp_path / "recipe.yaml")


def test_a_missing_recipe_and_a_folder_are_said_to_be_so(tmp_path: Path) -> None:
    assert "There is no recipe" in refusal(tmp_path / "none.yaml")
    assert "cannot be read: Is a directory." in refusal(tmp_path)


def test_the_same_recipe_has_no_differences() -> None:
    assert TINY.differences(TINY.model_copy()) == ""


def test_differences_name_the_settings_of_both() -> None:
    quicker = TINY.model_copy(update={"seed": 4, "guard": TINY.guard[:1]})
    assert TINY.differences(quicker) == "seed is 3 here and 4 there, guard-2 is only here"
    assert quicker.differences(TINY) == "seed is 4 here and 3 there, guard-2 is only there"


def test_many_differences_are_counted_and_not_all_listed() -> None:
    other = Recipe.load(RECIPES[0])
    assert TINY.differences(other).count(" here") == 6
    assert " more" in TINY.differences(other)
