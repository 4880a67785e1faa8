"""The language stages: answers about pictures behind a shared prefix, for `mini-base` and for the guard alike."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from eyeward.scenes.facts import CATEGORY_NAMES, FACTS
from eyeward.train.from_scratch.lessons import IGNORED, NOTHING, Batch, Effect, Point
from eyeward.train.from_scratch.packed import packed_forward
from eyeward.train.from_scratch.schedule import Progress, Schedule, optimizer_for
from eyeward.train.from_scratch.vision import CONTEXTS, features_of

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import LlavaOnevisionForConditionalGeneration

POINTER_LAYER = 3
POINTING_HEADS = {Point.RATING: 0, Point.CATEGORY: 1, Point.REASON: 0, Point.RULE: 2}
"""Which head of that layer is told where to look at each point."""


@dataclass(frozen=True)
class Lesson:
    """A batch of text with its pictures; groups of policies share pictures."""

    batch: Batch
    pixels: Tensor | None
    """[groups, images, 3, side, side], groups of policies sharing pictures in order; None: scenes are told in words"""


class ReadingHeads(nn.Module):
    """Linear heads on what the pointer layer reads; thrown away after training."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.line_fact = nn.Linear(width, NOTHING + 1)
        self.line_effect = nn.Linear(width, len(Effect))
        self.line_category = nn.Linear(width, len(CATEGORY_NAMES) + 1)
        self.scene_fact = nn.Linear(width, len(FACTS) + 1)
        self.scene_context = nn.Linear(width, len(CONTEXTS))


def image_embeddings(model: LlavaOnevisionForConditionalGeneration, pixels: Tensor) -> Tensor:
    """Embed square pictures [pictures, 3, side, side] as base view, then tile with newlines: [pictures, tokens, width].

    Base and tile of a square picture of one tile are the same pixels, so the tower runs once.
    """
    core = model.model
    features = core.multi_modal_projector(features_of(core.vision_tower, pixels))
    rows = int(features.shape[1] ** 0.5)
    tile = features.unflatten(1, (rows, rows))
    newline = core.image_newline.to(features.dtype).expand(len(features), rows, 1, -1)
    return torch.cat((features, torch.cat((tile, newline), dim=2).flatten(1, 2)), dim=1)


class Reader:
    """A model with its heads, giving losses for lessons."""

    def __init__(self, model: LlavaOnevisionForConditionalGeneration, compiled: bool) -> None:
        self.model = model
        config: Any = model.config
        self.heads = ReadingHeads(config.text_config.hidden_size)
        self._forward = torch.compile(packed_forward, dynamic=False) if compiled else packed_forward

    def losses(self, lesson: Lesson) -> dict[str, Tensor]:
        """Compute every loss of a lesson, and the share of ratings that are right."""
        batch, core = lesson.batch, self.model.model
        table = core.language_model.embed_tokens
        with torch.autocast("cpu", torch.bfloat16):
            suffix, tokens = table(batch.answers), 0
            if lesson.pixels is not None:
                groups, images = lesson.pixels.shape[:2]
                seen = image_embeddings(self.model, lesson.pixels.flatten(0, 1)).unflatten(0, (groups, images))
                seen = seen.repeat_interleave(len(batch.prefix) // groups, dim=0)
                suffix, tokens = torch.cat((seen.float(), suffix), dim=2), seen.shape[2]
            states = self._forward(
                core.language_model,
                table(batch.prefix),
                batch.prefix_lengths,
                suffix,
                (batch.points + (tokens - 1)).clamp(min=0),
                POINTER_LAYER,
            )
            asked = batch.weights > 0
            logits = states.suffix[:, :, tokens:-1][asked[:, :, 1:]] @ table.weight.T
            return self._score(batch, states.attention, states.read_prefix, states.read_points, logits.float(), asked)

    def _score(
        self, batch: Batch, attention: Tensor, read_prefix: Tensor, read_points: Tensor, logits: Tensor, asked: Tensor
    ) -> dict[str, Tensor]:
        weights = batch.weights[asked]
        each = functional.cross_entropy(logits, batch.answers[asked], reduction="none")
        right = logits.argmax(-1) == batch.answers[asked]
        result = {"answer": (each * weights).sum() / weights.sum()}
        for name, weight in (("rating", 5.0), ("category", 3.0)):
            chosen = weights == weight
            if chosen.any():
                result[f"{name}_right"] = right[chosen].float().mean().detach()
        if not batch.pointers.any():
            return result
        wanted = batch.pointers.any(-1)
        heads = torch.stack([attention[:, :, point, POINTING_HEADS[point]] for point in Point], dim=2)
        mass = heads.masked_fill(~batch.pointers, float("-inf")).logsumexp(-1)
        result["pointer"] = -mass[wanted].mean()
        lines = self.heads.norm(read_prefix.float())
        lines = lines.gather(1, batch.lines[..., None].expand(-1, -1, lines.shape[-1])).flatten(0, 1)
        points = self.heads.norm(read_points[:, :, 0].float()).flatten(0, 1)
        told = (
            (self.heads.line_fact(lines), batch.line_facts),
            (self.heads.line_effect(lines), batch.line_effects),
            (self.heads.line_category(lines), batch.line_categories),
        )
        result["lines"] = sum(  # type: ignore[assignment]
            functional.cross_entropy(x.float(), y.flatten(), ignore_index=IGNORED) for x, y in told
        )
        result["query"] = functional.cross_entropy(
            self.heads.scene_fact(points).float(), batch.facts.flatten()
        ) + functional.cross_entropy(self.heads.scene_context(points).float(), batch.contexts.flatten())
        return result


WEIGHTS = {"answer": 1.0, "pointer": 0.3, "lines": 0.3, "query": 0.2}


def train_reader(
    name: str,
    reader: Reader,
    lessons: Callable[[random.Random], Lesson],
    schedule: Schedule,
    vision_scale: float,
) -> None:
    """Train on lessons made on the fly in a thread beside; the vision tower learns at `vision_scale` of the rate."""
    core = reader.model.model
    core.vision_tower.requires_grad_(vision_scale > 0)
    quick = [core.language_model, core.multi_modal_projector, reader.heads]
    optimizer = optimizer_for(quick, schedule, [core.vision_tower], vision_scale)
    optimizer.add_param_group({"params": [core.image_newline], "weight_decay": 0.0, "scale": 1.0})
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    progress = Progress(name, schedule.steps)
    for step, lesson in enumerate(_ahead(lessons, schedule)):
        schedule.apply(optimizer, step)
        losses = reader.losses(lesson)
        loss = sum(WEIGHTS[key] * value for key, value in losses.items() if key in WEIGHTS)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[union-attr]
        norm = nn.utils.clip_grad_norm_(parameters, 1.0)
        if not torch.isfinite(norm):
            progress.note(f"step {step}: the gradient is not finite; step left out")
            continue
        optimizer.step()
        progress.report(step, **{key: value.item() for key, value in losses.items()})
        if step + 1 == schedule.stop:
            break


def _ahead(lessons: Callable[[random.Random], Lesson], schedule: Schedule) -> Iterator[Lesson]:
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(lessons, random.Random(f"{schedule.seed} 0"))
        for step in range(schedule.steps):
            lesson = coming.result()
            coming = pool.submit(lessons, random.Random(f"{schedule.seed} {step + 1}"))
            yield lesson
