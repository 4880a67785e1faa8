"""Comparisons of two guards."""

from __future__ import annotations

import numpy as np
import pytest

from eyeward.errors import UsageError
from eyeward.evaluate.outcome import Outcome
from eyeward.evaluate.paired import Difference, compare
from eyeward.policy import Policy
from eyeward.verdict import Rating
from tests.evaluate.hand_made import EXEMPT, NUDITY, SAFE, UNSAFE, outcome, said


def answers(says: list[Rating], truth: Rating = UNSAFE) -> list[Outcome]:
    return [outcome(truth, said(rating), f"{number}.png") for number, rating in enumerate(says)]


def test_mcnemar_gives_the_published_example() -> None:
    """Fagerland, Lydersen and Laake (2013), table 2: 1 and 7 discordant pairs."""
    first = answers([UNSAFE] * 7 + [SAFE] + [UNSAFE] * 13)
    second = answers([SAFE] * 7 + [UNSAFE] + [UNSAFE] * 13)
    test = compare(first, second, ("a", "b"), resamples=50).mcnemar
    assert (test.first_better, test.second_better) == (7, 1)
    assert (test.exact_p, test.mid_p) == pytest.approx((0.0703, 0.0391), abs=5e-5)


def test_equal_guards_do_not_differ() -> None:
    found = compare(answers([UNSAFE, SAFE]), answers([UNSAFE, SAFE]), ("a", "b"), resamples=50)
    assert (found.mcnemar.exact_p, found.mcnemar.mid_p) == (1.0, 1.0)
    recall = found.differences["recall"]
    assert recall.value == 0.0 and not recall.excludes_zero
    assert recall.low is not None and recall.low < -0.5, "two images are no proof"
    assert recall.high is not None and recall.high > 0.5


def test_a_difference_that_is_the_same_in_every_resample_has_the_interval_of_its_pairs() -> None:
    """Always right beside always Safe: all resamples agree, and one pair is still not a hundred."""
    truths = [UNSAFE, SAFE] * 100
    right, safe = (
        [outcome(truth, said(truth if knows else SAFE), f"{number}.png") for number, truth in enumerate(truths)]
        for knows in (True, False)
    )
    found = compare(right, safe, ("right", "safe"), resamples=200).differences
    recall, specificity = found["recall"], found["specificity"]
    assert recall.value == recall.high == 1.0 and recall.excludes_zero
    assert recall.low is not None and 0.9 < recall.low < 1.0
    assert specificity.value == 0.0 and specificity.low is not None and not specificity.excludes_zero
    assert (found["balanced_accuracy"].value, found["balanced_accuracy"].low) == (0.5, None), "it is no share"
    few = compare(right[:2], safe[:2], ("right", "safe"), resamples=200).differences["recall"]
    assert few.value == 1.0 and few.low is not None and not few.excludes_zero


def test_shares_of_other_questions_are_no_pairs() -> None:
    """Precision counts what a guard flags: here one image, and there two."""
    two = answers([UNSAFE, UNSAFE])
    found = compare(two, answers([UNSAFE, SAFE]), ("a", "b"), resamples=200).differences["precision"]
    assert (found.value, found.low) == (0.0, None)
    same = compare(two, two, ("a", "b"), resamples=200).differences["precision"]
    assert same.low is not None and same.low < 0


def test_an_image_under_many_policies_is_one_observation() -> None:
    def under_five(rating: Rating) -> list[Outcome]:
        return [outcome(UNSAFE, said(rating, policy=_policy(n)), "a.png", changes=EXEMPT) for n in range(5)]

    found = compare(under_five(UNSAFE), under_five(SAFE), ("a", "b"), resamples=50)
    assert found.questions == 5
    test = found.mcnemar
    assert (test.first_better, test.second_better, test.exact_p) == (1, 0, 1.0)


def test_a_difference_is_sure_where_the_same_images_show_it_again_and_again() -> None:
    """Both guards vary from image to image; paired, the second is always a little worse."""
    rng = np.random.default_rng(2)
    good = [UNSAFE if right else SAFE for right in rng.random(200) < 0.7]
    worse = [SAFE if number % 10 == 0 else rating for number, rating in enumerate(good)]
    found = compare(answers(good), answers(worse), ("a", "b"), resamples=500).differences["recall"]
    assert found.value is not None and 0.03 < found.value < 0.1
    assert found.excludes_zero


@pytest.mark.parametrize(
    ("low", "high", "sure"),
    [
        (0.1, 0.2, True),
        (-0.2, -0.1, True),
        (-0.1, 0.1, False),
        (0.0, 0.2, False),
        (-0.2, 0.0, False),
        (None, None, False),
    ],
)
def test_a_difference_is_sure_where_its_interval_lies_on_one_side_of_zero(
    low: float | None, high: float | None, sure: bool
) -> None:
    assert Difference(value=0.0, low=low, high=high).excludes_zero is sure


def test_the_ends_of_a_difference_stand_around_it() -> None:
    rng = np.random.default_rng(4)
    first, second = ([UNSAFE if right else SAFE for right in rng.random(100) < share] for share in (0.7, 0.6))
    for difference in compare(answers(first), answers(second), ("a", "b"), resamples=200).differences.values():
        if difference.low is not None and difference.high is not None and difference.value is not None:
            assert difference.low < difference.value < difference.high


def test_questions_that_only_one_was_asked_are_counted_and_left_out() -> None:
    found = compare(answers([UNSAFE] * 5), answers([SAFE] * 3), ("a", "b"), resamples=50)
    assert (found.questions, found.only_first, found.only_second) == (3, 2, 0)
    turned = compare(answers([SAFE] * 3), answers([UNSAFE] * 5), ("b", "a"), resamples=50)
    assert (turned.questions, turned.only_first, turned.only_second) == (3, 0, 2)


def test_guards_without_common_questions_cannot_be_compared() -> None:
    other = [outcome(UNSAFE, said(UNSAFE), "z.png")]
    with pytest.raises(UsageError, match="a and b were asked no question in common"):
        compare(answers([UNSAFE]), other, ("a", "b"))


def test_guards_that_were_asked_with_other_labels_cannot_be_compared() -> None:
    with pytest.raises(UsageError, match=r"'0\.png' is labelled Unsafe \(O6\) for a and Safe \(NA\) for b"):
        compare(answers([UNSAFE]), answers([UNSAFE], truth=SAFE), ("a", "b"))


def test_another_category_is_another_label() -> None:
    """Else a difference of `exact_category` would be one of labels, and not of guards."""
    relabelled = [outcome(UNSAFE, said(UNSAFE), "0.png", category=NUDITY)]
    with pytest.raises(UsageError, match=r"labelled Unsafe \(O6\) for a and Unsafe \(O4\) for b; evaluate both on the"):
        compare(answers([UNSAFE]), relabelled, ("a", "b"))


@pytest.mark.parametrize(("without", "words"), [(SAFE, r" \(NA\), Safe without the changes,"), (None, r" \(NA\)")])
def test_what_was_right_before_a_policy_was_changed_is_part_of_the_label(without: Rating | None, words: str) -> None:
    first, second = ([outcome(SAFE, said(SAFE), changes=EXEMPT, unchanged=one)] for one in (UNSAFE, without))
    said_so = rf"labelled Safe \(NA\), Unsafe without the changes, for a and Safe{words} for b"
    with pytest.raises(UsageError, match=said_so):
        compare(first, second, ("a", "b"))
    assert compare(first, first, ("a", "b"), resamples=50).questions == 1


def seen(bytes_: str) -> list[Outcome]:
    return [
        answer.model_copy(update={"verdict": answer.verdict.model_copy(update={"sha256": bytes_})})
        for answer in answers([UNSAFE])
    ]


def test_images_that_only_share_their_name_are_not_compared() -> None:
    with pytest.raises(UsageError, match=r"'0\.png' is another image for a than for b; evaluate both on the same data"):
        compare(seen("1" * 64), seen("2" * 64), ("a", "b"))
    assert compare(seen("1" * 64), seen("1" * 64), ("a", "b"), resamples=50).questions == 1
    assert compare(seen("1" * 64), answers([UNSAFE]), ("a", "b"), resamples=50).questions == 1, "it could not be read"


def _policy(number: int) -> Policy:
    return Policy.load("default").add_rule("O6", f"Rule {number}.", "can")
