"""Checkpoints load whole or not at all, whatever layout they were published in."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from eyeward.engine.local import checkpoint as checkpoint_module
from eyeward.engine.local.checkpoint import choose_dtype, find_folder, load_checkpoint
from eyeward.engine.local.image_features import encode_images, encode_images_and_layers
from eyeward.engine.local.preparation import image_token_count, prepare_image
from eyeward.errors import CheckpointError
from tests.engine.local.tiny import IMAGE, Naming, make_checkpoint, write_json

WEIGHTS = "model.safetensors"
SIZES = (
    *((56, 56), (1, 1), (7, 7), (112, 112), (200, 200), (57, 56), (56, 57), (113, 61), (61, 113), (300, 7), (7, 300)),
    *((1, 500), (500, 1), (97, 89), (89, 97), (640, 480), (480, 640), (111, 113), (28, 84), (84, 28), (1000, 333)),
)


@pytest.mark.parametrize("naming", list(Naming))
@pytest.mark.parametrize("tied", [True, False])
def test_every_tensor_arrives_under_every_naming(tmp_path: Path, naming: Naming, tied: bool) -> None:
    saved = make_checkpoint(tmp_path, naming=naming, tied=tied).state_dict()
    loaded = load_checkpoint(tmp_path).model.state_dict()
    assert loaded.keys() == saved.keys()
    for name, tensor in saved.items():
        assert torch.equal(tensor, loaded[name]), name
    same = torch.equal(loaded["lm_head.weight"], loaded["model.language_model.embed_tokens.weight"])
    assert same is tied


def test_features_equal_those_of_transformers_for_many_sizes(tmp_path: Path) -> None:
    make_checkpoint(tmp_path, max_tiles=2)
    checkpoint = load_checkpoint(tmp_path)
    images = [prepare_image(picture(height, width), checkpoint.preparation) for height, width in SIZES]
    assert {image.tiling.pooled is None for image in images} == {True, False}, "sizes should cover shrunk features too"
    assert {image.repeats_base for image in images} == {True, False}

    together = encode_images(checkpoint.model, images)

    for (height, width), image, features in zip(SIZES, images, together, strict=True):
        reference = checkpoint.model.get_image_features(
            torch.from_numpy(image.tiles)[None], torch.tensor([[height, width]])
        ).pooler_output[0]
        assert features.shape == (image_token_count(height, width, checkpoint.preparation), 32)
        torch.testing.assert_close(features, reference, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("feature_layer", [-2, 1, [0, -2]])
def test_features_come_from_the_layers_that_the_configuration_names(
    tmp_path: Path, feature_layer: int | list[int]
) -> None:
    make_checkpoint(tmp_path, feature_layer=feature_layer)
    checkpoint = load_checkpoint(tmp_path)
    image = prepare_image(picture(70, 90), checkpoint.preparation)
    reference = checkpoint.model.get_image_features(torch.from_numpy(image.tiles)[None], torch.tensor([[70, 90]]))
    (features,) = encode_images(checkpoint.model, [image])
    torch.testing.assert_close(features, reference.pooler_output[0], atol=1e-5, rtol=1e-5)


def test_layer_states_are_means_and_spreads_over_the_base_view_of_each_image(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    checkpoint = load_checkpoint(tmp_path)
    images = [prepare_image(picture(*size), checkpoint.preparation) for size in ((60, 60), (30, 100), (100, 30))]
    features, states = encode_images_and_layers(checkpoint.model, images, (0, 2))
    assert [len(rows) for rows in features] == [len(rows) for rows in encode_images(checkpoint.model, images)]
    vision = checkpoint.model.model.vision_tower
    bases = torch.from_numpy(np.stack([image.tiles[0] for image in images]))
    hidden = vision(bases, output_hidden_states=True).hidden_states
    wanted = [part for n in (0, 2) for part in (hidden[n].mean(1), (hidden[n].std(1, correction=0) + 1e-3).log())]
    torch.testing.assert_close(states, torch.cat(wanted, dim=-1))


@pytest.mark.parametrize("size", [(56, 56), (41, 97), (300, 20)])
def test_whole_prompt_gives_the_logits_of_transformers(tmp_path: Path, size: tuple[int, int]) -> None:
    make_checkpoint(tmp_path, naming=Naming.published, tied=False)
    checkpoint = load_checkpoint(tmp_path)
    image = prepare_image(picture(*size), checkpoint.preparation)
    text = f"<|im_start|>user\n{IMAGE * image_token_count(*size, checkpoint.preparation)}\nIs it safe?<|im_end|>\n"
    ids = checkpoint.tokenizer(text, return_tensors="pt")["input_ids"]
    reference = checkpoint.model(
        input_ids=ids, pixel_values=torch.from_numpy(image.tiles)[None], image_sizes=torch.tensor([size])
    ).logits

    embeddings = checkpoint.model.get_input_embeddings()(ids).clone()
    embeddings[ids == checkpoint.image_token_id] = encode_images(checkpoint.model, [image])[0]
    ours = checkpoint.model(inputs_embeds=embeddings).logits

    torch.testing.assert_close(ours, reference, atol=1e-4, rtol=1e-4)


def test_sharded_weights_load_completely(tmp_path: Path) -> None:
    saved = make_checkpoint(tmp_path, naming=Naming.published, shards=3).state_dict()
    assert not (tmp_path / WEIGHTS).exists()
    loaded = load_checkpoint(tmp_path).model.state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in saved.items())


def test_tied_checkpoint_may_write_its_head_twice(tmp_path: Path) -> None:
    saved = make_checkpoint(tmp_path, naming=Naming.published, tied=True, write_head=True)
    assert "language_model.lm_head.weight" in load_file(tmp_path / WEIGHTS)
    assert torch.equal(load_checkpoint(tmp_path).model.lm_head.weight, saved.lm_head.weight)


@pytest.mark.parametrize("naming", list(Naming))
@pytest.mark.parametrize("lost", ["image_newline", "linear_2.bias", "layers.1.mlp.up_proj.weight"])
def test_missing_tensor_is_named_and_never_made_up(tmp_path: Path, naming: Naming, lost: str) -> None:
    make_checkpoint(tmp_path, naming=naming)
    change_weights(tmp_path, lambda tensors: {name: t for name, t in tensors.items() if not name.endswith(lost)})
    with pytest.raises(CheckpointError, match=rf"1 tensors are missing \(.*{lost}"):
        load_checkpoint(tmp_path)


def test_missing_head_of_an_untied_model_is_refused(tmp_path: Path) -> None:
    make_checkpoint(tmp_path, tied=False, write_head=False)
    with pytest.raises(CheckpointError, match=r"1 tensors are missing \(lm_head.weight\)"):
        load_checkpoint(tmp_path)


def test_unexpected_tensor_is_named(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    change_weights(tmp_path, lambda tensors: tensors | {"model.language_model.layers.2.extra": torch.zeros(2)})
    with pytest.raises(CheckpointError, match=r"no place in the model \(model.language_model.layers.2.extra\)"):
        load_checkpoint(tmp_path)


def test_tensor_of_another_shape_is_named(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    change_weights(tmp_path, lambda tensors: tensors | {"model.image_newline": torch.zeros(7)})
    with pytest.raises(CheckpointError, match=r"1 tensors have another shape \(model.image_newline\)"):
        load_checkpoint(tmp_path)


def test_weights_in_another_format_are_refused(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    (tmp_path / WEIGHTS).rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="pytorch_model.bin; Eyeward reads safetensors only"):
        load_checkpoint(tmp_path)


def test_pickle_with_the_name_of_safetensors_is_refused_and_not_run(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    torch.save({"weight": torch.zeros(3)}, tmp_path / WEIGHTS)
    with pytest.raises(CheckpointError, match=r"model.safetensors is not a whole safetensors file"):
        load_checkpoint(tmp_path)


def test_cut_off_weights_are_refused(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    content = (tmp_path / WEIGHTS).read_bytes()
    (tmp_path / WEIGHTS).write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        load_checkpoint(tmp_path)


def test_missing_shard_is_named(tmp_path: Path) -> None:
    make_checkpoint(tmp_path, shards=2)
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(CheckpointError, match="lacks model-00002-of-00002.safetensors"):
        load_checkpoint(tmp_path)


def test_index_that_points_outside_the_folder_is_refused(tmp_path: Path) -> None:
    make_checkpoint(tmp_path, shards=2)
    write_json(tmp_path / "model.safetensors.index.json", {"weight_map": {"a": "../elsewhere.safetensors"}})
    with pytest.raises(CheckpointError, match="lie beside it"):
        load_checkpoint(tmp_path)


def test_code_in_the_folder_is_never_run(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    (tmp_path / "evil.py").write_text("raise SystemExit('ran code from a checkpoint')", encoding="utf-8")
    auto = {"AutoConfig": "evil.Config", "AutoModel": "evil.Model", "AutoTokenizer": ["evil.Slow", "evil.Fast"]}
    change_json(tmp_path / "config.json", lambda content: content | {"auto_map": auto})
    change_json(tmp_path / "tokenizer_config.json", lambda content: content | {"auto_map": auto})
    assert load_checkpoint(tmp_path).model is not None


def test_folder_loads_without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_checkpoint(tmp_path)

    def no_network(*_: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket.socket, "connect", no_network)
    assert load_checkpoint(tmp_path).tokenizer.decode([3]) == IMAGE


@pytest.mark.parametrize("field", ["image_token_id", "image_token_index"])
def test_image_token_is_read_under_both_its_names(tmp_path: Path, field: str) -> None:
    make_checkpoint(tmp_path)
    change_json(
        tmp_path / "config.json",
        lambda content: {name: value for name, value in content.items() if "image_token" not in name} | {field: 3},
    )
    checkpoint = load_checkpoint(tmp_path)
    assert (checkpoint.image_token, checkpoint.image_token_id) == (IMAGE, 3)


def test_image_token_unknown_to_the_tokenizer_is_refused(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    change_json(tmp_path / "config.json", lambda content: content | {"image_token_index": 9_999})
    with pytest.raises(CheckpointError, match=r"image token of config.json, 9999"):
        load_checkpoint(tmp_path)


def test_tokenizer_of_a_larger_model_is_refused(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    tokenizer = load_checkpoint(tmp_path).tokenizer
    tokenizer.add_tokens([f"<extra {number}>" for number in range(9)])
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="they do not belong together"):
        load_checkpoint(tmp_path)


def test_answers_end_where_the_generation_configuration_says(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    assert load_checkpoint(tmp_path).eos_token_ids == (2,)
    write_json(tmp_path / "generation_config.json", {"eos_token_id": [2, 0]})
    assert load_checkpoint(tmp_path).eos_token_ids == (2, 0)


def test_chat_template_is_found_wherever_it_is_published(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    jinja = tmp_path / "chat_template.jinja"
    published = jinja.read_text(encoding="utf-8")
    write_json(tmp_path / "chat_template.json", {"chat_template": "from json"})
    assert load_checkpoint(tmp_path).chat_template == published
    jinja.unlink()
    assert load_checkpoint(tmp_path).chat_template == "from json"
    (tmp_path / "chat_template.json").unlink()
    assert load_checkpoint(tmp_path).chat_template is None
    named = [{"name": "rag", "template": "other"}, {"name": "default", "template": "from the tokenizer"}]
    change_json(tmp_path / "tokenizer_config.json", lambda content: content | {"chat_template": named})
    assert load_checkpoint(tmp_path).chat_template == "from the tokenizer"


def test_revision_follows_the_weights_alone(tmp_path: Path) -> None:
    for name, seed, shards in (("a", 1, 1), ("b", 1, 1), ("c", 2, 1), ("d", 1, 2)):
        make_checkpoint(tmp_path / name, seed=seed, shards=shards)
    a, b, c, d = (load_checkpoint(tmp_path / name).revision for name in "abcd")
    assert a == b
    assert len({a, c, d}) == 3
    assert all(len(revision) == 64 for revision in (a, c, d))


def test_revision_of_a_hub_snapshot_is_its_commit(tmp_path: Path) -> None:
    folder = tmp_path / "snapshots" / ("0a" * 20)
    make_checkpoint(folder)
    assert load_checkpoint(folder).revision == "0a" * 20


@pytest.mark.parametrize(("name", "revision"), [("owner/guard", None), ("owner/guard@v2", "v2")])
def test_hub_id_is_fetched_at_its_revision_without_unsafe_formats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, revision: str | None
) -> None:
    folder = tmp_path / "snapshots" / ("1b" * 20)
    make_checkpoint(folder)
    asked: list[tuple[str, str | None]] = []

    def fetch(repository: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        asked.append((repository, revision))
        assert not {".bin", ".py", ".pt", ".pth"} & {Path(pattern).suffix for pattern in allow_patterns}
        assert "*.png" in allow_patterns  # the probe images of the self check
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    checkpoint = load_checkpoint(name)
    assert asked == [("owner/guard", revision)]
    assert (checkpoint.folder, checkpoint.revision) == (folder, "1b" * 20)


def test_other_model_families_are_pointed_to_a_server(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    change_json(tmp_path / "config.json", lambda content: content | {"model_type": "mllama"})
    with pytest.raises(CheckpointError, match=r"'mllama'.*llava_onevision.*vLLM"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./nowhere/at/all", "neither a folder nor a Hub id"),
        ("owner/name", "could not be fetched from the Hub"),
        ("owner/name@v1", "could not be fetched from the Hub"),
    ],
)
def test_unknown_name_says_what_a_name_can_be(name: str, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        find_folder(name)


def test_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match="is a file; give the folder"):
        load_checkpoint(tmp_path / WEIGHTS)


def test_folder_without_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"config.json is missing"):
        load_checkpoint(tmp_path)


def test_unknown_dtype_is_refused(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match="'int8' is not one of auto"):
        load_checkpoint(tmp_path, dtype="int8")
    assert load_checkpoint(tmp_path, dtype="bfloat16").model.dtype is torch.bfloat16


def picture(height: int, width: int) -> Image.Image:
    """Noise over a slope, the same for the same size."""
    random = np.random.default_rng(height * 10_000 + width)
    slope = np.linspace(0, 120, height * width).reshape(height, width, 1)
    return Image.fromarray((slope + random.integers(0, 120, (height, width, 3))).astype(np.uint8))


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
    """Rewrite the tensors of a folder."""
    save_file(change(load_file(folder / WEIGHTS)), folder / WEIGHTS, metadata={"format": "pt"})


def change_json(file: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Rewrite a JSON file."""
    write_json(file, change(json.loads(file.read_text(encoding="utf-8"))))


@pytest.mark.parametrize(
    ("stored", "device", "fast", "chosen"),
    [
        ("bfloat16", "cpu", True, torch.bfloat16),
        ("float16", "cpu", True, torch.bfloat16),
        ("bfloat16", "cpu", False, torch.float32),
        ("float32", "cpu", True, torch.float32),
        (None, "cpu", True, torch.float32),
        ("float16", "cuda", False, torch.float16),
        (None, "cuda", False, torch.bfloat16),
    ],
)
def test_precision_is_the_checkpoints_own_where_the_processor_has_it(
    stored: str | None, device: str, fast: bool, chosen: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint_module, "has_bfloat16", lambda: fast)
    for key in ("dtype", "torch_dtype"):
        settings = {} if stored is None else {key: stored}
        assert choose_dtype("auto", torch.device(device), settings) is chosen
        assert choose_dtype("float32", torch.device(device), settings) is torch.float32
