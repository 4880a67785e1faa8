"""Pictures on disk are those that the settings ask for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eyeward.errors import UsageError
from eyeward.scenes.sample import sample_scene
from eyeward.train.from_scratch.pictures import draw, rendered


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    rendered(folder, 5, 100, "train", 32, 0.5)
    return folder


def test_the_pictures_are_their_graphs_drawn(folder: Path) -> None:
    pictures = rendered(folder, 5, 100, "train", 32, 0.5)
    assert pictures.graphs == tuple(sample_scene(seed, "train") for seed in range(100, 105))
    for graph, pixels in zip(pictures.graphs, pictures.pixels, strict=True):
        np.testing.assert_array_equal(pixels, draw(graph, 32, 0.5))


def test_pictures_that_are_there_are_not_drawn_again(folder: Path) -> None:
    before = (folder / "pixels.npy").stat().st_mtime_ns
    rendered(folder, 5, 100, "train", 32, 0.5)
    assert (folder / "pixels.npy").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("settings", "difference"),
    [
        ((6, 100, "train", 32, 0.5), "with count 5 and not 6."),
        ((5, 101, "train", 32, 0.5), "with first_seed 100 and not 101."),
        ((5, 100, "validation", 32, 0.5), "with split train and not validation."),
        ((5, 100, "train", 48, 0.25), "with side 32 and not 48, wear 0.5 and not 0.25."),
    ],
    ids=["count", "seed", "split", "side and wear"],
)
def test_pictures_of_other_settings_are_refused_with_the_difference(
    folder: Path, settings: tuple[int, int, str, int, float], difference: str
) -> None:
    with pytest.raises(UsageError) as caught:
        rendered(folder, *settings)
    assert difference in str(caught.value) and "--pictures" in str(caught.value)


def test_worn_pictures_differ_from_clean_ones() -> None:
    graph = sample_scene(100, "train")
    assert not np.array_equal(draw(graph, 32, 1.0), draw(graph, 32, 0.0))
