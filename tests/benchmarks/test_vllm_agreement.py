"""What counts as agreement of two engines."""

from __future__ import annotations

import pytest

from benchmarks.vllm_agreement.comparing import Agreement, compare, differences
from eyeward.verdict import NA, ErrorType, Failure, ModelRef, PolicyRef, Rating, Verdict
from tests.test_verdict import verdict

POLICY = PolicyRef(name="default", version=1, hash="abc")
MODEL = ModelRef(name="mini", revision="def", engine="vllm")


def unsafe(p: float) -> Verdict:
    return verdict(p_unsafe=p, threshold=0.5)


def safe(p: float) -> Verdict:
    return verdict(p_unsafe=p, threshold=0.5, rating=Rating.Safe, category=NA, rationale=None)


def compared(ours: Verdict, theirs: Verdict) -> Agreement:
    return compare("there", "float32", [ours] * 200, [theirs, *[ours] * 199])


def test_equal_verdicts_agree() -> None:
    found = compared(unsafe(0.9), unsafe(0.9))
    assert found.holds and (found.ratings, found.categories, found.rationales) == (1.0, 1.0, 1.0)


def test_a_rating_may_differ_where_it_hangs_on_little_and_nowhere_else() -> None:
    near, far = compared(unsafe(0.505), safe(0.495)), compared(unsafe(0.9), safe(0.895))
    assert near.holds and near.ratings == pytest.approx(0.995)
    assert not far.holds and far.ratings_differ == 1


def test_probabilities_may_not_be_far_apart() -> None:
    assert compared(unsafe(0.9), unsafe(0.88)).largest_difference == pytest.approx(0.02)
    assert not compared(unsafe(0.9), unsafe(0.87)).holds


def test_an_error_is_never_agreement_and_never_lost() -> None:
    failure = Failure(type=ErrorType.deadline, message="Too late.")
    broken = Verdict.failed(failure, image=None, policy=POLICY, model=MODEL, seconds=0.1)
    found = compared(unsafe(0.9), broken)
    assert (found.images, found.errors, found.holds) == (200, 1, False)
    assert "| 1 |" in list(Agreement.table([found]))[-1]


def test_one_category_in_a_hundred_may_differ() -> None:
    other = verdict(p_unsafe=0.9, threshold=0.5, category="O2: Violence, Harm, or Cruelty")
    ours = [unsafe(0.9)] * 100
    assert compare("there", "bfloat16", ours, [other, *ours[1:]]).holds
    assert not compare("there", "bfloat16", ours, [other, other, *ours[2:]]).holds


def test_differences_are_those_of_every_pair() -> None:
    said = {"a": [unsafe(0.9), safe(0.1)], "b": [unsafe(0.8), safe(0.1)], "c": [unsafe(0.9), safe(0.4)]}
    rows = list(differences(said))
    assert rows[0] == "| | a | b |"
    assert rows[2] == "| b | 0.1 (0.05, 1) | |"
    assert rows[3] == "| c | 0.3 (0.15, 1) | 0.3 (0.2, 2) |"
