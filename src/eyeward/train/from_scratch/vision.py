"""The vision stage: the tower learns to name what a scene shows, with heads that are thrown away afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from eyeward.scenes.facts import Context
from eyeward.scenes.graph import BACKGROUNDS, DISTRACTORS, SceneGraph
from eyeward.scenes.motifs import MOTIFS
from eyeward.train.from_scratch.schedule import Progress, Schedule, optimizer_for

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import SiglipVisionModel

    from eyeward.train.from_scratch.pictures import Pictures

CONTEXTS = tuple(Context)


def kind_of(motif: str, slots: tuple[str, ...]) -> str:
    """Name a motif together with the objects that it is drawn with."""
    return " ".join((motif, *slots))


KINDS: tuple[str, ...] = tuple(
    kind_of(motif.key, choice) for motif in MOTIFS for choice in product(*motif.slots.values())
)
_KIND_INDEX = {kind: index for index, kind in enumerate(KINDS)}


@dataclass(frozen=True)
class SceneTargets:
    """What the heads are asked about each picture."""

    kind: Tensor
    context: Tensor
    background: Tensor
    distractors: Tensor


def targets_of(graphs: tuple[SceneGraph, ...]) -> SceneTargets:
    """Read the heads' targets off the scene graphs."""
    distractors = torch.zeros(len(graphs), len(DISTRACTORS))
    for row, graph in enumerate(graphs):
        for thing in graph.distractors:
            distractors[row, DISTRACTORS.index(thing.kind)] = 1.0
    return SceneTargets(
        kind=torch.tensor([_KIND_INDEX[kind_of(g.motif, tuple(g.slots.values()))] for g in graphs]),
        context=torch.tensor([CONTEXTS.index(g.context) for g in graphs]),
        background=torch.tensor([BACKGROUNDS.index(g.background) for g in graphs]),
        distractors=distractors,
    )


class SceneHeads(nn.Module):
    """Linear heads over the mean of the normalised image features."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.kind = nn.Linear(width, len(KINDS))
        self.context = nn.Linear(width, len(CONTEXTS))
        self.background = nn.Linear(width, len(BACKGROUNDS))
        self.distractors = nn.Linear(width, len(DISTRACTORS))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Give logits from features [pictures, tokens, width]."""
        pooled = self.norm(features).mean(1)
        return self.kind(pooled), self.context(pooled), self.background(pooled), self.distractors(pooled)


def pixel_values(pixels: np.ndarray) -> Tensor:
    """Turn uint8 [pictures, side, side, 3] into the tower's input, [pictures, 3, side, side] in -1..1."""
    return torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def features_of(tower: SiglipVisionModel, pixels: Tensor) -> Tensor:
    """Give what the language model reads: last states before the closing norm, [pictures, tokens, width]."""
    return tower(pixels, output_hidden_states=True).hidden_states[-1]


def train_vision(
    tower: SiglipVisionModel, heads: SceneHeads, pictures: Pictures, schedule: Schedule, held_out: Pictures
) -> dict[str, float]:
    """Train tower and heads; return the accuracies on pictures held out."""
    targets = targets_of(pictures.graphs)
    optimizer = optimizer_for([tower, heads], schedule)
    order = torch.Generator().manual_seed(schedule.seed)
    progress = Progress("vision", schedule.steps)
    for step in range(schedule.steps):
        schedule.apply(optimizer, step)
        rows = torch.randint(len(pictures.graphs), (schedule.batch,), generator=order).sort().values
        pixels = pixel_values(pictures.pixels[rows.numpy()])
        with torch.autocast("cpu", torch.bfloat16):
            kind, context, background, distractors = heads(features_of(tower, pixels))
        loss = (
            functional.cross_entropy(kind.float(), targets.kind[rows], label_smoothing=0.02)
            + functional.cross_entropy(context.float(), targets.context[rows])
            + 0.2 * functional.cross_entropy(background.float(), targets.background[rows])
            + functional.binary_cross_entropy_with_logits(distractors.float(), targets.distractors[rows])
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([*tower.parameters(), *heads.parameters()], 1.0)
        optimizer.step()
        progress.report(step, loss=loss.item())
        if (step + 1) % 500 == 0:
            progress.note(str(vision_accuracy(tower, heads, held_out)))
    return vision_accuracy(tower, heads, held_out)


@torch.inference_mode()
def vision_accuracy(tower: SiglipVisionModel, heads: SceneHeads, pictures: Pictures) -> dict[str, float]:
    """Measure how often kind, fact and context are named right."""
    targets = targets_of(pictures.graphs)
    kinds, contexts = [], []
    for start in range(0, len(pictures.graphs), 250):
        with torch.autocast("cpu", torch.bfloat16):
            kind, context, _, _ = heads(features_of(tower, pixel_values(pictures.pixels[start : start + 250])))
        kinds.append(kind.argmax(-1))
        contexts.append(context.argmax(-1))
    kind, context = torch.cat(kinds), torch.cat(contexts)
    fact = torch.tensor([_FACT_OF_KIND[k] for k in range(len(KINDS))])
    return {
        "kind": (kind == targets.kind).float().mean().item(),
        "fact": (fact[kind] == fact[targets.kind]).float().mean().item(),
        "context": (context == targets.context).float().mean().item(),
    }


_FACT_NAMES = sorted({motif.fact or "" for motif in MOTIFS})
_FACT_OF_KIND = [_FACT_NAMES.index(motif.fact or "") for motif in MOTIFS for _ in product(*motif.slots.values())]
