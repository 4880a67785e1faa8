"""Projected gradient ascent finds what is known to be best where that is known: for a linear score."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from eyeward.evaluate.suites.projected_gradient import projected_gradient

WEIGHTS = torch.randn(3, 5, 5, generator=torch.Generator().manual_seed(3))
CLEAN = torch.randint(0, 256, (4, 3, 5, 5), generator=torch.Generator().manual_seed(4)).float()


def linear(pictures: Tensor) -> Tensor:
    return (pictures * WEIGHTS).flatten(1).sum(-1)


@pytest.mark.parametrize("budget", [1, 4, 16])
def test_on_a_linear_score_it_finds_the_best_picture_of_the_ball(budget: int) -> None:
    best = (CLEAN + budget * WEIGHTS.sign()).clamp(0, 255)
    assert torch.equal(projected_gradient(linear, CLEAN, budget, steps=8), best)


def test_no_pixel_leaves_the_budget_or_the_range_and_levels_are_whole() -> None:
    def bent(pictures: Tensor) -> Tensor:
        return torch.sin(pictures / 7).flatten(1).sum(-1) + linear(pictures) / 50

    found = projected_gradient(bent, CLEAN, 6, steps=9)
    assert (found - CLEAN).abs().max() <= 6
    assert found.min() >= 0 and found.max() <= 255
    assert torch.equal(found, found.round())
    assert (bent(found) > bent(CLEAN)).all()


def test_what_is_found_is_never_worse_than_the_picture_itself() -> None:
    def trap(pictures: Tensor) -> Tensor:
        gap = (pictures - CLEAN).flatten(1)
        return gap.sum(-1) * 0.0 - gap.abs().sum(-1)  # every step away is a loss

    assert torch.equal(projected_gradient(trap, CLEAN, 3, steps=4), CLEAN)
    assert torch.equal(projected_gradient(trap, CLEAN, 3, steps=0, start=CLEAN + 3), CLEAN)
    inside = CLEAN.clamp(10, 240)

    def far_trap(pictures: Tensor) -> Tensor:
        return -(pictures - inside).flatten(1).abs().clamp(min=1.0).sum(-1)  # flat around the picture, lower elsewhere

    found = projected_gradient(far_trap, inside, 8, steps=1, start=inside + 8)
    assert (far_trap(found) >= far_trap(inside)).all()


def test_a_search_begins_where_it_is_told_but_inside_the_ball() -> None:
    def flat(pictures: Tensor) -> Tensor:
        return -(pictures - (CLEAN + 2)).abs().flatten(1).sum(-1)

    start = CLEAN + 100
    found = projected_gradient(flat, CLEAN.clamp(20, 200), 2, steps=3, start=start)
    assert (found - CLEAN.clamp(20, 200)).abs().max() <= 2


def test_without_a_budget_nothing_moves_and_a_negative_one_is_refused() -> None:
    assert torch.equal(projected_gradient(linear, CLEAN, 0, steps=8), CLEAN)
    with pytest.raises(ValueError, match="number of levels from 0 on"):
        projected_gradient(linear, CLEAN, -1, steps=8)
