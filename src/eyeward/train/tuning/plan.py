"""What a recipe would do, before it does it: steps, tokens, memory, and one sample as it is learnt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from eyeward.engine.local.checkpoint import LoadedCheckpoint
from eyeward.train.tuning.lessons import Lesson
from eyeward.train.tuning.parameters import choose, count, lora_count
from eyeward.train.tuning.recipe import Method, Precision, Recipe
from eyeward.train.tuning.survey import Survey

_BYTES = {Precision.float32: 4, Precision.bfloat16: 2}
_OPTIMIZER_BYTES = 8
"""Two moments of AdamW, in float32."""
_KEPT_WIDTHS = 34
"""Numbers that a layer keeps a token for the way back, in widths of the model (arXiv 2205.05198, no attention)."""


@dataclass(frozen=True)
class Plan:
    """Sizes of a run."""

    samples: int
    """Each seen once an epoch, repeated ones counted."""
    steps: int
    samples_a_step: int
    tokens_an_epoch: int
    longest: int
    parameters: dict[str, int]
    """Numbers in each part of the model."""
    learning: int
    """Numbers that learn."""
    memory_bytes: int
    """About what a device needs, where nothing is spread over several."""
    taught: int | None = None
    """Samples to which the teacher says something; None without one."""


def make_plan(recipe: Recipe, checkpoint: LoadedCheckpoint, survey: Survey, numbers: list[int], devices: int) -> Plan:
    """Work a recipe out; `numbers` are the places of samples in an epoch."""
    model = checkpoint.model
    choose(model, recipe)
    learning = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    if recipe.method is Method.lora:
        learning = lora_count(model, recipe.lora.rank)
    a_step = recipe.batch * recipe.accumulate * devices
    steps = recipe.steps or math.ceil(math.ceil(len(numbers) / a_step) * recipe.epochs)
    return Plan(
        samples=len(numbers),
        steps=steps,
        samples_a_step=a_step,
        tokens_an_epoch=int(survey.tokens[numbers].sum()),
        longest=int(survey.tokens.max()),
        parameters=count(model.named_parameters()),
        learning=learning,
        memory_bytes=_memory(recipe, model, learning, int(survey.tokens.max()), int(survey.answers.max())),
    )


def _memory(recipe: Recipe, model: Any, learning: int, tokens: int, answer: int) -> int:
    text = model.config.text_config
    kept = _BYTES[recipe.weights]
    weights = kept * sum(parameter.numel() for parameter in model.parameters())
    weights += 4 * learning if recipe.method is Method.lora else 0
    updates = learning * (kept + _OPTIMIZER_BYTES)
    a_layer = recipe.batch * tokens * text.hidden_size * _KEPT_WIDTHS * _BYTES[recipe.precision]
    if recipe.checkpointing:
        between = recipe.batch * tokens * text.hidden_size * _BYTES[recipe.precision] * text.num_hidden_layers
        activations = a_layer + between
    else:
        activations = a_layer * text.num_hidden_layers
    logits = 3 * 4 * recipe.batch * answer * text.vocab_size
    return int(weights + updates + activations + logits)


def shown(lesson: Lesson, checkpoint: LoadedCheckpoint) -> tuple[str, str]:
    """Return a lesson as text: what is asked, with one mark for the image, and what is learnt."""
    image = checkpoint.image_token_id
    asked = lesson.tokens[: lesson.answer]
    once = [token for place, token in enumerate(asked) if token != image or place == 0 or asked[place - 1] != image]
    tokenizer = checkpoint.tokenizer
    return str(tokenizer.decode(once)), str(tokenizer.decode(list(lesson.tokens[lesson.answer :])))
