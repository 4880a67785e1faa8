"""Calibrations, and how they come into the card of a guard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyeward.engine.rating import Calibration, Platt, log_odds, sigmoid
from eyeward.errors import CheckpointError, ErrorType, UsageError
from eyeward.evaluate.calibrating import Fit, asking_for_scores, calibrate, is_rated, store
from eyeward.evaluate.methods import Method
from eyeward.evaluate.outcome import Outcome
from eyeward.guard.card import EyewardCard, Probe
from eyeward.guard.loading import rule_of
from eyeward.verdict import NA, Rating, Review, ReviewReason
from tests.evaluate.hand_made import NUDITY, REVIEW, SAFE, UNSAFE, WEAPONS, outcome, said
from tests.evaluate.worlds import HATE, guard


def overconfident(count: int, factor: float = 3.0, category: str = WEAPONS, seed: int = 1) -> list[Outcome]:
    """Make answers of a guard whose log-odds are `factor` times too large."""
    rng = np.random.default_rng(seed)
    true = rng.uniform(0.02, 0.98, count)
    rows = []
    for number, p in enumerate(true):
        raw = sigmoid(factor * log_odds(float(p)))
        truth = UNSAFE if rng.random() < p else SAFE
        rows.append(outcome(truth, said(UNSAFE, raw, category), f"{category[:2]}{number}.png", category=category))
    return rows


def test_the_temperature_of_an_overconfident_guard_is_found() -> None:
    found = calibrate(overconfident(4000), Calibration(), "photos", recall=0.8)
    default = found.calibration.default
    assert isinstance(default, Platt)
    assert (default.scale, default.shift) == pytest.approx((1 / 3, 0.0), rel=0.1)
    assert found.after.calibration_error < 0.05 < found.before.calibration_error
    assert found.after.brier < found.before.brier


def test_categories_with_enough_images_are_calibrated_by_themselves() -> None:
    rows = overconfident(2000, 3.0, WEAPONS) + overconfident(2000, 1.0, NUDITY, seed=2)
    rows += overconfident(20, 1.0, HATE, seed=3)
    found = calibrate(rows, Calibration(), "photos", by_category=True, recall=0.8).calibration
    assert set(found.categories) == {"O4", "O6"}
    scales = {id: one.scale for id, one in found.categories.items() if isinstance(one, Platt)}
    assert scales == {"O4": pytest.approx(1.0, rel=0.2), "O6": pytest.approx(1 / 3, rel=0.2)}


def test_the_promise_is_made_on_other_images_than_the_calibration() -> None:
    rows = overconfident(1000)
    found = calibrate(rows, Calibration(), "photos", recall=0.8)
    assert found.fitted_on + found.measured_on == 1000
    assert 400 < found.fitted_on < 600
    assert found.promise.unsafe < 600
    whole = calibrate(rows, Calibration(), "photos", Method.keep, recall=0.8)
    assert (whole.fitted_on, whole.measured_on, whole.calibration) == (0, 1000, Calibration())


def test_the_threshold_keeps_the_recall_that_was_promised_on_new_images() -> None:
    found = calibrate(overconfident(3000), Calibration(), "photos", Method.isotonic, recall=0.9)
    fresh = [row for row in overconfident(3000, seed=9) if row.question.rating is UNSAFE]
    p = [found.calibration.apply(row.verdict.p_unsafe_raw or 0.0, "O6") for row in fresh]
    caught = np.mean([value >= found.threshold for value in p])
    assert 0.88 < caught < 0.95
    assert found.promise.missed / found.promise.unsafe < 0.1


def test_what_was_not_rated_is_fitted_to_nothing() -> None:
    rows = overconfident(1000)
    far = said(REVIEW, 0.999)
    abstained = far.model_copy(update={"review": Review(reason=ReviewReason.out_of_scope, scope_distance=9.0)})
    beside = [outcome(SAFE, abstained, f"far{number}.png") for number in range(500)]
    beside += [outcome(SAFE, said(ErrorType.deadline), f"late{number}.png") for number in range(500)]
    assert not any(map(is_rated, beside))
    with_them = calibrate([*rows, *beside], Calibration(), "photos", recall=0.8)
    without = calibrate(rows, Calibration(), "photos", recall=0.8)
    assert (with_them.calibration, with_them.after) == (without.calibration, without.after)
    with pytest.raises(UsageError, match="No image was rated"):
        all_far = [o.model_copy(update={"verdict": abstained}) for o in rows]
        calibrate(all_far, Calibration(), "photos", Method.keep, recall=0.5, specificity=0.5)


def test_one_kind_of_image_is_not_enough_for_a_fit() -> None:
    rows = [row for row in overconfident(300) if row.question.rating is UNSAFE]
    with pytest.raises(UsageError, match="wants unsafe and safe images"):
        calibrate(rows, Calibration(), "photos")


def test_a_guard_is_asked_so_that_every_verdict_names_the_category_of_an_unsafe_answer() -> None:
    asked = asking_for_scores(guard(band=(0.4, 0.6)))
    dark = asked.assess(Image.new("RGB", (8, 8), (20, 20, 20)), "default")
    assert (dark.rating, dark.category) == (Rating.Unsafe, HATE)
    doubtful = asked.assess(Image.new("RGB", (8, 8), (128, 128, 128)), "default")
    assert (doubtful.rating, doubtful.category) == (Rating.Unsafe, HATE)  # though it lies in the band
    with pytest.raises(UsageError, match="gives no probabilities"):
        asking_for_scores(guard().in_parity_mode())
    decides_by_itself = replace(guard(), rule=None, rule_at_hand=guard().rule)
    assert asking_for_scores(decides_by_itself).rule == asking_for_scores(guard()).rule


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    Image.new("RGB", (8, 8), (150, 150, 150)).save(tmp_path / "probe.png")
    probe = Probe(image="probe.png", rating=Rating.Unsafe, category=HATE, p_unsafe_raw=150 / 255)
    EyewardCard(name="bright", probes=(probe,)).write(tmp_path)
    return tmp_path


def test_what_was_chosen_stands_in_the_card_and_decides_ratings(checkpoint: Path) -> None:
    found = calibrate(overconfident(2000), Calibration(), "photos", recall=0.5)
    assert found.threshold > 0.65
    card = store(checkpoint, guard(), found)
    assert EyewardCard.read(checkpoint) == card
    assert (card.threshold, card.calibration, card.promise) == (found.threshold, found.calibration, found.promise)
    assert (card.probes[0].rating, card.probes[0].category) == (Rating.Safe, NA)
    grey = Image.new("RGB", (8, 8), (150, 150, 150))
    assert replace(guard(), rule=rule_of(card)).assess(grey, "default").rating is Rating.Safe


def test_a_probe_that_cannot_be_judged_leaves_the_card_as_it_was(checkpoint: Path) -> None:
    before = EyewardCard.read(checkpoint)
    (checkpoint / "probe.png").unlink()
    found = calibrate(overconfident(500), Calibration(), "photos", recall=0.5)
    with pytest.raises(CheckpointError, match=r"probe probe\.png cannot be judged, so nothing was written"):
        store(checkpoint, guard(), found)
    assert EyewardCard.read(checkpoint) == before


def test_a_fit_says_how_far_probabilities_are_from_what_was_true() -> None:
    found = Fit.of(np.array([0.92, 0.98, 0.2]), np.array([True, False, False]))
    assert found.brier == pytest.approx((0.08**2 + 0.98**2 + 0.2**2) / 3)
    assert found.calibration_error == pytest.approx((abs(1.9 - 1) + 0.2) / 3)
    assert [(b.count, b.unsafe_share) for b in found.bins] == [(1, 0.0), (2, 0.5)]


def test_categories_are_calibrated_by_themselves_only_where_that_is_wanted() -> None:
    rows = overconfident(500) + overconfident(500, 1.0, NUDITY, seed=2)
    assert calibrate(rows, Calibration(), "photos", recall=0.8).calibration.categories == {}


def test_a_review_band_is_stored_and_abstains(checkpoint: Path) -> None:
    found = calibrate(overconfident(2000), Calibration(), "photos", recall=0.9, specificity=0.9)
    assert found.review_band is not None
    card = store(checkpoint, guard(), found)
    assert EyewardCard.read(checkpoint).review_band == found.review_band == card.review_band
    assert card.probes[0].rating is Rating.Review


@pytest.mark.parametrize("reason", [ReviewReason.out_of_scope, ReviewReason.frames, ReviewReason.band])
def test_an_abstention_is_missed_whatever_its_probability_unless_it_is_that_of_a_band(reason: ReviewReason) -> None:
    rows = [outcome(UNSAFE, said(UNSAFE, 0.9), f"{number}.png") for number in range(100)]
    review = Review(reason=reason, band=(0.4, 0.95) if reason is ReviewReason.band else None)
    abstained = said(REVIEW, 0.9).model_copy(update={"review": review})
    rows += [outcome(UNSAFE, abstained, f"x{number}.png") for number in range(20)]
    if reason is ReviewReason.band:
        found = calibrate(rows, Calibration(), "photos", Method.keep, recall=0.95)
        assert (found.promise.unsafe, found.promise.missed) == (120, 0)
    else:
        with pytest.raises(UsageError, match="20 of 120 unsafe images have no rating"):
            calibrate(rows, Calibration(), "photos", Method.keep, recall=0.95)
