"""Learning rate, optimizer and progress, shared by all stages."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable
from datetime import timedelta

import torch
from pydantic import BaseModel, ConfigDict
from torch import nn


class Schedule(BaseModel):
    """One stretch of training: linear warm-up, then a half cosine down to a tenth... or to zero with `floor: 0`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int
    """Optimizer steps that the schedule is laid out for."""
    stop: int | None = None
    """End after so many steps, before the schedule does."""
    batch: int
    """Pictures a step (policies x images in the guard stage)."""
    learning_rate: float
    """Peak learning rate of AdamW."""
    warmup: int = 200
    """Steps of linear warm-up."""
    floor: float = 0.02
    """Share of the peak that the cosine ends on."""
    weight_decay: float = 0.05
    seed: int = 0

    def rate(self, step: int) -> float:
        """Give the learning rate at `step`."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.learning_rate * (self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))

    def apply(self, optimizer: torch.optim.Optimizer, step: int) -> None:
        """Set the learning rate of every group; a group's `scale` multiplies it."""
        for group in optimizer.param_groups:
            group["lr"] = self.rate(step) * group.get("scale", 1.0)


def optimizer_for(
    modules: Iterable[nn.Module], schedule: Schedule, slow: Iterable[nn.Module] = (), slow_scale: float = 0.1
) -> torch.optim.AdamW:
    """Build AdamW over `modules`, and over `slow` ones at a share of the rate; vectors are not decayed."""
    groups = []
    for parts, scale in ((modules, 1.0), (slow, slow_scale)):
        parameters = [p for part in parts for p in part.parameters() if p.requires_grad]
        matrices = [p for p in parameters if p.ndim > 1]
        vectors = [p for p in parameters if p.ndim <= 1]
        groups += [
            {"params": matrices, "weight_decay": schedule.weight_decay, "scale": scale},
            {"params": vectors, "weight_decay": 0.0, "scale": scale},
        ]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=schedule.learning_rate, betas=(0.9, 0.98))


class Progress:
    """Lines on standard error: step, smoothed figures, speed and time left."""

    def __init__(self, name: str, steps: int, every: int = 50) -> None:
        self.name, self.steps, self.every = name, steps, every
        self.started = time.monotonic()
        self.smoothed: dict[str, float] = {}

    def report(self, step: int, **figures: float) -> None:
        """Take the figures of a step; print a line every so often."""
        for key, value in figures.items():
            old = self.smoothed.get(key, value)
            self.smoothed[key] = 0.97 * old + 0.03 * value
        if (step + 1) % self.every == 0 or step + 1 == self.steps:
            spent = time.monotonic() - self.started
            left = timedelta(seconds=round(spent / (step + 1) * (self.steps - step - 1)))
            shown = "  ".join(f"{key} {value:.3f}" for key, value in self.smoothed.items())
            self.note(f"{step + 1}/{self.steps}  {shown}  {(step + 1) / spent:.2f} steps/s  {left} left")

    def note(self, text: str) -> None:
        """Print a line under this stage's name."""
        print(f"[{self.name}] {text}", file=sys.stderr, flush=True)
