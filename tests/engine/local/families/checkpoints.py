"""Tiny random checkpoints of the other families, with configurations and tokenizers of the published kinds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
)

from benchmarks.byte_level_bpe import byte_level_bpe
from tests.engine.local.tiny import CORPUS, Naming, llava_names, random_model, write_json, write_weights

VICUNA_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': '}}{% endif %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}"
    "{% if message['role'] != 'assistant' %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] + ' '}}"
    "{% endfor %}{% else %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{% generation %}{{ content['text'] + ' '}}{% endgeneration %}{% endfor %}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
"""That of llava-1.5-7b-hf."""
QWEN_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}<|im_start|>system\n"
    "You are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n{% else %}"
    "{% for content in message['content'] %}{% if content['type'] == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% elif 'text' in content %}{{ content['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""That of Qwen2.5-VL, for one image without video."""
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
LLAMA_SPECIALS = ("<unk>", "<s>", "</s>", "<image>", "<pad>")
QWEN_SPECIALS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)


def llama_tokenizer() -> PreTrainedTokenizerFast:
    """Train a BPE as Llama has it: blanks in words, a mark at the beginning, newlines and the unknown in bytes."""
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=520, min_frequency=1, show_progress=False, special_tokens=[*LLAMA_SPECIALS, *bytes_]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split("\u2581", "merged_with_next")
    letters = "USER: ASSISTANT: abcdefghijklmnopqrstuvwxyz0123456789"
    tokenizer.train_from_iterator([text.replace("\n", "") for text in (*CORPUS, letters)], trainer)
    tokenizer.pre_tokenizer = None
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    wrap: Any = PreTrainedTokenizerFast
    wrapped: PreTrainedTokenizerFast = wrap(
        tokenizer_object=_only_special(tokenizer, LLAMA_SPECIALS),
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        additional_special_tokens=["<image>"],
        clean_up_tokenization_spaces=False,
    )
    return wrapped


def qwen_tokenizer() -> PreTrainedTokenizerFast:
    """Train a byte-level BPE with the special tokens of Qwen2.5-VL."""
    return byte_level_bpe(CORPUS, QWEN_SPECIALS, end="<|im_end|>", pad="<|endoftext|>", size=420, min_frequency=1)


def make_llava(
    folder: Path,
    *,
    naming: Naming = Naming.published,
    tied: bool = False,
    shards: int = 1,
    side: int = 56,
    **images: Any,
) -> Any:
    """Write a LLaVA-1.5 checkpoint; `images` changes its image settings. The published ones have sides of 336."""
    tokenizer: Any = llama_tokenizer()
    config = LlavaConfig(
        vision_config=_clip(side),
        text_config=_llama(tokenizer, tied),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        tie_word_embeddings=tied,
    )
    model = random_model(LlavaForConditionalGeneration, config)
    write_weights(model, folder, llava_names(naming), tied, shards)
    settings = {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": side},
        "crop_size": {"height": side, "width": side},
        "do_center_crop": True,
    }
    _write_rest(folder, config, model, tokenizer, VICUNA_TEMPLATE, settings | images)
    write_json(
        folder / "processor_config.json",
        {
            "processor_class": "LlavaProcessor",
            "patch_size": 14,
            "vision_feature_select_strategy": "default",
            "num_additional_image_tokens": 1,
            "image_token": "<image>",
        },
    )
    return model


def make_llava_next(
    folder: Path,
    *,
    naming: Naming = Naming.published,
    tied: bool = False,
    shards: int = 1,
    side: int = 56,
    grids: tuple[tuple[int, int], ...] = ((1, 2), (2, 1), (2, 2), (3, 1), (1, 3)),
    **images: Any,
) -> Any:
    """Write a LLaVA-1.6 checkpoint; its grids are those that all published ones have, in tiles."""
    tokenizer: Any = llama_tokenizer()
    pinpoints = [[side * down, side * across] for down, across in grids]
    config = LlavaNextConfig(
        vision_config=_clip(side),
        text_config=_llama(tokenizer, tied),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=pinpoints,
        tie_word_embeddings=tied,
    )
    model = random_model(LlavaNextForConditionalGeneration, config)
    write_weights(model, folder, llava_names(naming), tied, shards)
    settings = {
        "image_processor_type": "LlavaNextImageProcessor",
        "size": {"shortest_edge": side},
        "crop_size": {"height": side, "width": side},
        "do_center_crop": True,
        "do_pad": True,
        "image_grid_pinpoints": pinpoints,
    }
    _write_rest(folder, config, model, tokenizer, VICUNA_TEMPLATE, settings | images)
    write_json(
        folder / "processor_config.json",
        {
            "processor_class": "LlavaNextProcessor",
            "patch_size": 14,
            "vision_feature_select_strategy": "default",
            "num_additional_image_tokens": 1,
            "image_token": "<image>",
        },
    )
    return model


def make_qwen(
    folder: Path, *, naming: Naming = Naming.published, tied: bool = True, shards: int = 1, **images: Any
) -> Any:
    """Write a Qwen2.5-VL checkpoint. That of 3B is tied, that of 7B is not; windows of 4 x 4 tokens as published."""
    tokenizer: Any = qwen_tokenizer()
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in QWEN_SPECIALS}
    config = Qwen2_5_VLConfig(
        vision_config={
            "depth": 4,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "out_hidden_size": 64,
            "fullatt_block_indexes": [1, 3],
            "window_size": 112,
        },
        text_config={
            "vocab_size": len(tokenizer) + 4,
            "hidden_size": 64,
            "intermediate_size": 96,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 4096,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]},
            "bos_token_id": ids["<|endoftext|>"],
            "eos_token_id": ids["<|im_end|>"],
            "pad_token_id": ids["<|endoftext|>"],
            "tie_word_embeddings": tied,
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=tied,
    )
    model = random_model(Qwen2_5_VLForConditionalGeneration, config)
    write_weights(model, folder, _qwen_names(naming), tied, shards)
    settings = {
        "image_processor_type": "Qwen2VLImageProcessor",
        "min_pixels": 3136,
        "max_pixels": 112 * 112,
        "patch_size": 14,
        "temporal_patch_size": 2,
        "merge_size": 2,
    }
    _write_rest(folder, config, model, tokenizer, QWEN_TEMPLATE, settings | images)
    return model


def _only_special(tokenizer: Tokenizer, special: tuple[str, ...]) -> Tokenizer:
    """Let the tokens of single bytes be ordinary ones: the trainer knows of no other way to put them first."""
    import json

    content = json.loads(tokenizer.to_str())
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] in special]
    return Tokenizer.from_str(json.dumps(content))


def _clip(side: int) -> CLIPVisionConfig:
    return CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=side,
        patch_size=14,
        projection_dim=24,
    )


def _llama(tokenizer: Any, tied: bool) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer) + 4,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=4096,
        rms_norm_eps=1e-5,
        tie_word_embeddings=tied,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def _qwen_names(naming: Naming) -> Callable[[str], str]:
    def rename(name: str) -> str:
        if naming is not Naming.published:
            return name
        return name.replace("model.visual.", "visual.", 1).replace("model.language_model.", "model.", 1)

    return rename


def _write_rest(folder: Path, config: Any, model: Any, tokenizer: Any, template: str, images: dict[str, Any]) -> None:
    write_json(folder / "config.json", {**config.to_dict(), "architectures": [type(model).__name__]})
    tokenizer.save_pretrained(folder)
    write_json(folder / "chat_template.json", {"chat_template": template})
    usual = {"image_mean": MEAN, "image_std": STD, "resample": 3, "rescale_factor": 1 / 255, "do_convert_rgb": True}
    write_json(folder / "preprocessor_config.json", usual | images)


MAKERS: dict[str, Callable[..., Any]] = {"llava": make_llava, "llava_next": make_llava_next, "qwen2_5_vl": make_qwen}
"""What makes a checkpoint of each `model_type`, given a folder."""
