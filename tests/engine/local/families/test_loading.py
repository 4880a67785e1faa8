"""Checkpoints of every family load whole, under every naming, tied and untied, in shards, or not at all."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from eyeward.engine.local.checkpoint import load_checkpoint
from eyeward.engine.local.engine import LocalEngine
from eyeward.engine.local.families import FAMILIES, reference
from eyeward.engine.local.families.qwen25_vl import PATCHES_AT_ONCE
from eyeward.errors import CheckpointError, MissingExtra
from tests.engine.local.families.checkpoints import MAKERS, make_qwen
from tests.engine.local.families.processing import noise
from tests.engine.local.families.questions import all_scores, ask, judge
from tests.engine.local.tiny import Naming, make_checkpoint, write_json

SIZES = [(80, 60), (56, 56), (200, 50), (50, 200), (300, 411), (7, 9)]
each_family = pytest.mark.parametrize("kind", list(MAKERS))


@each_family
@pytest.mark.parametrize("naming", list(Naming))
@pytest.mark.parametrize("tied", [True, False])
def test_every_tensor_arrives_under_every_naming(tmp_path: Path, kind: str, naming: Naming, tied: bool) -> None:
    saved = MAKERS[kind](tmp_path, naming=naming, tied=tied, shards=2).state_dict()
    loaded = load_checkpoint(tmp_path).model.state_dict()
    assert loaded.keys() == saved.keys()
    for name, tensor in saved.items():
        assert torch.equal(tensor, loaded[name]), name
    assert torch.equal(loaded["lm_head.weight"], loaded["model.language_model.embed_tokens.weight"]) is tied


@each_family
@pytest.mark.parametrize("lost", ["mlp.up_proj.weight", "lm_head.weight"])
def test_a_missing_tensor_is_named_and_never_made_up(tmp_path: Path, kind: str, lost: str) -> None:
    MAKERS[kind](tmp_path, tied=False)
    file = tmp_path / "model.safetensors"
    kept = {name: tensor for name, tensor in load_file(file).items() if not name.endswith(lost)}
    save_file(kept, file, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=rf"tensors are missing \(.*{lost}"):
        load_checkpoint(tmp_path)


def test_the_flat_configuration_of_published_qwen_models_is_read(tmp_path: Path) -> None:
    saved = make_qwen(tmp_path, tied=True).state_dict()
    config = json.loads((tmp_path / "config.json").read_text())
    text = config.pop("text_config")
    rope = text.pop("rope_parameters")
    flat = {name: text[name] for name in ("hidden_size", "intermediate_size", "num_attention_heads", "vocab_size")}
    flat |= {name: text[name] for name in ("num_hidden_layers", "num_key_value_heads", "max_position_embeddings")}
    flat |= {"rope_theta": 1e6, "rope_scaling": {"type": "mrope", "mrope_section": rope["mrope_section"]}}
    flat |= {"use_sliding_window": False, "sliding_window": 64, "max_window_layers": 2, "rms_norm_eps": 1e-6}
    flat |= {"bos_token_id": text["bos_token_id"], "eos_token_id": text["eos_token_id"], "tie_word_embeddings": True}
    vision = config["vision_config"] | {"in_chans": 3, "spatial_patch_size": 14}
    vision.pop("model_type")
    write_json(tmp_path / "config.json", config | flat | {"vision_config": vision})
    checkpoint = load_checkpoint(tmp_path)
    assert all(torch.equal(tensor, checkpoint.model.state_dict()[name]) for name, tensor in saved.items())
    assert checkpoint.model.config.text_config.rope_parameters["mrope_section"] == [2, 3, 3]
    assert LocalEngine(checkpoint).capabilities.context_length == 4096


@each_family
def test_features_equal_those_of_transformers_alone_and_together(tmp_path: Path, kind: str) -> None:
    MAKERS[kind](tmp_path)
    checkpoint = load_checkpoint(tmp_path)
    family = checkpoint.family
    images = [family.prepare(noise(n, *size)) for n, size in enumerate(SIZES)]
    together, _ = family.encode(checkpoint.model, images, ())
    for (width, height), image, tokens in zip(SIZES, images, together, strict=True):
        expected = reference(family, checkpoint.model, image)
        assert len(tokens) == family.token_count(height, width) == len(expected)
        torch.testing.assert_close(tokens.features, expected, atol=1e-5, rtol=1e-5)
        assert tokens.places.shape == (family.axes, len(tokens))


def test_many_images_go_through_the_tower_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_qwen(tmp_path)
    checkpoint = load_checkpoint(tmp_path)
    images = [checkpoint.family.prepare(noise(n, *size)) for n, size in enumerate(SIZES)]
    together, states = checkpoint.family.encode(checkpoint.model, images, (1,))
    monkeypatch.setattr("eyeward.engine.local.families.qwen25_vl.PATCHES_AT_ONCE", 40)
    assert max(len(image.patches) for image in images) > 40, "an image larger than a group should be among them"
    seen: list[int] = []
    checkpoint.model.model.visual.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    apart, states_apart = checkpoint.family.encode(checkpoint.model, images, (1,))
    assert sum(seen) == sum(len(image.patches) for image in images)
    assert len(seen) > 2
    assert sum(len(image.patches) for image in images) < PATCHES_AT_ONCE
    for one, other in zip(together, apart, strict=True):
        torch.testing.assert_close(one.features, other.features, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(states, states_apart, atol=1e-5, rtol=1e-5)


def test_positions_of_a_qwen_image_are_those_of_transformers(tmp_path: Path) -> None:
    make_qwen(tmp_path)
    checkpoint = load_checkpoint(tmp_path)
    for number, size in enumerate(SIZES):
        image = checkpoint.family.prepare(noise(number, *size))
        (tokens,), _ = checkpoint.family.encode(checkpoint.model, [image], ())
        before, after = 3, 2
        ids = torch.tensor([[9] * before + [checkpoint.image_token_id] * len(tokens) + [9] * after])
        expected, _ = checkpoint.model.model.get_rope_index(
            ids,
            mm_token_type_ids=(ids == checkpoint.image_token_id).int(),
            image_grid_thw=torch.tensor([[1, image.rows, image.columns]]),
        )
        assert torch.equal(tokens.places + before, expected[:, 0, before:-after])
        assert expected[:, 0, -after].tolist() == [before + tokens.span] * 3


def test_an_unknown_family_is_pointed_to_a_server_and_the_known_ones_are_named(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    write_json(tmp_path / "config.json", config | {"model_type": "mllama"})
    with pytest.raises(CheckpointError, match="'mllama'.*llava, llava_next, llava_onevision, qwen2_5_vl.*vLLM"):
        load_checkpoint(tmp_path)
    assert set(FAMILIES) == {"llava", "llava_next", "llava_onevision", "qwen2_5_vl"}


def test_weights_are_spread_over_several_gpus_with_accelerate_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_qwen(tmp_path)
    monkeypatch.setattr(
        "eyeward.engine.local.checkpoint.find_spec", lambda name: None if name == "accelerate" else find_spec(name)
    )
    with pytest.raises(MissingExtra, match=r"several GPUs.*eyeward\[spread\]"):
        load_checkpoint(tmp_path, device="spread")


@pytest.mark.filterwarnings("ignore:The following device_map keys do not match any submodules")  # image_newline
@each_family
def test_spread_weights_answer_as_others_do(tmp_path: Path, kind: str) -> None:
    """On one device all layers get the hooks that carry tensors from one device to the next."""
    accelerate: Any = import_module("accelerate")
    MAKERS[kind](tmp_path)
    spread, plain = load_checkpoint(tmp_path, device="spread"), load_checkpoint(tmp_path, device="cpu")
    device = str(spread.model.device)
    blocks = [f"model.language_model.layers.{number}" for number in range(2)]
    inner = ("embed_tokens", "norm", "rotary_emb")
    vision = ["model.visual"] if kind == "qwen2_5_vl" else ["model.vision_tower", "model.multi_modal_projector"]
    names = ["lm_head", *vision, *blocks, *(f"model.language_model.{name}" for name in inner)]
    names += ["model.image_newline"] if kind == "llava_next" else []
    accelerate.dispatch_model(spread.model, dict.fromkeys(names, device), main_device=device, force_hooks=True)
    prompts = [ask(plain, noise(seed, 80, 60), policy, explain=True) for seed in range(2) for policy in ("A.", "B.")]
    for one, other in zip(judge(LocalEngine(spread), *prompts), judge(LocalEngine(plain), *prompts), strict=True):
        assert one.text == other.text
        torch.testing.assert_close(all_scores(one), all_scores(other), atol=1e-3, rtol=1e-3)
