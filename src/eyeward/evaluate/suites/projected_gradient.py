"""Projected gradient ascent on pixels: the strongest picture within a budget that few steps find.

Signs of the gradient, projected onto the ball after each step (Madry et al., 2018, arXiv 1706.06083). Every picture
that is tried is one of whole levels from 0 to 255, so what is found can be saved as it is.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Score = Callable[[Tensor], Tensor]
"""From pictures [pictures, ...] in levels of 0 to 255 to one number each, [pictures], that is to grow."""

_OVERSHOOT = 2.5
"""All steps together in budgets: enough to get from one face of the ball to the other (as in the paper's code)."""


def projected_gradient(score: Score, clean: Tensor, budget: int, steps: int, start: Tensor | None = None) -> Tensor:
    """Return pictures no pixel of which is further than `budget` levels from `clean`, with the highest scores found.

    The search begins at `start`, or at `clean`, which is among what is tried: no score is lower than there.

    Raises:
        ValueError: for a negative budget.
    """
    if budget < 0:
        raise ValueError(f"a budget is a number of levels from 0 on, not {budget}")
    lowest, highest = (clean - budget).clamp(min=0.0), (clean + budget).clamp(max=255.0)
    best, best_score = clean.clone(), _scored(score, clean)
    if budget == 0 or steps < 1:
        return best
    step = max(0.5, _OVERSHOOT * budget / steps)
    at = (clean if start is None else start).clamp(lowest, highest)
    for _ in range(steps + 1):
        tried = at.round().detach().requires_grad_(True)
        reached = score(tried)
        (slope,) = torch.autograd.grad(reached.sum(), tried)
        better = reached.detach() > best_score
        best_score = torch.where(better, reached.detach(), best_score)
        best = torch.where(better.view(-1, *[1] * (best.dim() - 1)), tried.detach(), best)
        at = (at + step * slope.sign()).clamp(lowest, highest)
    return best


def _scored(score: Score, pictures: Tensor) -> Tensor:
    with torch.no_grad():
        return score(pictures)
