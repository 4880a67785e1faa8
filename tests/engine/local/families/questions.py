"""Prompts in the words of each family's chat template."""

from __future__ import annotations

from typing import Any

import torch
from PIL import Image

from eyeward.engine.local.checkpoint import LoadedCheckpoint
from eyeward.engine.local.engine import LocalEngine
from eyeward.engine.protocol import ImageSegment, Prompt, RawAnswer, Segment, TextSegment
from tests.engine.local.questions import INDENTED, POLICY, Layout, form

BLANK: Layout = (" " + INDENTED[0], *INDENTED[1:])
"""Vicuna's template ends without the blank that stands before every answer."""


def layout(checkpoint: LoadedCheckpoint) -> Layout:
    """Return the forced text of answers."""
    return INDENTED if checkpoint.model.config.model_type == "qwen2_5_vl" else BLANK


def ask(
    checkpoint: LoadedCheckpoint,
    image: Image.Image,
    policy: str = POLICY,
    *,
    image_first: bool = True,
    shared: bool = True,
    explain: bool = False,
    rule: Any = None,
    layers: tuple[int, ...] = (),
) -> Prompt:
    """Ask about an image."""
    before, mark, after, end = "USER: ", "", "\n", " ASSISTANT:"
    if checkpoint.model.config.model_type == "qwen2_5_vl":
        before, mark = "<|im_start|>user\n", "<|vision_start|>"
        after, end = "<|vision_end|>", "<|im_end|>\n<|im_start|>assistant\n"
    segments: tuple[Segment, ...] = (
        (TextSegment(before + mark), ImageSegment(0), TextSegment(f"{after}{policy}{end}"))
        if image_first
        else (TextSegment(f"{before}{policy}\n{mark}"), ImageSegment(0), TextSegment(after + end))
    )
    count = (2 if image_first else 1) if shared else 0
    return Prompt(segments, (image,), form(layout(checkpoint)), count, explain, rule, layers)


def judge(engine: LocalEngine, *prompts: Prompt) -> list[RawAnswer]:
    """Answer prompts, none of which may fail."""
    answers = list(engine.judge(prompts))
    assert [answer.error for answer in answers] == [None] * len(prompts)
    return answers


def all_scores(answer: RawAnswer) -> torch.Tensor:
    """Return every score of an answer, in order."""
    return torch.tensor([log for scores in answer.scores for log in scores.log_probabilities.values()])
