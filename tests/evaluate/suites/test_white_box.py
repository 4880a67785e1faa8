"""mini as a function of pixels: what it scores is what the guard says, and following it moves the guard."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from eyeward.engine.rating import log_odds
from eyeward.errors import UsageError
from eyeward.evaluate.suites import white_box
from eyeward.evaluate.suites.attack import BUDGETS
from eyeward.evaluate.suites.white_box import PixelScore, Target, make_pictures, over_views, why_not
from eyeward.guard import load_guard
from eyeward.policy import Policy
from eyeward.scenes.paint import paint
from eyeward.scenes.sample import sample_scene

POLICY = Policy.load("default")
SHORT = POLICY.only("O1", "O6")
"""Asked about where a score is followed: every step reads the whole policy."""


@cache
def attacked() -> PixelScore:
    return PixelScore("mini")


@cache
def scenes() -> tuple[Image.Image, ...]:
    return tuple(paint(sample_scene(seed, "test")) for seed in range(6))


@pytest.fixture(scope="module")
def few_steps() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(white_box, "STEPS", 3)
        yield


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
def made(target: Target, few_steps: None) -> Target:
    counted: list[int] = []
    make_pictures("mini", [target], lambda: counted.append(1))
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


def test_the_mean_over_views_is_the_mean_of_probabilities() -> None:
    def score(pictures: Tensor) -> Tensor:
        return pictures[:, 0, 0, 0] / 10  # looks at one corner alone

    picture = torch.zeros(1, 3, 40, 40)
    picture[0, 0, 0, 0], picture[0, 0, 0, -1], picture[0, 0, 2:4, 2:4] = 10.0, -20.0, 30.0
    expected = sum(weight * 1 / (1 + math.exp(-odds)) for weight, odds in ((0.6, 1.0), (0.2, -2.0), (0.2, 3.0)))
    assert float(over_views(score)(picture)) == pytest.approx(log_odds(expected), abs=1e-4)


def test_pictures_against_the_mean_move_the_mean_and_differ_from_those_against_one_view(
    made: Target, few_steps: None, tmp_path: Path
) -> None:
    mean = over_views(attacked().under(SHORT))
    against_mean = replace(made, files=tuple(tmp_path / file.name for file in made.files))
    make_pictures("mini", [against_mean], averaged=True)
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
