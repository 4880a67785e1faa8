"""A run does every stage once, knows its recipe, and ends with a guard that loads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import eyeward
from eyeward.engine.rating import Platt
from eyeward.errors import UsageError
from eyeward.guard import EyewardCard
from eyeward.policy import Policy
from eyeward.scenes.paint import paint
from eyeward.scenes.sample import sample_scene
from eyeward.train.from_scratch.recipe import Recipe
from eyeward.train.from_scratch.run import Run
from eyeward.verdict import Rating, Status
from tests.train.from_scratch.tiny import TINY

DEFAULT = Policy.load("default")
STAGES = ("vision", "base", "guard-1", "guard-2")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Run:
    run = Run(TINY, tmp_path_factory.mktemp("run"), pictures)
    run.everything()
    return run


def written(folder: Path) -> dict[str, int]:
    return {file.stem: file.stat().st_mtime_ns for file in folder.glob("*.safetensors")}


def test_every_stage_leaves_its_weights_and_nothing_half_done(finished: Run) -> None:
    assert set(written(finished.folder)) == set(STAGES)
    left = {path.name for path in finished.folder.iterdir()} - {f"{stage}.safetensors" for stage in STAGES}
    assert left == {"recipe.yaml", "tiny", "tiny-base"}


def test_every_stage_changes_what_it_trains(finished: Run) -> None:
    weights = [load_file(finished.folder / f"{stage}.safetensors") for stage in STAGES]
    tower = next(key for key in weights[0] if "vision_tower" in key and "q_proj.weight" in key)
    text = next(key for key in weights[1] if "language_model" in key and "q_proj.weight" in key)
    assert not any(key.startswith("model.") and "vision_tower" not in key for key in weights[0])
    assert [torch.equal(a[tower], b[tower]) for a, b in zip(weights, weights[1:], strict=False)] == [False, True, False]
    assert [torch.equal(a[text], b[text]) for a, b in zip(weights[1:], weights[2:], strict=False)] == [False, False]


def test_a_run_that_is_done_keeps_every_stage_and_makes_the_same_guard(finished: Run) -> None:
    before, checkpoint = written(finished.folder), finished.folder / "tiny" / "model.safetensors"
    digest = checkpoint.read_bytes()
    Run(TINY, finished.folder, finished.pictures_folder).everything()
    assert written(finished.folder) == before
    assert checkpoint.read_bytes() == digest


def test_a_run_stops_after_the_stage_that_is_named_and_goes_on_from_there(tmp_path: Path, finished: Run) -> None:
    Run(TINY, tmp_path, finished.pictures_folder).everything(until="base")
    assert set(written(tmp_path)) == {"vision", "base"}
    assert (tmp_path / "tiny-base" / "model.safetensors").exists() and not (tmp_path / "tiny").exists()
    first = written(tmp_path)
    Run(TINY, tmp_path, finished.pictures_folder).everything(until="guard-1")
    assert set(written(tmp_path)) == {"vision", "base", "guard-1"}
    assert {stage: written(tmp_path)[stage] for stage in first} == first


def test_a_stage_that_is_not_in_the_recipe_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        Run(TINY, tmp_path / "run", tmp_path / "pictures").everything(until="guard-3")
    assert str(caught.value) == (
        "The recipe 'tiny' has no stage 'guard-3'; its stages are vision, base, guard-1, guard-2."
    )
    assert list(tmp_path.iterdir()) == []


def test_the_recipe_lies_beside_what_it_made_with_every_setting(finished: Run) -> None:
    assert Recipe.load(finished.folder / "recipe.yaml") == TINY
    assert "weight_decay: 0.05" in (finished.folder / "recipe.yaml").read_text(encoding="utf-8")


def test_another_recipe_in_the_same_folder_is_refused_with_the_difference(finished: Run) -> None:
    before = written(finished.folder)
    other = TINY.model_copy(update={"seed": 4})
    with pytest.raises(UsageError, match=r"another recipe: seed is 4 here and 3 there\. Name another folder"):
        Run(other, finished.folder, finished.pictures_folder).everything()
    assert written(finished.folder) == before
    assert Recipe.load(finished.folder / "recipe.yaml").seed == 3


def test_stages_of_an_unknown_recipe_are_not_taken_over(tmp_path: Path, finished: Run) -> None:
    (tmp_path / "vision.safetensors").write_bytes((finished.folder / "vision.safetensors").read_bytes())
    with pytest.raises(UsageError, match=r"finished stages \(vision\) and no recipe\.yaml"):
        Run(TINY, tmp_path, finished.pictures_folder).everything()
    assert [file.name for file in tmp_path.iterdir()] == ["vision.safetensors"]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match=r"cannot be kept in .*file/run: Not a directory; name another"):
        Run(TINY, tmp_path / "file" / "run", tmp_path / "pictures").everything()


def test_the_guard_loads_with_its_self_check_and_judges_a_scene(finished: Run) -> None:
    guard = eyeward.load_guard(str(finished.folder / "tiny"))
    verdict = guard.assess(paint(sample_scene(0, "validation")), DEFAULT, explain=True)
    assert verdict.status is Status.ok and verdict.model is not None and verdict.model.name == "tiny"
    assert verdict.p_unsafe is not None and 0 < verdict.p_unsafe < 1


def test_the_guard_carries_scope_check_calibration_and_probes(finished: Run) -> None:
    folder = finished.folder / "tiny"
    card = EyewardCard.read(folder, "tiny")
    assert card.trained_to_judge and card.about == "Judges drawn scenes, not photographs."
    assert card.scope is not None and (folder / card.scope.file).is_file() and card.scope.layers == (1, 2)
    assert card.calibration.default != Platt()
    assert {probe.image for probe in card.probes} == {f"probes/{p.name}" for p in (folder / "probes").iterdir()}
    assert {probe.rating for probe in card.probes} <= {Rating.Safe, Rating.Unsafe}


def test_the_model_cards_name_recipe_seed_and_size(finished: Run) -> None:
    millions = sum(parameter.numel() for parameter in finished.model.parameters()) / 1e6
    for name, sentence in (("tiny", "recipe `tiny`, seed 3;"), ("tiny-base", "recipe `tiny`, seed 3, up to its base")):
        page = (finished.folder / name / "README.md").read_text(encoding="utf-8")
        front, _, body = page.removeprefix("---\n").partition("---\n")
        assert front == "license: apache-2.0\nlibrary_name: transformers\n"
        assert body.startswith("Knows drawn scenes only, not photographs.") and f"# {name}\n" in body
        assert sentence in page and f"{millions:.1f} million" in page


def test_the_checkpoint_holds_the_weights_of_the_last_stage_in_half_precision(finished: Run) -> None:
    kept = load_file(finished.folder / "guard-2.safetensors")
    exported = load_file(finished.folder / "tiny" / "model.safetensors")
    assert {tensor.dtype for tensor in exported.values()} == {torch.bfloat16}
    table = next(tensor for key, tensor in exported.items() if key.endswith("embed_tokens.weight"))
    trained = next(tensor for key, tensor in kept.items() if key.endswith("embed_tokens.weight"))
    assert torch.equal(table, trained.to(torch.bfloat16))
    assert not any("heads" in key or "reader" in key for key in exported)


def test_the_checkpoint_says_how_images_are_prepared_and_when_an_answer_ends(finished: Run) -> None:
    folder = finished.folder / "tiny"
    settings = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
    assert settings["size"] == {"height": 32, "width": 32} and settings["image_grid_pinpoints"] == [[32, 32]]
    generation = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    assert generation["eos_token_id"] == finished.speller.turn_end
    assert (folder / "chat_template.jinja").is_file()
