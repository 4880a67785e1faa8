"""mini as a function of pixels: what it scores is what the guard says, and following it moves the guard."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from eyeward.engine.averaging import VIEWS, View
from eyeward.engine.rating import log_odds
from eyeward.errors import UsageError
from eyeward.evaluate.suites.attack import BUDGETS
from eyeward.evaluate.suites.white_box import PixelScore, Target, make_pictures, over_views, why_not
from eyeward.guard import load_guard
from eyeward.guard.averaging import averaged
from eyeward.policy import Policy
from eyeward.scenes.paint import paint
from eyeward.scenes.sample import sample_scene

POLICY = Policy.load("default")
STEPS = 3
SHORT = POLICY.only("O1", "O6")
"""Asked about where a score is followed: every step reads the whole policy."""


@cache
def attacked() -> PixelScore:
    return PixelScore("mini")


@cache
def scenes() -> tuple[Image.Image, ...]:
    return tuple(paint(sample_scene(seed, "test")) for seed in range(6))


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    """Return what is to be made of a scene, and is not made yet."""
    folder = tmp_path_factory.mktemp("target")
    image = folder / "scene.png"
    scenes()[1].save(image)
    with torch.no_grad():
        before = float(attacked().under(SHORT)(attacked().pixels(scenes()[1])[None]))
    return Target(image, SHORT, before < 0, tuple(folder / "made" / f"{budget}.png" for budget in BUDGETS))


@pytest.fixture(scope="module")
def made(target: Target) -> Target:
    counted: list[int] = []
    make_pictures("mini", [target], lambda: counted.append(1), steps=STEPS)
    assert counted == [1]
    return target


def moved(target: Target, score: Callable[[Tensor], Tensor]) -> list[float]:
    """Return how far each picture moves a score from where it was without any, in the direction that was wanted."""
    clean = attacked().pixels(scenes()[1])
    odds = []
    with torch.no_grad():
        before = float(score(clean[None]))
        for file in target.files:
            with Image.open(file) as picture:
                odds.append(float(score(attacked().pixels(picture.convert("RGB"))[None])))
    return [(after - before) * (1 if target.raise_score else -1) for after in odds]


def test_it_scores_what_the_guard_says() -> None:
    guard = load_guard("mini", dtype="float32")
    pixels = torch.stack([attacked().pixels(scene) for scene in scenes()])
    said = [verdict.p_unsafe_raw for verdict in guard.assess_many(list(scenes()), POLICY)]
    with torch.no_grad():
        odds = attacked().under(POLICY)(pixels)
    for ours, p in zip(odds.tolist(), said, strict=True):
        assert p is not None
        assert ours == pytest.approx(log_odds(p), abs=0.05)


def test_another_policy_is_another_function() -> None:
    pixels = attacked().pixels(scenes()[0])[None]
    with torch.no_grad():
        default, open_to_all = (attacked().under(p)(pixels) for p in (POLICY, POLICY.non_violating(*POLICY.ids)))
    assert not torch.allclose(default, open_to_all, atol=0.1)


def test_pictures_against_a_guard_move_its_score_within_the_budget(made: Target) -> None:
    clean = attacked().pixels(scenes()[1])
    for budget, file in zip(BUDGETS, made.files, strict=True):
        with Image.open(file) as picture:
            assert picture.size == (attacked().side, attacked().side)
            pixels = attacked().pixels(picture.convert("RGB"))
        assert (pixels - clean).abs().max() <= budget
    found = moved(made, attacked().under(SHORT))
    assert found[0] == pytest.approx(0.0, abs=1e-3)
    assert found == sorted(found) and found[-1] > 1.0
    stamps = [file.stat().st_mtime_ns for file in made.files]
    make_pictures("mini", [made])
    assert [file.stat().st_mtime_ns for file in made.files] == stamps  # nothing is made twice


def test_the_mean_over_views_scores_what_the_averaged_guard_says() -> None:
    guard = averaged(load_guard("mini", dtype="float32"))
    noise = torch.randint(
        -40, 41, (len(scenes()), 3, attacked().side, attacked().side), generator=torch.Generator().manual_seed(1)
    )
    pixels = (torch.stack([attacked().pixels(scene) for scene in scenes()]) + noise).clamp(0, 255)
    pictures = [Image.fromarray(picture.permute(1, 2, 0).to(torch.uint8).numpy()) for picture in pixels]
    said = [verdict.p_unsafe_raw for verdict in guard.assess_many(pictures, POLICY)]
    with torch.no_grad():
        odds = over_views(attacked().under(POLICY), attacked().pixels)(pixels)
    for ours, p in zip(odds.tolist(), said, strict=True):
        assert p is not None
        assert ours == pytest.approx(log_odds(p), abs=0.05)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_followed_back_to_the_pixels(view: View) -> None:
    """A step along the gradient of one view of a smooth score moves that view as the gradient says."""
    weights = torch.linspace(-1.0, 1.0, attacked().side)

    def score(pictures: Tensor) -> Tensor:
        return (pictures.mean((1, 2)) * weights).mean(-1) / 10

    mean = over_views(score, attacked().pixels, (view,))
    clean = attacked().pixels(scenes()[0])[None].clamp(20, 235).requires_grad_(True)
    before = mean(clean)
    (slope,) = torch.autograd.grad(before.sum(), clean)
    with torch.no_grad():
        moved = float(mean((clean + 8 * slope.sign()).round())) - float(before.detach())
    assert 0 < moved == pytest.approx(8 * float(slope.abs().sum()), rel=0.5)


def test_what_stands_before_the_picture_is_read_once_and_changes_no_gradient() -> None:
    score = attacked().under(SHORT)
    pixels = torch.stack([attacked().pixels(scene) for scene in scenes()[:2]])
    slopes = []
    for pictures in (pixels, pixels, pixels[1:]):
        tried = pictures.clone().requires_grad_(True)
        slopes.append(torch.autograd.grad(score(tried).sum(), tried)[0])
    assert torch.equal(slopes[0], slopes[1])  # what is kept did not grow
    torch.testing.assert_close(slopes[0][1], slopes[2][0], rtol=1e-3, atol=1e-6)


def test_pictures_against_the_mean_move_the_mean_and_differ_from_those_against_one_view(
    made: Target, tmp_path: Path
) -> None:
    mean = over_views(attacked().under(SHORT), attacked().pixels)
    against_mean = replace(made, files=tuple(tmp_path / file.name for file in made.files))
    make_pictures("mini", [against_mean], averaged=True, steps=STEPS)
    assert made.files[-1].read_bytes() != against_mean.files[-1].read_bytes()
    one, all_views = (moved(target, mean)[-1] for target in (made, against_mean))
    assert all_views > 1.0 and all_views >= one


def test_a_picture_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    files = tuple(tmp_path / f"{budget}.png" for budget in BUDGETS)
    make_pictures("mini", [Target(broken, POLICY, True, files)])
    assert not any(file.exists() for file in files)


def test_guards_without_gradients_are_told_with_the_reason() -> None:
    assert why_not("mini") is None
    reason = why_not("nowhere")
    assert reason is not None and "cannot be read" in reason
    with pytest.raises(UsageError, match="nowhere cannot be attacked through its gradients"):
        PixelScore("nowhere")
    assert math.isfinite(attacked().side)
