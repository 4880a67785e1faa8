"""A guard's folder leaves only with safetensors, its card, its licence, and nothing that runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from eyeward.errors import UsageError
from eyeward.guard import EyewardCard
from eyeward.guard.publishing import plan_model
from eyeward.publish.hub import RepoKind
from tests.publish.repositories import good_model

REPO = "somebody/little"


def refused(folder: Path) -> dict[str, str]:
    return {refusal.place: refusal.sentence for refusal in plan_model(folder, REPO).refusals}


def test_a_whole_guard_may_leave(tmp_path: Path) -> None:
    plan = plan_model(good_model(tmp_path), REPO)
    assert plan.refusals == ()
    assert (plan.kind, plan.card.licences) == (RepoKind.model, ("apache-2.0",))
    assert {file.name for file in plan.files} == {
        "README.md",
        "config.json",
        "eyeward.json",
        "model.safetensors",
        "probes/a.png",
        "scope/check.safetensors",
        "tokenizer.json",
    }
    assert "The guard 'little'" in plan.facts[0]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("README.md", "write a card"),
        ("config.json", "name the folder of a checkpoint"),
        ("model.safetensors", "save_pretrained"),
        ("eyeward.json", "nobody would know how the guard is asked"),
        ("probes/a.png", "eyeward.json names it"),
        ("scope/check.safetensors", "eyeward.json names it"),
    ],
)
def test_what_is_missing_is_named_with_the_mend(tmp_path: Path, name: str, words: str) -> None:
    folder = good_model(tmp_path)
    (folder / name).unlink()
    found = refused(folder)
    assert set(found) == {name}
    assert "is missing" in found[name]
    assert words in found[name]


def test_weights_in_another_form_are_refused_and_do_not_stand_in(tmp_path: Path) -> None:
    folder = good_model(tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    found = refused(folder)
    assert set(found) == {"model.safetensors", "pytorch_model.bin"}
    assert "can run code" in found["pytorch_model.bin"]


@pytest.mark.parametrize("name", ["modeling_little.py", "optimizer.pt", "training_args.bin", "events.out.tfevents.1"])
def test_what_training_left_behind_is_refused_by_name(tmp_path: Path, name: str) -> None:
    folder = good_model(tmp_path)
    (folder / name).write_bytes(b"x")
    assert set(refused(folder)) == {name}


def test_every_shard_of_the_index_has_to_be_there(tmp_path: Path) -> None:
    folder = good_model(tmp_path)
    (folder / "model.safetensors").unlink()
    save_file({"a": np.zeros(2, np.float32)}, folder / "model-00001-of-00002.safetensors")
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}), encoding="utf-8")
    assert set(refused(folder)) == {"model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text("{}", encoding="utf-8")
    assert "names no weights" in refused(folder)["model.safetensors.index.json"]


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "processor_config.json"])
def test_a_checkpoint_that_asks_for_code_of_its_own_is_refused(tmp_path: Path, name: str) -> None:
    folder = good_model(tmp_path)
    (folder / name).write_text('{"auto_map": {"AutoModel": "modeling_little.Little"}}', encoding="utf-8")
    assert "asks for code of its own (auto_map)" in refused(folder)[name]


def test_a_card_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    folder = good_model(tmp_path)
    (folder / "eyeward.json").write_text('{"name": 3}', encoding="utf-8")
    assert "is not the card of a guard" in refused(folder)["eyeward.json"]


def test_a_licence_that_nobody_stated_is_refused(tmp_path: Path) -> None:
    folder = good_model(tmp_path)
    (folder / "README.md").write_text("# little\n\n- **Licence**: Apache-2.0.\n", encoding="utf-8")
    assert "has no front matter" in refused(folder)["README.md"]


def test_a_path_of_this_machine_that_saving_left_behind_is_refused(tmp_path: Path) -> None:
    folder = good_model(tmp_path)
    (folder / "config.json").write_text('{"_name_or_path": "/Users/me/runs/base"}', encoding="utf-8")
    assert "a path of this machine" in refused(folder)["config.json"]


def test_a_base_model_and_one_without_probes_are_called_so(tmp_path: Path) -> None:
    folder = good_model(tmp_path)
    EyewardCard(name="base", trained_to_judge=False).write(folder)
    facts = " ".join(plan_model(folder, REPO).facts)
    assert "a base model that has seen no verdict" in facts
    assert "nobody notices" in facts


def test_a_folder_that_is_none_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no folder"):
        plan_model(tmp_path / "gone", REPO)
