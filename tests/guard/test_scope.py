"""The distance of an image from what a guard was trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eyeward.errors import CheckpointError
from eyeward.guard.scope import fit_scope

RNG = np.random.default_rng(7)
MIXING = RNG.normal(size=(12, 12))


def draw(count: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return RNG.normal(size=(count, 12)) @ MIXING + 5.0


def test_images_like_the_training_set_are_at_about_one_and_others_far_away() -> None:
    check = fit_scope(draw(4000), shrinkage=1e-4)
    near = [check.distance(row) for row in draw(200).tolist()]
    far = [check.distance(row) for row in (draw(200) + 30.0).tolist()]
    assert np.mean(near) == pytest.approx(1.0, abs=0.1)
    assert max(near) < min(far)


def test_a_direction_that_training_never_varies_counts() -> None:
    data = draw(1000)
    data[:, 3] = 2.0
    check = fit_scope(data)
    off = data[0].copy()
    off[3] += 40.0
    assert check.distance(off.tolist()) > 2 * check.distance(data[0].tolist())


def test_a_check_is_the_same_after_saving(tmp_path: Path) -> None:
    check = fit_scope(draw(100))
    check.save(tmp_path / "scope.safetensors")
    row = draw(1)[0].tolist()
    assert type(check).load(tmp_path / "scope.safetensors").distance(row) == check.distance(row)


@pytest.mark.parametrize("features", [[1.0], [float("nan")] * 12, [float("inf")] * 12])
def test_features_that_do_not_fit_are_refused(features: list[float]) -> None:
    with pytest.raises(ValueError, match="scope check of 12"):
        fit_scope(draw(50)).distance(features)


def test_a_file_that_is_no_check_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "scope.safetensors"
    for content in (None, b"nonsense"):
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"scope\.safetensors"):
            type(fit_scope(draw(5))).load(file)
