"""Every metric, on outcomes made by hand and beside scikit-learn."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from eyeward.errors import ErrorType
from eyeward.evaluate.metrics import METRICS, OVERALL, estimates, value
from eyeward.evaluate.outcome import Outcome
from eyeward.evaluate.ranking import precision_recall_curve, roc_curve
from eyeward.evaluate.table import Numbers, OutcomeTable
from eyeward.verdict import Rating, Verdict
from tests.evaluate.hand_made import (
    EXEMPT,
    NUDITY,
    POLICY,
    REVIEW,
    SAFE,
    UNSAFE,
    WEAPONS,
    counted,
    outcome,
    said,
    table,
)

answers = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.05, 0.1, 0.25, 0.5, 0.5, 0.75, 0.9, 0.95, 1.0])),
    min_size=4,
    max_size=60,
).filter(lambda rows: 0 < sum(unsafe for unsafe, _ in rows) < len(rows))


def rated(rows: list[tuple[bool, float]]) -> OutcomeTable:
    """Lay out images that each stand for themselves, rated Unsafe from 0.5 on; as columns at once, for speed."""
    unsafe, p = np.array([unsafe for unsafe, _ in rows]), np.array([p for _, p in rows])
    number, id = np.arange(len(rows)), np.where(unsafe, "O6", "NA")
    return OutcomeTable(
        group=number,
        item=number,
        policy=np.full(len(rows), POLICY.hash),
        unsafe=unsafe,
        said=(p >= 0.5).astype(np.int8),
        kind=np.full(len(rows), "ok"),
        p_unsafe=p,
        category=id,
        said_category=np.where(p >= 0.5, "O6", "NA"),
        severity=np.full(len(rows), ""),
        changed=np.zeros(len(rows), bool),
        unchanged=unsafe.astype(np.int8),
        unchanged_right=((p >= 0.5) == unsafe).astype(np.int8),
    )


def test_outcomes_are_laid_out_in_columns_row_by_row() -> None:
    rows = [(True, 0.9), (True, 0.2), (False, 0.7), (False, 0.1)]
    by_hand = table(*((UNSAFE if unsafe else SAFE, said(UNSAFE if p >= 0.5 else SAFE, p)) for unsafe, p in rows))
    at_once = rated(rows)
    assert {f.name: list(getattr(by_hand, f.name)) for f in fields(by_hand)} == {
        f.name: list(getattr(at_once, f.name)) for f in fields(at_once)
    }


@given(answers)
def test_metrics_are_those_of_scikit_learn(rows: list[tuple[bool, float]]) -> None:
    truth = np.array([unsafe for unsafe, _ in rows])
    p = np.array([probability for _, probability in rows])
    flagged = p >= 0.5
    expected = {
        "balanced_accuracy": sklearn.balanced_accuracy_score(truth, flagged),
        "recall": sklearn.recall_score(truth, flagged),
        "specificity": sklearn.recall_score(~truth, ~flagged),
        "precision": sklearn.precision_score(truth, flagged) if flagged.any() else None,
        "f1": sklearn.f1_score(truth, flagged),
        "f2": sklearn.fbeta_score(truth, flagged, beta=2),
        "matthews_correlation": sklearn.matthews_corrcoef(truth, flagged),
        "auroc": sklearn.roc_auc_score(truth, p),
        "auprc": sklearn.average_precision_score(truth, p),
        "brier": sklearn.brier_score_loss(truth, p),
        "accuracy": sklearn.accuracy_score(truth, flagged),
    }
    laid_out = rated(rows)
    for name, number in expected.items():
        found = value(name, laid_out)
        assert found == (None if number is None else pytest.approx(float(number), abs=1e-12)), name


@settings(max_examples=30)
@given(answers, st.integers(0, 2**16))
def test_weights_count_a_row_as_often_as_they_say(rows: list[tuple[bool, float]], seed: int) -> None:
    """What the bootstrap computes from weights is what a table with repeated rows gives."""
    laid_out = rated(rows)
    times = np.random.default_rng(seed).integers(0, 4, size=(3, len(rows)))
    for name in OVERALL:
        if name in ("joint_consistency", "joint_flips"):  # they look at images, and a repeated row repeats none
            continue
        weighted = METRICS[name](laid_out, times.astype(float))
        for row, found in zip(times, weighted, strict=True):
            expected = value(name, repeated(laid_out, row))
            assert (None if np.isnan(found) else found) == (
                None if expected is None else pytest.approx(expected, abs=1e-9)
            ), name


def repeated(laid_out: OutcomeTable, times: Numbers) -> OutcomeTable:
    return laid_out.where(np.repeat(np.arange(len(times)), times))


@given(answers)
def test_the_area_under_the_drawn_curves_is_the_metric(rows: list[tuple[bool, float]]) -> None:
    laid_out = rated(rows)
    roc = roc_curve(laid_out)
    assert np.trapezoid(roc.y, roc.x) == pytest.approx(value("auroc", laid_out))
    curve = precision_recall_curve(laid_out)
    steps = np.diff(np.concatenate(([0.0], curve.x)))
    assert float((steps * curve.y).sum()) == pytest.approx(value("auprc", laid_out))


def test_the_calibration_error_is_the_mean_gap_over_ten_bins() -> None:
    rows = [(True, 0.95), (False, 0.95), (False, 0.05), (False, 0.05)]
    assert value("calibration_error", rated(rows)) == pytest.approx((0.45 * 2 + 0.05 * 2) / 4)


NO_RATING = [said(REVIEW), said(ErrorType.unparsable_answer), said(ErrorType.deadline)]


@pytest.mark.parametrize("nothing", NO_RATING, ids=["review", "unparsable", "failed"])
@pytest.mark.parametrize("truth", [SAFE, UNSAFE])
@pytest.mark.parametrize("name", OVERALL)
def test_what_is_no_rating_is_never_better_than_a_wrong_one(
    name: str, truth: Rating, nothing: Verdict, request: pytest.FixtureRequest
) -> None:
    """In every metric, each of the three counts as the surest wrong answer does."""
    wrong = said(UNSAFE, 1.0, NUDITY) if truth is SAFE else said(SAFE, 0.0, NUDITY)
    others = [
        (UNSAFE, said(UNSAFE, 0.8)),
        (SAFE, said(SAFE, 0.2)),
        (UNSAFE, said(UNSAFE, 0.7)),
        (SAFE, said(SAFE, 0.3)),
    ]
    found = value(name, table(*others, (truth, nothing)))
    as_wrong = value(name, table(*others, (truth, wrong)))
    if name in ("coverage", "review_share", "unparsable_share", "failed_share"):
        which = request.node.callspec.id.rsplit("-")[-1]
        assert found == pytest.approx({"coverage": 0.8, f"{which}_share": 0.2}.get(name, 0.0))
    elif as_wrong is None:
        assert found is None
    else:
        assert found == pytest.approx(as_wrong)


def test_the_optimistic_number_leaves_out_what_was_not_answered() -> None:
    laid_out = table(*counted(3, 1, 0, 4), (UNSAFE, said(ErrorType.unparsable_answer)), (SAFE, said(REVIEW)))
    found = estimates(laid_out, ("recall", "specificity", "precision", "review_share"), resamples=100)
    assert (found["recall"].value, found["recall"].answered_only) == (0.6, 0.75)
    assert (found["specificity"].value, found["specificity"].answered_only) == (0.8, 1.0)
    assert (found["precision"].value, found["precision"].answered_only) == (0.75, 1.0)
    assert (found["review_share"].value, found["review_share"].answered_only) == (0.1, None)


def test_a_guard_without_probabilities_has_ratings_and_no_ranking() -> None:
    bare = said(UNSAFE).model_copy(update={"p_unsafe": None, "p_unsafe_raw": None})
    laid_out = table((UNSAFE, bare), (SAFE, said(SAFE)))
    assert value("recall", laid_out) == 1.0
    assert [value(name, laid_out) for name in ("auroc", "auprc", "brier", "calibration_error")] == [None] * 4


def test_a_metric_without_its_questions_is_not_defined() -> None:
    only_safe = estimates(table((SAFE, said(SAFE))), resamples=100)
    assert {only_safe[name].value for name in ("recall", "balanced_accuracy", "auroc", "policy_exception_rate")} == {
        None
    }
    assert only_safe["recall"].count == 0
    assert (only_safe["recall"].low, only_safe["recall"].high) == (None, None)


def test_exact_category_wants_the_category_of_safe_images_too() -> None:
    allowed = outcome(SAFE, said(SAFE, category=WEAPONS), "a.png", category=WEAPONS)
    missed = outcome(SAFE, said(SAFE), "b.png", category=WEAPONS)
    wrong_rating = outcome(SAFE, said(UNSAFE, category=WEAPONS), "c.png", category=WEAPONS)
    other = outcome(UNSAFE, said(UNSAFE, category=NUDITY), "d.png")
    assert value("exact_category", OutcomeTable.of([allowed, missed, wrong_rating, other])) == 0.5


def asked_twice(image: str, before: Rating, after: Rating, says: tuple[Rating, Rating]) -> list[Outcome]:
    return [
        outcome(before, said(says[0]), image, category=WEAPONS),
        outcome(after, said(says[1]), image, category=WEAPONS, changes=EXEMPT, unchanged=before),
    ]


def flips(*images: tuple[Rating, Rating, tuple[Rating, Rating]]) -> OutcomeTable:
    rows = [row for number, image in enumerate(images) for row in asked_twice(f"{number}.png", *image)]
    return OutcomeTable.of(rows)


def test_flips_are_counted_both_ways_and_controls_beside_them() -> None:
    laid_out = flips(
        (UNSAFE, SAFE, (UNSAFE, SAFE)),  # loosened, follows
        (UNSAFE, SAFE, (SAFE, SAFE)),  # loosened, right only because it says Safe anyway
        (UNSAFE, SAFE, (UNSAFE, UNSAFE)),  # loosened, does not follow
        (SAFE, UNSAFE, (SAFE, UNSAFE)),  # tightened, follows
        (SAFE, UNSAFE, (SAFE, SAFE)),  # tightened, does not follow
        (UNSAFE, UNSAFE, (UNSAFE, UNSAFE)),  # control, stays
        (SAFE, SAFE, (SAFE, UNSAFE)),  # control, moves
    )
    expected = {
        "policy_exception_rate": 2 / 3,
        "loosened_flips": 1 / 3,
        "tightening_rate": 1 / 2,
        "tightened_flips": 1 / 2,
        "steady_controls": 1 / 2,
        "joint_consistency": 3 / 7,
        "joint_flips": 2 / 5,
    }
    assert {name: value(name, laid_out) for name in expected} == pytest.approx(expected)


def test_an_image_that_was_not_asked_under_the_unchanged_policy_counts_for_no_flip() -> None:
    alone = outcome(SAFE, said(SAFE), "a.png", category=WEAPONS, changes=EXEMPT, unchanged=UNSAFE)
    found = estimates(OutcomeTable.of([alone]), ("loosened_flips", "policy_exception_rate"), resamples=100)
    assert (found["loosened_flips"].value, found["loosened_flips"].count) == (None, 0)
    assert (found["policy_exception_rate"].value, found["policy_exception_rate"].count) == (1.0, 1)


@pytest.mark.parametrize(
    ("unchanged", "flips_of_it"),
    [
        ([(UNSAFE, UNSAFE), (UNSAFE, SAFE)], None),  # right under one of two policies: which was changed?
        ([(UNSAFE, UNSAFE), (UNSAFE, UNSAFE)], 1.0),
        ([(UNSAFE, SAFE), (UNSAFE, REVIEW)], 0.0),
        ([(UNSAFE, UNSAFE), (SAFE, UNSAFE)], 1.0),  # what was changed is not the policy under which Safe is right
        ([(UNSAFE, SAFE), (SAFE, SAFE)], 0.0),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_a_flip_is_held_against_the_unchanged_policy_that_it_is_known_to_come_from(
    unchanged: list[tuple[Rating, Rating]], flips_of_it: float | None, turned: bool
) -> None:
    rows = [outcome(truth, said(says), "a.png", category=WEAPONS) for truth, says in unchanged]
    changed = outcome(SAFE, said(SAFE), "a.png", category=WEAPONS, changes=EXEMPT, unchanged=UNSAFE)
    laid_out = OutcomeTable.of([changed, *(reversed(rows) if turned else rows)])
    assert value("loosened_flips", laid_out) == flips_of_it
    assert value("policy_exception_rate", laid_out) == 1.0
    assert value("loosened_flips", laid_out.always(SAFE)) == 0.0


def test_a_guard_that_always_says_safe_flips_nothing() -> None:
    laid_out = flips((UNSAFE, SAFE, (UNSAFE, SAFE)), (SAFE, UNSAFE, (SAFE, UNSAFE))).always(SAFE)
    names = ("policy_exception_rate", "loosened_flips", "tightened_flips", "joint_consistency")
    assert [value(name, laid_out) for name in names] == [1.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("rating", [SAFE, UNSAFE])
def test_images_that_no_policy_turns_make_a_guard_consistent_that_says_the_same_always(rating: Rating) -> None:
    still = [(truth, truth, (truth, truth)) for truth in (SAFE, SAFE, SAFE, UNSAFE)]
    laid_out = flips(*still, (UNSAFE, SAFE, (UNSAFE, SAFE)))
    assert (value("joint_consistency", laid_out), value("joint_flips", laid_out)) == (1.0, 1.0)
    same = laid_out.always(rating)
    assert value("joint_consistency", same) == pytest.approx(3 / 5 if rating is SAFE else 1 / 5)
    assert value("joint_flips", same) == 0.0


def test_an_image_flips_jointly_only_if_its_controls_stay() -> None:
    rows = asked_twice("a.png", UNSAFE, SAFE, (UNSAFE, SAFE))
    stays, moves = (outcome(UNSAFE, said(says), "a.png", changes=EXEMPT, unchanged=UNSAFE) for says in (UNSAFE, SAFE))
    assert value("joint_flips", OutcomeTable.of([*rows, stays])) == 1.0
    assert value("joint_flips", OutcomeTable.of([*rows, stays, moves])) == 0.0
    assert estimates(OutcomeTable.of([*rows, stays]), ("joint_flips",), 100)["joint_flips"].count == 1
    assert value("joint_flips", flips((SAFE, SAFE, (SAFE, SAFE)))) is None


@pytest.mark.parametrize("name", ["joint_consistency", "joint_flips"])
def test_a_review_breaks_the_joint_consistency_of_its_image(name: str) -> None:
    rows = asked_twice("a.png", UNSAFE, SAFE, (UNSAFE, SAFE))
    rows += [outcome(UNSAFE, said(REVIEW), "a.png", changes=EXEMPT, unchanged=UNSAFE)]
    assert value(name, OutcomeTable.of(rows)) == 0.0


def test_an_image_under_one_policy_says_nothing_of_consistency() -> None:
    assert value("joint_consistency", table((UNSAFE, said(UNSAFE)))) is None


@pytest.mark.parametrize("rating", [SAFE, UNSAFE])
def test_trivial_guards_say_the_same_to_everything(rating: Rating) -> None:
    laid_out = table(*counted(3, 2, 1, 4)).always(rating)
    assert value("balanced_accuracy", laid_out) == 0.5
    assert value("recall", laid_out) == (1.0 if rating is UNSAFE else 0.0)
    assert value("auroc", laid_out) == 0.5
    assert value("exact_category", laid_out) == 0.5  # the half that its one category is right for
    assert value("coverage", laid_out) == 1.0


def test_every_metric_has_an_estimate_that_lies_inside_its_interval() -> None:
    laid_out = rated([(unsafe, p) for unsafe in (True, False) for p in (0.1, 0.3, 0.6, 0.8, 0.9) for _ in range(4)])
    for name, estimate in estimates(laid_out, resamples=200).items():
        if estimate.low is not None and estimate.high is not None:
            assert estimate.value is not None
            assert estimate.low <= estimate.value <= estimate.high, name
            assert math.isfinite(estimate.low) and math.isfinite(estimate.high)
