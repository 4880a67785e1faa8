"""A promise is kept as often as it says: checked by simulation, where the truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mapie.risk_control import BinaryClassificationController
from mapie.risk_control.methods import compute_hoeffding_bentkus_p_value

from eyeward.errors import UsageError
from eyeward.evaluate.binomial import binomial_tail
from eyeward.evaluate.promise import (
    Scores,
    choose_band,
    choose_threshold,
    count_needed,
    errors_allowed,
    one_of_each_group,
)
from eyeward.evaluate.table import Floats, Numbers

EVERYWHERE = np.linspace(0.0, 1.0, 20_001)
"""Safe images at every score: then the highest threshold is the best."""


def scores(of_unsafe: Floats, of_safe: Floats | None = None, group: Numbers | None = None) -> Scores:
    safe = EVERYWHERE if of_safe is None else of_safe
    p = np.concatenate((of_unsafe, safe))
    return Scores(
        p_unsafe=p,
        unsafe=np.arange(len(p)) < len(of_unsafe),
        group=np.arange(len(p)) if group is None else np.append(group, np.arange(len(safe)) + len(p)),
        abstained=np.zeros(len(p), bool),
    )


def test_the_promise_of_a_threshold_is_kept_in_as_many_worlds_as_it_says() -> None:
    """p_unsafe of unsafe images is uniform, so the true recall at a threshold is one minus it."""
    exact = 1 - binomial_tail(errors_allowed(200, 0.1, 0.9), 200, 0.1)
    assert 0.9 <= exact <= 0.92  # at least what was promised, and not by being far too careful
    rng = np.random.default_rng(5)
    kept = [1 - choose_threshold(scores(rng.random(200)), 0.9, 0.9).threshold >= 0.9 for _ in range(4000)]
    assert sum(kept) / 4000 == pytest.approx(exact, abs=0.014)  # three standard errors


def test_ties_do_not_break_the_promise() -> None:
    rng = np.random.default_rng(12)
    kept = 0
    for _ in range(1000):
        chosen = choose_threshold(scores(np.floor(rng.random(200) * 20) / 20), 0.9, 0.9)
        kept += 1 - math.ceil(chosen.threshold * 20) / 20 >= 0.9
    assert kept / 1000 >= 0.9


def test_both_promises_of_a_band_are_kept_at_once() -> None:
    """Unsafe images are uniform over 0.2 to 1, safe ones over 0 to 0.8."""
    rng = np.random.default_rng(13)
    kept = 0
    for _ in range(1000):
        chosen = choose_band(scores(0.2 + 0.8 * rng.random(200), 0.8 * rng.random(200)), 0.95, 0.95, 0.9)
        assert chosen.band is not None and chosen.threshold == chosen.band[1]
        low, high = chosen.band
        kept += (low - 0.2) / 0.8 <= 0.05 and (0.8 - high) / 0.8 <= 0.05
    assert kept / 1000 >= 0.9


def test_images_of_one_group_count_once() -> None:
    """Twenty groups of ten equal images are twenty images, whatever their number."""
    rng = np.random.default_rng(14)
    group = np.repeat(np.arange(20), 10)
    with pytest.raises(UsageError, match="20 unsafe images of independent groups are too few"):
        choose_threshold(scores(np.repeat(rng.random(20), 10), group=group), 0.9, 0.9)
    group = np.repeat(np.arange(100), 10)
    kept = 0
    for _ in range(500):
        chosen = choose_threshold(scores(np.repeat(rng.random(100), 10), group=group), 0.8, 0.9)
        assert chosen.unsafe == 100
        kept += 1 - chosen.threshold >= 0.8
    assert kept / 500 >= 0.88  # 0.9, less two standard errors


def test_few_images_are_refused_with_the_number_that_it_takes() -> None:
    assert count_needed(0.05, 0.95) == 59
    with pytest.raises(UsageError, match="58 unsafe images .* it takes 59"):
        choose_threshold(scores(np.linspace(0.1, 0.9, 58)), 0.95, 0.95)
    chosen = choose_threshold(scores(np.linspace(0.1, 0.9, 59), np.array([0.0999999])), 0.95, 0.95)
    assert (chosen.threshold, chosen.unsafe, chosen.missed) == (0.1, 59, 0)


@pytest.mark.parametrize(("count", "rate", "confidence", "allowed"), [(59, 0.05, 0.95, 0), (93, 0.05, 0.95, 1)])
def test_errors_allowed_are_those_of_published_tables(count: int, rate: float, confidence: float, allowed: int) -> None:
    """Wilks' limits: 59 tries without a miss, 93 with one, for 95 % at 95 %."""
    assert errors_allowed(count, rate, confidence) == allowed
    assert errors_allowed(count - 1, rate, confidence) == allowed - 1


def test_what_has_no_rating_is_missed_at_any_threshold() -> None:
    p = np.linspace(0.1, 0.9, 93)
    p[5] = np.nan
    chosen = choose_threshold(scores(p), 0.95, 0.95)
    assert chosen.threshold <= 0.1  # the one miss that is allowed is spent
    assert chosen.missed == 1
    p[6] = np.nan
    with pytest.raises(UsageError, match="2 of 93 unsafe images have no rating at any threshold, and at most 1 may"):
        choose_threshold(scores(p), 0.95, 0.95)


def test_an_abstention_is_missed_by_a_threshold_and_kept_by_a_band() -> None:
    both = scores(np.linspace(0.1, 0.9, 100), np.linspace(0.0, 0.8, 100))
    abstained = np.zeros(200, bool)
    abstained[[0, 1, 2]] = True
    with_abstentions = Scores(both.p_unsafe, both.unsafe, both.group, abstained)
    with pytest.raises(UsageError, match="3 of 100 unsafe images have no rating"):
        choose_threshold(with_abstentions, 0.95, 0.95)
    banded = choose_band(with_abstentions, 0.95, 0.9, 0.9)
    without = choose_band(both, 0.95, 0.9, 0.9)
    assert banded.band is not None and without.band is not None
    assert banded.band[0] > without.band[0]  # the three lowest are no longer Safe whatever the band
    abstained[[0, 1, 2, 197, 198, 199]] = [False, False, False, True, True, True]
    of_safe = choose_band(Scores(both.p_unsafe, both.unsafe, both.group, abstained), 0.95, 0.9, 0.9)
    assert of_safe.band is not None and of_safe.band[1] < without.band[1]  # nor the three highest Unsafe


def test_guards_that_keep_both_promises_with_one_threshold_need_no_band() -> None:
    chosen = choose_band(scores(np.full(100, 0.9), np.full(100, 0.1)), 0.95, 0.95, 0.9)
    assert (chosen.band, chosen.threshold, chosen.missed, chosen.flagged) == (None, 0.5, 0, 0)


def test_a_threshold_lies_well_between_the_images_that_it_parts() -> None:
    """Any threshold from 0.3 to 0.9 keeps the promise and flags nothing; the highest would hang on a single image."""
    assert choose_threshold(scores(np.full(100, 0.9), np.full(100, 0.3)), 0.95, 0.95).threshold == 0.5
    assert choose_threshold(scores(np.full(100, 0.9), np.full(100, 0.7)), 0.95, 0.95).threshold == 0.8
    beside = choose_threshold(scores(np.full(100, 0.9), np.full(100, 0.95)), 0.95, 0.95)
    assert beside.threshold == 0.5  # no threshold that keeps the promise helps those


@pytest.mark.parametrize("wrong", [0.0, 1.0, 1.5])
def test_certainty_cannot_be_promised(wrong: float) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        choose_threshold(scores(np.ones(100)), wrong, 0.95)


def test_one_image_of_each_group_is_drawn_and_not_always_the_first() -> None:
    group = np.repeat(np.arange(5), 4)
    all_rows = Scores(np.linspace(0, 1, 20), np.ones(20, bool), group, np.zeros(20, bool))
    odd = np.arange(20) % 2 == 1
    drawn = [tuple(int(place) for place in one_of_each_group(all_rows, odd, seed)) for seed in range(20)]
    assert all([int(group[place]) for place in places] == [0, 1, 2, 3, 4] for places in drawn)
    assert all(odd[list(places)].all() for places in drawn)
    assert len(set(drawn)) > 5


def test_safe_images_on_which_the_guard_abstains_do_not_move_the_threshold() -> None:
    both = scores(np.full(100, 0.9), np.append(np.full(100, 0.3), 0.85))
    abstained = np.zeros(201, bool)
    abstained[200] = True
    assert choose_threshold(both, 0.95, 0.95).threshold == 0.875
    assert choose_threshold(Scores(both.p_unsafe, both.unsafe, both.group, abstained), 0.95, 0.95).threshold == 0.5


def test_a_band_says_how_many_images_lie_on_its_wrong_sides() -> None:
    rng = np.random.default_rng(3)
    unsafe, safe = 0.2 + 0.8 * rng.random(300), 0.8 * rng.random(300)
    safe[7] = np.nan  # it breaks its promise
    chosen = choose_band(scores(unsafe, safe), 0.95, 0.9, 0.9)
    assert chosen.band is not None
    low, high = chosen.band
    assert (chosen.missed, chosen.flagged) == (int((unsafe < low).sum()), int((safe > high).sum()) + 1)
    assert chosen.missed > 0 and (chosen.unsafe, chosen.safe) == (300, 300)


def test_a_threshold_is_rounded_to_the_careful_side() -> None:
    low = choose_band(scores(np.full(100, 0.12345678), np.full(100, 0.9)), 0.95, 0.95, 0.9)
    assert low.band == pytest.approx((0.123456, 0.900001), abs=1e-9)


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.4])
def test_the_exact_tail_is_the_p_value_of_mapie(rate: float) -> None:
    count, missed = 300, np.arange(0, 60)
    theirs = compute_hoeffding_bentkus_p_value(np.maximum(missed - 1e-7, 0) / count, count, rate, binary=True)[
        :, 0
    ]  # it rounds up
    assert [binomial_tail(int(k), count, rate) for k in missed] == pytest.approx(list(theirs), rel=1e-4)


@pytest.mark.parametrize(("recall", "confidence"), [(0.9, 0.95), (0.8, 0.9)])
def test_the_threshold_is_that_of_mapie_or_a_little_less_careful(recall: float, confidence: float) -> None:
    """MAPIE tries thresholds of a grid in the same order, each against a bound that is e times the exact tail."""
    rng = np.random.default_rng(3)
    unsafe = rng.random(1200) < 0.5
    p = np.where(unsafe, rng.beta(4, 2, 1200), rng.beta(2, 4, 1200))
    grid = np.linspace(0.01, 0.99, 99)
    controller = BinaryClassificationController(
        predict_function=lambda scores: np.stack((1 - scores, scores), axis=1),
        risk="recall",
        target_level=recall,
        confidence_level=confidence,
        list_predict_params=grid,
        fwer_method="fixed_sequence",
    ).calibrate(p, unsafe.astype(int))
    ours = choose_threshold(scores(p[unsafe]), recall, confidence)
    theirs = controller.valid_predict_params.max()
    assert ours.threshold - 0.03 < theirs <= ours.threshold
    missed = np.array([ours.missed, ours.missed + 1]) - 1e-7
    p_values = compute_hoeffding_bentkus_p_value(missed / ours.unsafe, ours.unsafe, 1 - recall, binary=True)
    assert p_values[0, 0] <= 1 - confidence < p_values[1, 0], "one more would be one too many"
