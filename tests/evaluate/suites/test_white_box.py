"""mini as a function of pixels: what it scores is what the guard says, and following it moves the guard."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from eyeward.engine.rating import log_odds
from eyeward.errors import UsageError
from eyeward.evaluate.suites.attack import BUDGETS
from eyeward.evaluate.suites.white_box import PixelScore, Target, make_pictures, over_views, why_not
from eyeward.guard import load_guard
from eyeward.policy import Policy
from eyeward.scenes.paint import paint
from eyeward.scenes.sample import sample_scene

POLICY = Policy.load("default")


@cache
def attacked() -> PixelScore:
    return PixelScore("mini")


@cache
def scenes() -> tuple[Image.Image, ...]:
    return tuple(paint(sample_scene(seed, "test")) for seed in range(6))


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


def test_pictures_against_a_guard_move_its_score_within_the_budget(tmp_path: Path) -> None:
    image = tmp_path / "scene.png"
    scenes()[1].save(image)
    score = attacked().under(POLICY)
    clean = attacked().pixels(scenes()[1])
    with torch.no_grad():
        before = float(score(clean[None]))
    raised = before < 0
    files = tuple(tmp_path / "made" / f"{budget}.png" for budget in BUDGETS)
    counted: list[int] = []
    make_pictures("mini", [Target(image, POLICY, raised, files)], lambda: counted.append(1))
    assert counted == [1]
    odds = []
    for budget, file in zip(BUDGETS, files, strict=True):
        with Image.open(file) as made:
            assert made.size == (attacked().side, attacked().side)
            pixels = attacked().pixels(made.convert("RGB"))
        assert (pixels - clean).abs().max() <= budget
        with torch.no_grad():
            odds.append(float(score(pixels[None])))
    assert odds[0] == pytest.approx(before, abs=1e-3)
    moved = [(after - before) * (1 if raised else -1) for after in odds]
    assert moved == sorted(moved) and moved[-1] > 1.0
    stamps = [file.stat().st_mtime_ns for file in files]
    make_pictures("mini", [Target(image, POLICY, raised, files)])
    assert [file.stat().st_mtime_ns for file in files] == stamps  # nothing is made twice


def test_the_mean_over_views_is_the_mean_of_probabilities() -> None:
    def score(pictures: Tensor) -> Tensor:
        return pictures[:, 0, 0, 0] / 10  # looks at one corner alone

    picture = torch.zeros(1, 3, 40, 40)
    picture[0, 0, 0, 0], picture[0, 0, 0, -1], picture[0, 0, 2:4, 2:4] = 10.0, -20.0, 30.0
    expected = sum(weight * 1 / (1 + math.exp(-odds)) for weight, odds in ((0.6, 1.0), (0.2, -2.0), (0.2, 3.0)))
    assert float(over_views(score)(picture)) == pytest.approx(log_odds(expected), abs=1e-4)


def test_pictures_against_the_mean_move_the_mean_and_differ_from_those_against_one_view(tmp_path: Path) -> None:
    image = tmp_path / "scene.png"
    scenes()[1].save(image)
    single = attacked().under(POLICY)
    mean = over_views(single)
    clean = attacked().pixels(scenes()[1])
    with torch.no_grad():
        before = float(mean(clean[None]))
    one, all_views = (tuple(tmp_path / which / f"{budget}.png" for budget in BUDGETS) for which in ("one", "mean"))
    make_pictures("mini", [Target(image, POLICY, before < 0, one)])
    make_pictures("mini", [Target(image, POLICY, before < 0, all_views)], averaged=True)
    assert one[-1].read_bytes() != all_views[-1].read_bytes()
    reached = []
    for file in (one[-1], all_views[-1]):
        with Image.open(file) as made, torch.no_grad():
            moved = float(mean(attacked().pixels(made.convert("RGB"))[None])) - before
            reached.append(moved if before < 0 else -moved)
    assert reached[1] > 1.0 and reached[1] >= reached[0]


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
