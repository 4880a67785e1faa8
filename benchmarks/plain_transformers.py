"""What a user would write with transformers alone: prepare images, repeat the prompt for each, `generate`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from eyeward.engine.protocol import TextSegment

IMAGE_TOKEN = "<image>"


def plain_prompt(question: Any) -> str:
    """Spell a question as transformers wants it, with one image token."""
    return "".join(s.text if isinstance(s, TextSegment) else IMAGE_TOKEN for s in question.segments)


class PlainTransformers:
    """A LLaVA-OneVision checkpoint behind `generate`, in the dtype and on the device that Eyeward uses beside it."""

    def __init__(self, folder: Path, dtype: torch.dtype, device: str = "cpu") -> None:
        from transformers import AutoTokenizer, LlavaOnevisionForConditionalGeneration
        from transformers.models.llava_onevision.image_processing_pil_llava_onevision import (
            LlavaOnevisionImageProcessorPil,
        )

        load: Any = LlavaOnevisionForConditionalGeneration.from_pretrained
        self.model: Any = load(folder, dtype=dtype).to(device).train(False)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, padding_side="left")
        self.prepare: Any = LlavaOnevisionImageProcessorPil.from_pretrained(folder)

    def image_tokens(self, images: Sequence[Image.Image]) -> list[int]:
        """Count the image tokens of each image from the model's own features (not timed; once for each size)."""
        counts: dict[tuple[int, int], int] = {}
        for image in images:
            if image.size not in counts:
                prepared = self.prepare([image], return_tensors="pt")
                with torch.inference_mode():
                    features = self.model.model.get_image_features(
                        prepared["pixel_values"].to(self.model.device, self.model.dtype), prepared["image_sizes"]
                    )
                counts[image.size] = len(features.pooler_output[0])
        return [counts[image.size] for image in images]

    def inputs(self, images: Sequence[Image.Image], prompt: str, counts: Sequence[int]) -> dict[str, Any]:
        """Prepare images and prompts for the model; the image token of the prompt is repeated `counts` times."""
        prepared = self.prepare(list(images), return_tensors="pt")
        expanded = [prompt.replace(IMAGE_TOKEN, IMAGE_TOKEN * count) for count in counts]
        ids = self.tokenizer(expanded, return_tensors="pt", padding=True, add_special_tokens=False)
        device = self.model.device
        return {
            "input_ids": ids["input_ids"].to(device),
            "attention_mask": ids["attention_mask"].to(device),
            "pixel_values": prepared["pixel_values"].to(device, self.model.dtype),
            "image_sizes": prepared["image_sizes"],
        }

    def write(
        self, images: Sequence[Image.Image], prompt: str, counts: Sequence[int], most: int, batch: int, least: int = 0
    ) -> tuple[list[str], float]:
        """Answer every image by greedy decoding, `batch` at a time; give the texts and the seconds it took.

        `least` forbids an earlier end.
        """
        texts: list[str] = []
        started = time.perf_counter()
        for start in range(0, len(images), batch):
            inputs = self.inputs(images[start : start + batch], prompt, counts[start : start + batch])
            with torch.inference_mode():
                out = self.model.generate(**inputs, do_sample=False, max_new_tokens=most, min_new_tokens=least or None)
            written = out[:, inputs["input_ids"].shape[1] :]
            texts += self.tokenizer.batch_decode(written, skip_special_tokens=True)
        return texts, time.perf_counter() - started

    def next_logits(self, image: Image.Image, prompt: str, count: int) -> torch.Tensor:
        """Return what the model says of the token after a prompt, [vocabulary], float32."""
        with torch.inference_mode():
            out = self.model(**self.inputs([image], prompt, [count]), logits_to_keep=1)
        logits: torch.Tensor = out.logits[0, -1].float()
        return logits
