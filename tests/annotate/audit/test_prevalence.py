"""The corrected share: by hand where hands can, and by drawing again and again where they cannot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks.audit_statistics import Line, measure, synthetic
from eyeward.annotate.audit.prevalence import Further, Labelled, prediction_powered, rogan_gladen
from eyeward.evaluate.binomial import binomial_probability, binomial_tail


def stratum(rows: int, outcomes: list[int], scores: Sequence[float] | None = None, mean_score: float = 0.0) -> Labelled:
    given = scores or [mean_score] * len(outcomes)
    return Labelled(rows, np.array(outcomes, np.float64), np.array(given, np.float64), mean_score)


def flagged(rows: int, outcomes: list[int]) -> Labelled:
    return stratum(rows, outcomes, mean_score=1.0)


def labels(unsafe: int, count: int) -> list[int]:
    return [1] * unsafe + [0] * (count - unsafe)


def test_every_stratum_counts_by_its_size() -> None:
    found = prediction_powered([stratum(900, labels(1, 10)), stratum(100, labels(3, 4))])
    assert found.share == pytest.approx(0.9 * 0.1 + 0.1 * 0.75)
    assert found.low < found.share < found.high


@pytest.mark.parametrize(("unsafe", "count"), [(0, 300), (1, 300), (5, 300), (30, 300), (150, 300), (300, 300)])
def test_one_stratum_of_many_images_has_the_mid_p_interval_of_a_share(unsafe: int, count: int) -> None:
    """Its limits are the rates at which the result, counted half, has a tail of 2.5 %, by bisection on the tails.

    Below the upper limit of nothing found the tail is 5 %, since a truth there cannot be missed from above.
    """

    def tail(hits: int, rate: float) -> float:
        return binomial_tail(hits, count, rate) - binomial_probability(hits, count, rate) / 2

    def highest(hits: int, goal: float) -> float:
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if tail(hits, middle) > goal else (low, middle)
        return low

    def lower(hits: int) -> float:
        least_high, wide, narrow = highest(0, 0.025), highest(hits, 0.975), highest(hits, 0.95)
        return 0.0 if hits == 0 else narrow if narrow <= least_high else max(least_high, wide)

    found = prediction_powered([stratum(10**9, labels(unsafe, count))])
    assert found.share == pytest.approx(unsafe / count)
    assert found.low == pytest.approx(lower(unsafe), rel=0.02, abs=2e-4)
    assert found.high == pytest.approx(1 - lower(count - unsafe), rel=0.02, abs=2e-4)


def test_nothing_found_is_not_nothing_there() -> None:
    found = prediction_powered([stratum(95_000, labels(0, 280)), stratum(5_000, labels(0, 20))])
    assert (found.share, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(0.95 * 3.0 / 281, rel=0.02), "three over the labels of the larger stratum"


def test_a_stratum_that_is_labelled_as_a_whole_is_known() -> None:
    whole = [stratum(40, labels(10, 40)), stratum(60, labels(0, 60))]
    found = prediction_powered(whole)
    assert (found.low, found.share, found.high) == pytest.approx((0.1, 0.1, 0.1))
    half = prediction_powered([stratum(40, labels(10, 40)), stratum(60, labels(0, 30))])
    assert half.low == pytest.approx(0.1)
    assert half.high > 0.12


def test_images_of_which_it_is_known_count_as_what_they_are() -> None:
    strata = [stratum(900, labels(1, 30)), stratum(100, labels(15, 30))]
    plain, with_known = prediction_powered(strata), prediction_powered(strata, Further(250, 750))
    for name in ("share", "low", "high"):
        assert getattr(with_known, name) == pytest.approx((1000 * getattr(plain, name) + 250) / 2000)
    assert prediction_powered([], Further(positive=3)).low == pytest.approx(1.0)


def test_good_scores_correct_the_luck_of_a_draw_and_narrow_the_interval() -> None:
    rng = np.random.default_rng(1)
    scores = rng.random(5000)
    outcomes = (rng.random(5000) < scores**3).astype(np.float64)
    chosen = rng.choice(5000, 200, replace=False)
    drawn = Labelled(5000, outcomes[chosen], scores[chosen], float(scores.mean()))
    with_scores, without = prediction_powered([drawn]), prediction_powered([drawn], tuned=False)
    assert without.share == pytest.approx(outcomes[chosen].mean())
    assert with_scores.high - with_scores.low < 0.9 * (without.high - without.low)
    centred = scores[chosen] - scores[chosen].mean()
    tuning = np.dot(centred, outcomes[chosen]) / np.dot(centred, centred)
    expected = outcomes[chosen].mean() + min(1.0, tuning) * (scores.mean() - scores[chosen].mean())
    assert with_scores.share == pytest.approx(expected)


def test_scores_that_say_nothing_are_not_used() -> None:
    upside_down = stratum(1000, labels(5, 50), [0.1] * 5 + [0.9] * 45, mean_score=0.5)
    assert prediction_powered([upside_down]) == prediction_powered([upside_down], tuned=False)


def test_rogan_and_gladen_by_hand() -> None:
    """1,000 images, 200 flagged; of these 30 % are unsafe, of the rest 5 %.

    Unsafe are 60 + 40. Recall is 60 / 100, specificity 760 / 900, and (0.2 + 760/900 - 1) / (0.6 + 760/900 - 1) = 0.1.
    """
    strata = [flagged(200, labels(6, 20)), stratum(800, labels(4, 80))]
    found = rogan_gladen(strata)
    assert (found.recall, found.specificity) == pytest.approx((0.6, 760 / 900))
    assert found.share == pytest.approx((0.2 + 760 / 900 - 1) / (0.6 + 760 / 900 - 1))
    assert found.share == pytest.approx(0.1)
    plain = prediction_powered(strata, tuned=False)
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high)), "where strata are flagged as a whole"
    known = rogan_gladen(strata, Further(positive=100))
    assert known.share == pytest.approx(200 / 1100)
    assert known.recall == pytest.approx(160 / 200)


def test_rogan_and_gladen_where_a_stratum_is_flagged_in_part() -> None:
    """100 of 1,000 images are labelled, 20 of them flagged: 12 of the 15 unsafe ones, 8 of the 85 safe ones.

    Of all images 25 % are flagged, and (0.25 + 77/85 - 1) / (12/15 + 77/85 - 1) is the share.
    """
    drawn = stratum(1000, labels(15, 100), [1] * 12 + [0] * 3 + [1] * 8 + [0] * 77, mean_score=0.25)
    found = rogan_gladen([drawn])
    assert (found.recall, found.specificity) == pytest.approx((12 / 15, 77 / 85))
    assert found.share == pytest.approx((0.25 + 77 / 85 - 1) / (12 / 15 + 77 / 85 - 1))
    assert found.low < found.share < found.high
    powered = prediction_powered([drawn])
    assert powered.high - powered.low < found.high - found.low, "the tuning of least variance is at least as good"


def test_flags_that_are_worth_nothing_are_left_out() -> None:
    by_lot = stratum(1000, labels(20, 100), [1] * 10 + [0] * 10 + [1] * 40 + [0] * 40, mean_score=0.9)
    assert rogan_gladen([by_lot]).share == pytest.approx(0.2)


def test_without_an_unsafe_label_the_recall_is_unknown() -> None:
    found = rogan_gladen([flagged(200, labels(0, 20)), stratum(800, labels(0, 80))])
    assert (found.recall, found.share) == (None, 0.0)
    assert found.specificity == pytest.approx(0.8)
    all_unsafe = rogan_gladen([flagged(200, labels(20, 20))])
    assert (all_unsafe.recall, all_unsafe.specificity, all_unsafe.share) == (1.0, None, 1.0)


@pytest.mark.parametrize("share", [0.001, 0.02, 0.1])
def test_intervals_cover_the_truth_and_are_no_wider_than_those_of_a_simple_sample(share: float) -> None:
    lines = measure(synthetic("right in 90 %", share, 2.5, 2.5, seed=1), labels=300, redraws=300, seed=5)
    assert [line.estimate for line in lines] == ["prediction-powered", "Rogan-Gladen"]
    for line in lines:
        assert line.missed == "", line
        assert abs(line.bias) < 0.1 * share + 0.0004, line
    assert lines[0].claimed > share + 0.07, "the raw count is mostly false alarms"


def test_a_bar_that_is_missed_is_said() -> None:
    line = Line("p", "e", 1, 1, 1, share=0.1, bias=0, covered=0.9, width=2, simple_covered=1, simple_width=1, claimed=0)
    assert line.missed == "coverage, width"
