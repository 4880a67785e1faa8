"""What is done with which verdict."""

from __future__ import annotations

import pytest

from eyeward.errors import ErrorType, UsageError
from eyeward.moderate.ruling import Action, Ruling, why
from eyeward.policy import Policy
from eyeward.verdict import NA, Failure, ModelRef, Rating, Review, ReviewReason, Status, Verdict

POLICY = Policy.load("default").ref
MODEL = ModelRef(name="fake", engine="fake")


def verdict(rating: Rating, *notes: str) -> Verdict:
    review = Review(reason=ReviewReason.band) if rating is Rating.Review else None
    category = NA if rating is Rating.Safe else "O3: Sexual Content"
    return Verdict(
        image=None,
        status=Status.ok,
        rating=rating,
        category=category,
        review=review,
        notes=notes,
        policy=POLICY,
        model=MODEL,
        rationale="secret words",
    )


FAILED = Verdict.failed(Failure(type=ErrorType.truncated, message="Cut."), image=None, policy=POLICY, model=MODEL)
SAFE, UNSAFE, DOUBTFUL = (verdict(rating) for rating in (Rating.Safe, Rating.Unsafe, Rating.Review))
KNOWN = verdict(Rating.Unsafe, "hash_match")


@pytest.mark.parametrize("action", list(Action))
def test_only_what_is_safe_is_left_alone(action: Action) -> None:
    ruling = Ruling.of(action)
    assert ruling.action(SAFE) is None
    assert all(ruling.action(found) is not None for found in (UNSAFE, DOUBTFUL, FAILED, KNOWN))


def test_review_is_treated_like_unsafe_unless_said_otherwise() -> None:
    assert Ruling.of("drop").action(DOUBTFUL) is Action.drop
    ruling = Ruling.of("raise", "report")
    assert (ruling.action(DOUBTFUL), ruling.action(UNSAFE), ruling.action(FAILED)) == (
        Action.report,
        Action.refuse,
        Action.refuse,
    )


def test_what_nobody_judged_is_not_shown_in_part() -> None:
    assert Ruling.of("blur").action(UNSAFE) is Action.blur
    assert Ruling.of("blur").action(FAILED) is Action.blank


@pytest.mark.parametrize("action", ["blur", "report"])
def test_what_is_known_by_its_hash_is_never_shown(action: str) -> None:
    assert Ruling.of(action).action(KNOWN) is Action.blank


def test_a_word_that_is_no_action_is_refused() -> None:
    with pytest.raises(UsageError, match="on_review is one of blank, blur, drop, raise, report, not 'hide'"):
        Ruling.of("blank", "hide")


def test_the_reason_names_categories_and_no_rationale() -> None:
    said = why([SAFE, UNSAFE, DOUBTFUL, FAILED])
    assert said == (
        "3 of 4 images may not be shown: Unsafe, O3: Sexual Content; Review (band), O3: Sexual Content; "
        "not judged (truncated)."
    )
