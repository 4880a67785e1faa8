"""The distance of an image from what a guard was trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eyeward.errors import CheckpointError
from eyeward.guard.scope import ScopeCheck, fit_scope

RNG = np.random.default_rng(7)
MIXING = RNG.normal(size=(12, 12))


def draw(count: int, spread: float = 1.0) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return RNG.normal(size=(count, 12)) @ MIXING * spread + 5.0


def fitted(count: int = 300) -> ScopeCheck:
    return fit_scope(draw(count), draw(count, spread=4.0))


def test_images_like_the_training_set_are_near_and_others_far_on_every_side() -> None:
    check = fitted(2000)
    near = [check.distance(row) for row in draw(200).tolist()]
    far = [check.distance(row) for row in (*(draw(100) + 40.0).tolist(), *(draw(100) - 40.0).tolist())]
    assert np.quantile(near, 0.95) < 0.5 < min(far)


def test_nothing_is_so_far_outside_that_it_comes_back_in() -> None:
    check = fitted(2000)
    row = (draw(1)[0] + 1e6).tolist()
    assert check.distance(row) > 0.5


def test_a_fit_does_not_break_on_a_feature_that_training_never_varies() -> None:
    inside, outside = draw(300), draw(300, spread=4.0)
    inside[:, 3] = 2.0
    check = fit_scope(inside, outside)
    off = inside[0].copy()
    off[3] += 40.0
    assert check.distance(off.tolist()) > check.distance(inside[0].tolist())


def test_a_check_is_the_same_after_saving(tmp_path: Path) -> None:
    check = fitted()
    check.save(tmp_path / "scope.safetensors")
    row = draw(1)[0].tolist()
    assert ScopeCheck.load(tmp_path / "scope.safetensors").distance(row) == check.distance(row)


@pytest.mark.parametrize("features", [[1.0], [float("nan")] * 12, [float("inf")] * 12])
def test_features_that_do_not_fit_are_refused(features: list[float]) -> None:
    with pytest.raises(ValueError, match="scope check of 12"):
        fitted().distance(features)


def test_a_file_that_is_no_check_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "scope.safetensors"
    for content in (None, b"nonsense"):
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"scope\.safetensors"):
            ScopeCheck.load(file)


def test_a_file_with_arrays_of_another_shape_is_refused(tmp_path: Path) -> None:
    check = fitted()
    file = tmp_path / "scope.safetensors"
    ScopeCheck(check.mean, check.deviation, check.weights[:-1]).save(file)
    with pytest.raises(CheckpointError, match="wrong shape"):
        ScopeCheck.load(file)
