"""Prompts for tiny checkpoints, and a lesson that teaches one to answer them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from eyeward.engine.local.checkpoint import LoadedCheckpoint
from eyeward.engine.local.preparation import prepare_image
from eyeward.engine.local.tokens import PromptTokens
from eyeward.engine.protocol import (
    AnswerForm,
    Exclusion,
    Forced,
    ImageSegment,
    LabelSlot,
    Prompt,
    Segment,
    TextSegment,
    TextSlot,
)
from eyeward.engine.rating import RatingRule

HATE, WEAPONS, NONE = "O1: Hate, Humiliation, Harassment", "O6: Weapons or Substance Abuse", "NA: None applying"
POLICY = "Should not: show weapons being used. Can: show weapons in a museum."
OPENING, HAND_OVER = "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"
RULE = RatingRule(slot="rating", positive="Unsafe", negative="Safe", category_slot="category")

Layout = tuple[str, str, str, str]
"""The forced text around rating, category and rationale."""
COMPACT = ('{"rating": "', '", "category": "', '", "rationale": "', '"}')
INDENTED = ('{\n    "rating": "', '",\n    "category": "', '",\n    "rationale": "', '"\n}')


def form(
    layout: Layout = COMPACT,
    labels: Sequence[str] = (HATE, WEAPONS),
    ratings: tuple[str, str] = ("Unsafe", "Safe"),
    max_tokens: int = 24,
) -> AnswerForm:
    """Lay out an answer with two categories."""
    category = LabelSlot("category", (*labels, NONE), (Exclusion(NONE, "rating", ratings[0]),))
    texts = [Forced(text) for text in layout]
    return AnswerForm(
        (
            texts[0],
            LabelSlot("rating", ratings),
            texts[1],
            category,
            texts[2],
            TextSlot("rationale", max_tokens),
            texts[3],
        )
    )


def prompt(
    image: Image.Image,
    policy: str = POLICY,
    *,
    image_first: bool = False,
    shared: bool = True,
    explain: bool = False,
    rule: RatingRule | None = None,
    answer: AnswerForm | None = None,
    feature_layers: tuple[int, ...] = (),
) -> Prompt:
    """Ask about an image."""
    segments: tuple[Segment, ...] = (
        TextSegment(f"{OPENING}{policy}\n"),
        ImageSegment(0),
        TextSegment(f"\n{HAND_OVER}"),
    )
    if image_first:
        segments = TextSegment(OPENING), ImageSegment(0), TextSegment(f"\n{policy}{HAND_OVER}")
    count = (2 if image_first else 1) if shared else 0
    return Prompt(segments, (image,), answer or form(), count, explain, rule, feature_layers)


def picture(seed: int, width: int = 80, height: int = 60) -> Image.Image:
    """Draw noise: with an odd seed in dark colours, else in light ones."""
    noise = np.random.default_rng(seed).integers(0, 120, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise + np.uint8(0 if seed % 2 else 135))


def reference_input(checkpoint: LoadedCheckpoint, asked: Prompt) -> dict[str, Any]:
    """Give what transformers' own model wants for a prompt."""
    (image,) = asked.images
    prepared = prepare_image(image, checkpoint.preparation)
    features = checkpoint.model.model.get_image_features(
        pixel_values=torch.from_numpy(prepared.tiles)[None], image_sizes=torch.tensor([[image.height, image.width]])
    ).pooler_output[0]
    text = "".join(s.text if isinstance(s, TextSegment) else "<image>" * len(features) for s in asked.segments)
    return {
        "input_ids": torch.tensor([checkpoint.tokenizer.encode(text, add_special_tokens=False)]),
        "pixel_values": torch.from_numpy(prepared.tiles)[None],
        "image_sizes": torch.tensor([[image.height, image.width]]),
    }


def teach(checkpoint: LoadedCheckpoint, lessons: Sequence[tuple[Prompt, str]], steps: int = 60) -> None:
    """Train a model until it gives these answers; the pictures must have the same size."""
    model: Any = checkpoint.model
    tokens = PromptTokens(checkpoint.tokenizer, checkpoint.image_token_id)
    rows, pixels, sizes = [], [], []
    for asked, answer in lessons:
        given = reference_input(checkpoint, asked)
        wanted = (*tokens.answer_ids(tokens.layout(asked).context, answer), checkpoint.eos_token_ids[0])
        rows.append((given["input_ids"][0].tolist(), list(wanted)))
        pixels.append(given["pixel_values"])
        sizes.append(given["image_sizes"])
    longest = max(len(before) + len(wanted) for before, wanted in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    labels = torch.full_like(ids, -100)
    for row, (before, answer_ids) in enumerate(rows):
        end = len(before) + len(answer_ids)
        ids[row, :end] = torch.tensor(before + answer_ids)
        labels[row, len(before) : end] = torch.tensor(answer_ids)
    batch = {"input_ids": ids, "labels": labels, "pixel_values": torch.cat(pixels), "image_sizes": torch.cat(sizes)}
    model.requires_grad_(True)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name and name.endswith("weight"):
                parameter.fill_(1.0)
            else:
                parameter.mul_(0.5)
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-3, weight_decay=0.0)
    for _ in range(steps):
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    model.requires_grad_(False)
