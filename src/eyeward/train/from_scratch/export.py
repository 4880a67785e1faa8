"""Write a trained model as a Hugging Face checkpoint that transformers, vLLM and `load_guard` read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from eyeward.guard.tensor_names import publish_names
from eyeward.train.from_scratch.tokenizer import save_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import LlavaOnevisionForConditionalGeneration


def write_checkpoint(
    model: LlavaOnevisionForConditionalGeneration, tokenizer: Tokenizer, folder: Path, context_length: int
) -> None:
    """Write weights in bfloat16 with configuration, tokenizer and image settings; the model itself stays as it is.

    The tensors have the names of published checkpoints, which transformers and vLLM both read.
    """
    from transformers import GenerationConfig, LlavaOnevisionForConditionalGeneration

    folder.mkdir(parents=True, exist_ok=True)
    config: Any = model.config
    copy: Any = LlavaOnevisionForConditionalGeneration(model.config)
    copy.load_state_dict(model.state_dict())
    copy.tie_weights()
    text = config.text_config
    copy.generation_config = GenerationConfig(
        do_sample=False, eos_token_id=text.eos_token_id, pad_token_id=text.pad_token_id, max_new_tokens=200
    )
    copy.to(torch.bfloat16).save_pretrained(folder)
    publish_names(folder, config.to_dict())
    save_tokenizer(tokenizer, folder, context_length)
    side = config.vision_config.image_size
    settings = {
        "image_processor_type": "LlavaOnevisionImageProcessor",
        "processor_class": "LlavaOnevisionProcessor",
        "size": {"height": side, "width": side},
        "image_grid_pinpoints": config.image_grid_pinpoints,
        "do_resize": True,
        "resample": 3,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "do_convert_rgb": True,
        "do_pad": True,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    processor = {
        "processor_class": "LlavaOnevisionProcessor",
        "num_image_tokens": (side // config.vision_config.patch_size) ** 2,
        "vision_feature_select_strategy": config.vision_feature_select_strategy,
        "vision_aspect_ratio": config.vision_aspect_ratio,
    }
    (folder / "processor_config.json").write_text(json.dumps(processor, indent=2) + "\n")
