"""From readings to one judgement."""

from __future__ import annotations

from dataclasses import replace

import pytest

from eyeward.engine.rating import Platt
from eyeward.guard.frames import Judgement, judge_frame, worst
from eyeward.guard.profile import Coverage, Reading
from eyeward.verdict import NA, Rating, ReviewReason
from tests.fakes import rule

HATE, WEAPONS = "O1: Hate", "O6: Weapons"
ALL = Coverage(("O1", "O6"), ())
PART = Coverage(("O1",), ("O6",), {"O6": ("zeppelin",)})


def reading(p_unsafe: float, written: Rating | None = None) -> Reading:
    rating = written or (Rating.Unsafe if p_unsafe >= 0.5 else Rating.Safe)
    return Reading(
        rating=rating,
        category=WEAPONS if rating is Rating.Unsafe else NA,
        p_unsafe_raw=p_unsafe,
        categories={
            Rating.Unsafe: {HATE: 0.2, WEAPONS: 0.8},
            Rating.Safe: {HATE: 0.1, WEAPONS: 0.2, NA: 0.7},
        },
        rationale="Because.",
    )


def test_probabilities_are_those_given_the_rating_that_was_written() -> None:
    unsafe, safe = (judge_frame(reading(p), rule(), ALL) for p in (0.9, 0.1))
    assert (unsafe.rating, unsafe.category, unsafe.category_probabilities) == (
        Rating.Unsafe,
        WEAPONS,
        {"O1": 0.2, "O6": 0.8},
    )
    assert (safe.rating, safe.category, safe.category_probabilities["NA"]) == (Rating.Safe, NA, 0.7)


def test_p_unsafe_is_calibrated_by_the_category_that_an_unsafe_answer_would_name() -> None:
    judged = judge_frame(reading(0.4), rule(O6=Platt(scale=1.0, shift=1.0)), ALL)
    assert judged.p_unsafe_raw == 0.4
    assert judged.p_unsafe == pytest.approx(0.6444, abs=1e-3)
    assert judge_frame(reading(0.4), rule(O1=Platt(scale=1.0, shift=1.0)), ALL).p_unsafe == 0.4


def test_what_a_service_decides_counts_where_there_is_no_rule_and_nowhere_else() -> None:
    scored = replace(reading(0.9), rating=None, category=None, decided=Rating.Safe)
    assert judge_frame(scored, None, ALL).rating is Rating.Safe
    assert judge_frame(scored, rule(), ALL).rating is Rating.Unsafe
    assert judge_frame(replace(scored, decided=None), None, ALL).rating is Rating.Unsafe
    flagged = judge_frame(replace(scored, p_unsafe_raw=0.1, decided=Rating.Unsafe), None, ALL)
    assert (flagged.rating, flagged.category, flagged.p_unsafe) == (Rating.Unsafe, WEAPONS, 0.1)


def test_parity_mode_keeps_what_was_written_and_calibrates_nothing() -> None:
    judged = judge_frame(reading(0.5, Rating.Safe), None, ALL)
    assert (judged.rating, judged.p_unsafe, judged.review) == (Rating.Safe, 0.5, None)


@pytest.mark.parametrize(("p", "expected"), [(0.39, Rating.Safe), (0.4, Rating.Review), (0.6, Rating.Review)])
def test_the_band_abstains(p: float, expected: Rating) -> None:
    judged = judge_frame(reading(p), rule(band=(0.4, 0.6)), ALL)
    assert judged.rating is expected
    assert (judged.review is not None) is (expected is Rating.Review)
    if judged.review is not None:
        assert (judged.review.reason, judged.review.band) == (ReviewReason.band, (0.4, 0.6))


@pytest.mark.parametrize("p", [0.01, 0.99])
def test_out_of_scope_is_review_whatever_the_probability(p: float) -> None:
    judged = judge_frame(reading(p), rule(), ALL, scope_distance=3.0, scope_threshold=2.0)
    assert judged.review is not None
    assert (judged.rating, judged.review.reason, judged.review.scope_distance) == (
        Rating.Review,
        ReviewReason.out_of_scope,
        3.0,
    )
    assert judge_frame(reading(p), rule(), ALL, 2.0, 2.0).review is None
    with pytest.raises(ValueError, match="finite"):
        judge_frame(reading(p), rule(), ALL, float("nan"), 2.0)


@pytest.mark.parametrize("p", [0.01, 0.99])
def test_a_policy_that_cannot_be_read_is_review_with_a_note(p: float) -> None:
    judged = judge_frame(reading(p), rule(), PART)
    assert judged.review is not None
    assert (judged.rating, judged.review.reason) == (Rating.Review, ReviewReason.out_of_scope)
    assert judged.notes == ("policy_words_unknown",)


def test_a_review_shows_the_likelier_rating_and_no_reason_for_the_other() -> None:
    judged = judge_frame(reading(0.4, Rating.Unsafe), rule(0.3), ALL, 3.0, 2.0)
    assert (judged.category, judged.rationale) == (NA, None)
    assert judged.category_probabilities["NA"] == 0.7
    assert judge_frame(reading(0.4, Rating.Unsafe), rule(0.3), ALL).rationale == "Because."


def test_the_worst_frame_counts() -> None:
    def judgement(rating: Rating, p: float) -> Judgement:
        return Judgement(rating, HATE, None, p, p, 0.0, {}, None)

    safe, sure, review = (judgement(r, p) for r, p in ((Rating.Safe, 0.1), (Rating.Safe, 0.4), (Rating.Review, 0.05)))
    unsafe = judgement(Rating.Unsafe, 0.3)
    assert worst([safe, sure]) is sure
    assert worst([safe, review, sure]) is review
    assert worst([review, unsafe, safe]) is unsafe
