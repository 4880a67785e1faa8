"""What is fitted to a trained guard is right, and what it is checked by is kept whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from eyeward.errors import CheckpointError
from eyeward.scenes.sample import sample_scene
from eyeward.train.from_scratch.finish import PROBE_SEEDS, fit_calibration, make_probes
from eyeward.train.from_scratch.recipe import Finish
from eyeward.verdict import NA, Rating


def test_a_scene_that_cannot_be_judged_is_not_left_out_of_the_calibration() -> None:
    broken = SimpleNamespace(p_unsafe_raw=None, error=SimpleNamespace(message="The device is full."))
    judged = SimpleNamespace(p_unsafe_raw=0.4, error=None)
    guard: Any = SimpleNamespace(assess_requests=lambda requests: [broken, *[judged] * (len(requests) - 1)])
    with pytest.raises(CheckpointError, match="1 of 6 validation scenes.*The device is full"):
        fit_calibration(guard, Finish(calibration_policies=2, calibration_scenes=3))


def saying(rating: Callable[[Path], Rating]) -> Any:
    """Return a guard that rates files."""

    def assess(file: Path, policy: object, explain: bool) -> object:
        return SimpleNamespace(rating=rating(file), category=NA, p_unsafe_raw=0.25)

    return SimpleNamespace(assess=assess)


def test_each_probe_has_a_picture_of_its_own_though_motifs_repeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = PROBE_SEEDS[0]
    motif = sample_scene(first, "validation").motif
    twin = next(n for n in range(first + 1, first + 5000) if sample_scene(n, "validation").motif == motif)
    monkeypatch.setattr("eyeward.train.from_scratch.finish.PROBE_SEEDS", (first, twin))
    probes = make_probes(saying(lambda file: Rating.Safe), tmp_path)
    pictures = [Image.open(tmp_path / probe.image).tobytes() for probe in probes]
    assert len(probes) == 2 and pictures[0] != pictures[1]


def test_pictures_of_an_older_guard_do_not_stay(tmp_path: Path) -> None:
    (tmp_path / "probes").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "probes" / "old.png")
    probes = make_probes(saying(lambda file: Rating.Safe), tmp_path)
    assert {file.name for file in (tmp_path / "probes").iterdir()} == {Path(probe.image).name for probe in probes}


def test_a_scene_that_is_for_review_is_no_probe_and_leaves_no_picture(tmp_path: Path) -> None:
    def unsure_of_the_first(file: Path) -> Rating:
        return Rating.Review if str(PROBE_SEEDS[0]) in file.name else Rating.Unsafe

    probes = make_probes(saying(unsure_of_the_first), tmp_path)
    assert len(probes) == len(PROBE_SEEDS) - 1 == len(list((tmp_path / "probes").iterdir()))


def test_a_guard_without_any_probe_is_not_finished(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"rates none of 6 validation scenes .* not finished"):
        make_probes(saying(lambda file: Rating.Review), tmp_path)
