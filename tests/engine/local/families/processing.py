"""Transformers' own processors, put together as its AutoProcessor does it where torchvision is missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil
from transformers.models.llava.processing_llava import LlavaProcessor
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil
from transformers.models.llava_next.processing_llava_next import LlavaNextProcessor
from transformers.models.qwen2_5_vl.processing_qwen2_5_vl import Qwen2_5_VLProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.processing_utils import ProcessorMixin

from eyeward.engine.local.checkpoint import LoadedCheckpoint
from eyeward.engine.protocol import Prompt, TextSegment

IMAGE_PROCESSORS: dict[str, Any] = {
    "CLIPImageProcessor": CLIPImageProcessorPil,
    "LlavaImageProcessor": LlavaImageProcessorPil,
    "LlavaNextImageProcessor": LlavaNextImageProcessorPil,
    "Qwen2VLImageProcessor": Qwen2VLImageProcessorPil,
}


class WithoutVideo(Qwen2_5_VLProcessor):
    """That of Qwen2.5-VL without its video processor, which needs torchvision."""

    def __init__(self, image_processor: Any = None, tokenizer: Any = None) -> None:
        self.image_token, self.video_token = "<|image_pad|>", "<|video_pad|>"
        self.image_token_id = tokenizer.convert_tokens_to_ids(self.image_token)
        self.video_token_id = tokenizer.convert_tokens_to_ids(self.video_token)
        parent: Any = ProcessorMixin
        parent.__init__(self, image_processor, tokenizer)


def image_processor(folder: Path) -> Any:
    """Load the image processor that a folder names."""
    settings = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
    return IMAGE_PROCESSORS[settings["image_processor_type"]].from_pretrained(folder)


def processor(checkpoint: LoadedCheckpoint) -> Any:
    """Load what prepares images and text for a checkpoint's model."""
    images, tokenizer = image_processor(checkpoint.folder), checkpoint.tokenizer
    kind = checkpoint.model.config.model_type
    if kind == "qwen2_5_vl":
        return WithoutVideo(images, tokenizer)
    file = checkpoint.folder / "processor_config.json"
    settings = json.loads(file.read_text(encoding="utf-8"))
    settings.pop("processor_class")
    llava: Any = LlavaProcessor if kind == "llava" else LlavaNextProcessor
    return llava(image_processor=images, tokenizer=tokenizer, **settings)


def inputs(checkpoint: LoadedCheckpoint, asked: Prompt) -> dict[str, torch.Tensor]:
    """Give what transformers' model wants for a prompt with one image."""
    image_token = checkpoint.image_token
    text = "".join(s.text if isinstance(s, TextSegment) else image_token for s in asked.segments)
    made = processor(checkpoint)(images=list(asked.images), text=[text], return_tensors="pt")
    return dict(made)


def teach(checkpoint: LoadedCheckpoint, lessons: Sequence[tuple[Prompt, tuple[int, ...]]], steps: int = 60) -> None:
    """Train a model until it gives these answers, in tokens."""
    model: Any = checkpoint.model
    batches = []
    for asked, answer in lessons:
        given = inputs(checkpoint, asked)
        wanted = torch.tensor([[*answer, checkpoint.eos_token_ids[0]]])
        before = given["input_ids"]
        given["input_ids"] = torch.cat((before, wanted), dim=1)
        given["labels"] = torch.cat((torch.full_like(before, -100), wanted), dim=1)
        given["attention_mask"] = torch.ones_like(given["input_ids"])
        if "mm_token_type_ids" in given:
            kinds = given["mm_token_type_ids"]
            given["mm_token_type_ids"] = torch.cat((kinds, torch.zeros_like(wanted).to(kinds)), dim=1)
        batches.append(given)
    model.requires_grad_(True)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name and name.endswith("weight"):
                parameter.fill_(1.0)
            else:
                parameter.mul_(0.5)
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-3, weight_decay=0.0)
    for _ in range(steps):
        for batch in batches:
            (model(**batch).loss / len(batches)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    model.requires_grad_(False)


def noise(seed: int, width: int, height: int) -> Image.Image:
    """Draw noise over a slope."""
    import numpy as np

    values = np.random.default_rng(seed).integers(0, 128, (height, width, 3), dtype=np.uint8)
    slope = np.linspace(0, 127, height * width).reshape(height, width, 1).astype(np.uint8)
    return Image.fromarray(values + slope)
