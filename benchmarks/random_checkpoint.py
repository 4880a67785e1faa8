"""LLaVA-OneVision checkpoints of the published shapes with random weights: for speed, never for verdicts.

The tokenizer is a byte-level BPE learned from the policies and docs that ship here, so that prompts have about as many
tokens as with the published one; the embedding has the published number of rows.
"""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Any

import torch

from benchmarks.byte_level_bpe import byte_level_bpe
from eyeward.policy import EYEWARD, PUBLISHED_2025, Policy
from eyeward.policy.loading import pack_names
from eyeward.policy.render import render

END_OF_TEXT, TURN_START, TURN_END, IMAGE, VIDEO = "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>", "<video>"
TILE = 384
PINPOINTS = [[TILE * rows, TILE * columns] for rows in range(1, 7) for columns in range(1, 7)]
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + ' ' }}"
    "{% for part in message['content'] if part['type'] == 'image' %}{{ '<image>' }}{% endfor %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ '\\n' + part['text'] }}{% endfor %}"
    "{{ '<|im_end|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""Puts all images first, as the published one does."""
IN_ORDER_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}{{ '<image>\\n' }}"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{{ '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


class Shape(StrEnum):
    """Sizes that were published."""

    half_billion = "0.5b"
    seven_billion = "7b"


LANGUAGE: dict[Shape, dict[str, Any]] = {
    Shape.half_billion: {
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "vocab_size": 152000,
        "tie_word_embeddings": True,
    },
    Shape.seven_billion: {
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "vocab_size": 152128,
        "tie_word_embeddings": False,
    },
}
VISION: dict[str, Any] = {
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_hidden_layers": 26,
    "num_attention_heads": 16,
    "image_size": TILE,
    "patch_size": 14,
    "vision_use_head": False,
}


def make_random_checkpoint(folder: Path, shape: Shape, policy_first: bool, device: str = "cpu") -> Path:
    """Write a checkpoint into a new folder, weights in bfloat16; return the folder. One that is there is kept."""
    if (folder / "eyeward.json").is_file():
        return folder
    from transformers import LlavaOnevisionConfig, LlavaOnevisionForConditionalGeneration, Qwen2Config
    from transformers import SiglipVisionConfig as VisionConfig

    from eyeward.guard.card import EyewardCard, published_card

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer()
    language = LANGUAGE[shape]
    config = LlavaOnevisionConfig(
        vision_config=VisionConfig(**VISION),
        text_config=Qwen2Config(
            **language,
            max_position_embeddings=32768,
            rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        ),
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
        video_token_index=tokenizer.convert_tokens_to_ids(VIDEO),
        image_grid_pinpoints=PINPOINTS,
        vision_feature_layer=-1,
        vision_aspect_ratio="anyres_max_9",
        tie_word_embeddings=language["tie_word_embeddings"],
        dtype="bfloat16",
    )
    torch.manual_seed(0)
    with torch.device("meta"):
        model: Any = LlavaOnevisionForConditionalGeneration(config)
    model = model.to(torch.bfloat16).to_empty(device=device).requires_grad_(False)
    for name, tensor in model.named_parameters():
        torch.nn.init.ones_(tensor) if "norm" in name and name.endswith("weight") else tensor.normal_(std=0.02)
    model.tie_weights()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    template = IN_ORDER_TEMPLATE if policy_first else CHAT_TEMPLATE
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    images = {
        "image_processor_type": "LlavaOnevisionImageProcessor",
        "image_grid_pinpoints": PINPOINTS,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "resample": 3,
        "rescale_factor": 1 / 255,
        "size": {"height": TILE, "width": TILE},
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(images), encoding="utf-8")
    name = f"random-{shape.value}"
    card = EyewardCard(name=name, wording=PUBLISHED_2025) if policy_first else published_card(name)
    card.write(folder)
    return folder


def _tokenizer() -> Any:
    docs = Path(__file__).resolve().parent.parent / "docs"
    texts = [page.read_text(encoding="utf-8") for page in sorted(docs.rglob("*.md"))]
    texts += [render(Policy.load(name), wording).text for name in pack_names() for wording in (EYEWARD, PUBLISHED_2025)]
    special = (END_OF_TEXT, TURN_START, TURN_END, IMAGE, VIDEO)
    return byte_level_bpe(texts, special, end=TURN_END, pad=END_OF_TEXT, size=8192, min_frequency=3)
