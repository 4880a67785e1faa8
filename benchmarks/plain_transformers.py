"""What a user would write with transformers alone: prepare images, repeat the prompt for each, `generate`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

IMAGE_TOKEN = "<image>"


class PlainTransformers:
    """A LLaVA-OneVision checkpoint behind `generate`, in the dtype and on the threads that Eyeward uses beside it."""

    def __init__(self, folder: Path, dtype: torch.dtype) -> None:
        from transformers import AutoTokenizer, LlavaOnevisionForConditionalGeneration
        from transformers.models.llava_onevision.image_processing_pil_llava_onevision import (
            LlavaOnevisionImageProcessorPil,
        )

        load: Any = LlavaOnevisionForConditionalGeneration.from_pretrained
        self.model: Any = load(folder, dtype=dtype).train(False)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, padding_side="left")
        self.prepare: Any = LlavaOnevisionImageProcessorPil.from_pretrained(folder)

    def image_tokens(self, images: Sequence[Image.Image], prepared: Any) -> list[int]:
        """Count the image tokens of each image from the model's own features (not timed; do it once)."""
        with torch.inference_mode():
            features = self.model.model.get_image_features(
                prepared["pixel_values"].to(self.model.dtype), prepared["image_sizes"]
            )
        return [len(rows) for rows in features.pooler_output]

    def write(
        self, images: Sequence[Image.Image], prompt: str, counts: Sequence[int], most: int, batch: int, least: int = 0
    ) -> tuple[list[str], float]:
        """Answer every image by greedy decoding, `batch` at a time; give the texts and the seconds it took.

        `prompt` holds one image token, which is repeated `counts` times; `least` forbids an earlier end.
        """
        texts: list[str] = []
        started = time.perf_counter()
        for start in range(0, len(images), batch):
            chosen = list(images[start : start + batch])
            prepared = self.prepare(chosen, return_tensors="pt")
            expanded = [prompt.replace(IMAGE_TOKEN, IMAGE_TOKEN * count) for count in counts[start : start + batch]]
            ids = self.tokenizer(expanded, return_tensors="pt", padding=True, add_special_tokens=False)
            with torch.inference_mode():
                out = self.model.generate(
                    input_ids=ids["input_ids"],
                    attention_mask=ids["attention_mask"],
                    pixel_values=prepared["pixel_values"].to(self.model.dtype),
                    image_sizes=prepared["image_sizes"],
                    do_sample=False,
                    max_new_tokens=most,
                    min_new_tokens=least or None,
                )
            written = out[:, ids["input_ids"].shape[1] :]
            texts += self.tokenizer.batch_decode(written, skip_special_tokens=True)
        return texts, time.perf_counter() - started
