"""Random LLaVA-OneVision checkpoints of a few thousand parameters, with a real tokenizer, in Hugging Face format."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import (
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    PreTrainedTokenizerFast,
    Qwen2Config,
    SiglipVisionConfig,
)

from benchmarks.byte_level_bpe import byte_level_bpe

END_OF_TEXT, TURN_START, TURN_END, IMAGE, VIDEO = "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>", "<video>"
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>\n{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CORPUS = (
    '{"rating": "Unsafe", "category": "O6: Weapons or Substance Abuse", "rationale": "A knife lies on a table."}',
    '{"rating": "Safe", "category": "NA: None applying", "rationale": "A dog sleeps under a tree."}',
    '{\n    "rating": "Safe",\n    "category": "O1: Hate, Humiliation, Harassment",\n    "rationale": "A banner."\n}',
    '{"decision": "Review Needed", "image-category": "O3: Sexual Content", "assessment": "Compliant"}',
    "Provide a safety assessment. Should not: show weapons being used. Can: show weapons in a museum.",
)


class Naming(StrEnum):
    """The ways in which published checkpoints name their tensors."""

    published = "published"
    """`language_model.model.layers`, `vision_tower.vision_model`, `language_model.lm_head`: LlavaGuard -hf."""
    nested = "nested"
    """`model.language_model.layers`, `model.vision_tower.vision_model`, `lm_head`: transformers 4.52 to 5.0."""
    current = "current"
    """`model.language_model.layers`, `model.vision_tower.encoder`, `lm_head`."""


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Train a byte-level BPE on a few answers: it merges across quotes and colons, as those of real models do."""
    special = (END_OF_TEXT, TURN_START, TURN_END, IMAGE, VIDEO)
    return byte_level_bpe(CORPUS, special, end=TURN_END, pad=END_OF_TEXT, size=420, min_frequency=1)


def make_checkpoint(
    folder: Path,
    *,
    naming: Naming = Naming.current,
    tied: bool = True,
    write_head: bool | None = None,
    shards: int = 1,
    pinpoints: tuple[tuple[int, int], ...] = ((56, 56), (56, 112), (112, 56), (112, 112)),
    tile_size: int = 56,
    feature_layer: int | list[int] = -1,
    max_tiles: int = 9,
    context_length: int = 4096,
    seed: int = 0,
) -> LlavaOnevisionForConditionalGeneration:
    """Write a checkpoint to `folder` and return its model. `write_head` says whether `lm_head` is in the file."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer: Any = make_tokenizer()
    config = LlavaOnevisionConfig(
        vision_config=SiglipVisionConfig(
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=3,
            num_attention_heads=2,
            image_size=tile_size,
            patch_size=14,
            vision_use_head=False,
        ),
        text_config=Qwen2Config(
            vocab_size=len(tokenizer) + 4,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=context_length,
            tie_word_embeddings=tied,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        ),
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
        video_token_index=tokenizer.convert_tokens_to_ids(VIDEO),
        image_grid_pinpoints=[list(point) for point in pinpoints],
        vision_feature_layer=feature_layer,
        vision_aspect_ratio=f"anyres_max_{max_tiles}",
        tie_word_embeddings=tied,
    )
    model: LlavaOnevisionForConditionalGeneration = random_model(LlavaOnevisionForConditionalGeneration, config, seed)
    write_weights(model, folder, llava_names(naming), tied if write_head is None else not write_head, shards)

    write_json(folder / "config.json", {**config.to_dict(), "architectures": [type(model).__name__]})
    tokenizer.save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
    write_json(
        folder / "preprocessor_config.json",
        {
            "image_processor_type": "LlavaOnevisionImageProcessor",
            "image_grid_pinpoints": [list(point) for point in pinpoints],
            "image_mean": [0.48, 0.45, 0.41],
            "image_std": [0.27, 0.26, 0.28],
            "resample": 3,
            "rescale_factor": 0.00392156862745098,
            "size": {"height": tile_size, "width": tile_size},
        },
    )
    return model


def write_json(file: Path, content: dict[str, Any]) -> None:
    """Write one of the folder's JSON files."""
    file.write_text(json.dumps(content, indent=1), encoding="utf-8")


def random_model(kind: Callable[[Any], Any], config: Any, seed: int = 0) -> Any:
    """Return a model with random weights that learn nothing by themselves."""
    torch.manual_seed(seed)
    model = kind(config)
    model.train(False)
    model.requires_grad_(False)
    for parameter in model.parameters():
        parameter.normal_(std=0.2)
    return model


def write_weights(model: Any, folder: Path, rename: Callable[[str], str], leave_head: bool, shards: int) -> None:
    """Write the tensors of a model under other names, into one file or several."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        rename(name): tensor.clone().contiguous()
        for name, tensor in model.state_dict().items()
        if not (leave_head and name == "lm_head.weight")
    }
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    names = sorted(tensors)
    files = {name: f"model-{1 + place % shards:05}-of-{shards:05}.safetensors" for place, name in enumerate(names)}
    for file in sorted(set(files.values())):
        part = {name: tensors[name] for name in names if files[name] == file}
        save_file(part, folder / file, metadata={"format": "pt"})
    write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": files})


def llava_names(naming: Naming) -> Callable[[str], str]:
    """Return what names the tensors of LLaVA's families."""

    def rename(name: str) -> str:
        if naming is Naming.current:
            return name
        name = name.replace("model.vision_tower.", "model.vision_tower.vision_model.", 1)
        if naming is Naming.nested:
            return name
        if name == "lm_head.weight":
            return "language_model.lm_head.weight"
        return name.removeprefix("model.").replace("language_model.", "language_model.model.", 1)

    return rename
