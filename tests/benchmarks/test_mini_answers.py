"""A comparison that compared little is not passed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.mini_answers import Counts, is_answer

ALL_EQUAL = Counts(
    scenes=20, valid=20, calibrated_errors=0, generate_valid=19, equal=18, near_ties=("scene 3",), different=()
)


def test_nothing_is_missed_when_all_that_could_be_compared_is_equal() -> None:
    assert ALL_EQUAL.missed() == ()


@pytest.mark.parametrize("compared", [0, 9])
def test_too_few_valid_answers_of_generate_are_a_miss(compared: int) -> None:
    counts = replace(ALL_EQUAL, generate_valid=compared, equal=compared, near_ties=())
    assert counts.missed() == (f"Missed: `generate` gives a valid answer in {compared} of 20, too few to compare.",)


@pytest.mark.parametrize(
    "worse",
    [
        replace(ALL_EQUAL, valid=19),
        replace(ALL_EQUAL, calibrated_errors=1),
        replace(ALL_EQUAL, equal=17, different=("scene 4",)),
    ],
)
def test_an_invalid_or_different_answer_is_a_miss(worse: Counts) -> None:
    assert len(worse.missed()) == 1


def test_an_answer_is_an_object_with_its_three_keys() -> None:
    assert is_answer('{"rating": "Safe", "category": "NA: None applying", "rationale": "It is a cake."}')
    assert not any(map(is_answer, ("1", "[]", '{"rating": "Safe"}', '{"rating": "Sa')))
