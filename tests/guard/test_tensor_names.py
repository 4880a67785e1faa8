"""Published tensor names: every layout that transformers writes becomes the one that servers read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from eyeward.errors import CheckpointError
from eyeward.guard.tensor_names import copy_renamed, copy_renamed_index, published_name
from tests.engine.local.families.checkpoints import make_llava, make_llava_next, make_qwen
from tests.engine.local.tiny import Naming, make_checkpoint

MAKERS: dict[str, Callable[..., Any]] = {
    "llava_onevision": make_checkpoint,
    "llava": make_llava,
    "llava_next": make_llava_next,
    "qwen2_5_vl": make_qwen,
}


def names(file: Path) -> set[str]:
    with safe_open(file, framework="pt") as tensors:
        return set(tensors.keys())


@pytest.mark.parametrize("naming", list(Naming))
@pytest.mark.parametrize("family", MAKERS)
def test_every_layout_becomes_the_published_one(family: str, naming: Naming, tmp_path: Path) -> None:
    MAKERS[family](tmp_path / "published", naming=Naming.published)
    MAKERS[family](tmp_path / "other", naming=naming)
    settings = json.loads((tmp_path / "other" / "config.json").read_text(encoding="utf-8"))
    copy_renamed(tmp_path / "other" / "model.safetensors", tmp_path / "renamed", published_name(settings))
    assert names(tmp_path / "renamed") == names(tmp_path / "published" / "model.safetensors")


def test_only_names_change(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    rename = published_name(json.loads((tmp_path / "config.json").read_text(encoding="utf-8")))
    copy_renamed(tmp_path / "model.safetensors", tmp_path / "renamed", rename)
    with safe_open(tmp_path / "model.safetensors", "pt") as old, safe_open(tmp_path / "renamed", "pt") as new:
        assert all(old.get_tensor(name).equal(new.get_tensor(rename(name))) for name in old.keys())  # noqa: SIM118
        assert new.metadata() == {"format": "pt"}


def test_a_vision_tower_without_the_wrapping_module_keeps_its_names() -> None:
    rename = published_name({"model_type": "llava", "vision_config": {"model_type": "pixtral"}})
    assert rename("model.vision_tower.layers.0.weight") == "vision_tower.layers.0.weight"


def test_two_tensors_never_get_one_name(tmp_path: Path) -> None:
    twice = {"lm_head.weight": "a", "language_model.lm_head.weight": "a"}
    (tmp_path / "index").write_text(json.dumps({"weight_map": twice}), encoding="utf-8")
    with pytest.raises(CheckpointError, match="two layouts"):
        copy_renamed_index(tmp_path / "index", tmp_path / "renamed", published_name({"model_type": "llava"}))


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, (9).to_bytes(8, "little") + b"no header"])
def test_a_file_that_holds_no_tensors_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "broken").write_bytes(content)
    with pytest.raises(CheckpointError, match="broken"):
        copy_renamed(tmp_path / "broken", tmp_path / "renamed", str)


def test_a_model_whose_names_nobody_knows_is_refused() -> None:
    with pytest.raises(CheckpointError, match="'gemma3'"):
        published_name({"model_type": "gemma3"})
