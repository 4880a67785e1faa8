"""What is fitted to a trained guard is right, and what it is checked by is kept whole."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eyeward.errors import CheckpointError
from eyeward.scenes.sample import sample_scene
from eyeward.train.from_scratch.finish import PROBE_SEEDS, fit_calibration, make_probes, platt
from eyeward.train.from_scratch.recipe import Finish
from eyeward.verdict import NA, Rating


def log_odds(share: float) -> float:
    return math.log(share / (1 - share))


def test_platt_scaling_meets_the_smoothed_share_of_each_of_two_probabilities() -> None:
    # With two scores the fit is exact: log-odds of the mean target at each (Platt 1999, section 2.2).
    probabilities = np.repeat([0.3, 0.8], [40, 60])
    unsafe = np.concatenate([np.arange(40) < 10, np.arange(60) < 50])
    high, low = 61 / 62, 1 / 42
    at_low, at_high = log_odds((10 * high + 30 * low) / 40), log_odds((50 * high + 10 * low) / 60)
    fitted = platt(probabilities, unsafe)
    assert fitted.scale == pytest.approx((at_high - at_low) / (log_odds(0.8) - log_odds(0.3)), abs=1e-6)
    assert fitted.shift == pytest.approx(at_high - fitted.scale * log_odds(0.8), abs=1e-6)


def test_platt_scaling_finds_the_calibration_that_outcomes_were_drawn_by() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.uniform(0.02, 0.98, 40_000)
    true = 1 / (1 + np.exp(-(0.5 * np.log(probabilities / (1 - probabilities)) - 0.7)))
    fitted = platt(probabilities, rng.random(40_000) < true)
    assert fitted.scale == pytest.approx(0.5, abs=0.03)
    assert fitted.shift == pytest.approx(-0.7, abs=0.03)


def test_platt_scaling_never_turns_a_guard_around() -> None:
    probabilities = np.repeat([0.2, 0.8], 50)
    assert platt(probabilities, probabilities < 0.5).scale > 0


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
