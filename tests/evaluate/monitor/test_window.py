"""Windows add up, hold no image, and can be pooled under one policy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from eyeward.errors import UsageError
from eyeward.evaluate.monitor.window import (
    BINS,
    STATISTIC_BINS,
    Counting,
    Label,
    Window,
    pooled,
    score_bin,
    statistic_bin,
)
from eyeward.verdict import Rating
from tests.evaluate.monitor.streams import MODEL, POLICY, window


def test_images_are_counted_by_rating_category_and_score() -> None:
    counting = Counting("w", POLICY, MODEL)
    counting.add("Unsafe", "O6: Weapons", 0.99, "1", Rating.Unsafe)
    counting.add("Review", "NA: None applying", 0.5, "2", Rating.Safe)
    counting.add(None, None, None, "3", Rating.Unsafe)
    found = counting.finish()
    assert found.ratings == {"Review": 1, "Unsafe": 1, "error": 1}
    assert found.categories == {"NA": 1, "O6": 1, "none": 1}
    assert sum(found.scores) == 2 and found.scores[score_bin(0.99)] == 1
    assert [label.agrees for label in found.labels] == [True, False, False]


def test_canaries_are_remembered_and_are_no_traffic() -> None:
    counting = Counting("w", POLICY, MODEL, canaries={"c"})
    counting.add("Unsafe", "O6: Weapons", 0.99, "c", Rating.Unsafe)
    counting.add("Safe", "NA: x", 0.1, "d")
    found = counting.finish()
    assert (found.images, found.canaries, found.labels) == (1, {"c": "Unsafe"}, ())
    counting.add("Safe", "O6: Weapons", 0.1, "c")
    assert counting.finish().canaries == {"c": "Unsafe, then Safe"}


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_higher_probability_is_in_no_lower_bin(one: float, two: float) -> None:
    low, high = sorted((one, two))
    assert 0 <= score_bin(low) <= score_bin(high) < BINS


def test_probabilities_close_to_the_ends_are_told_apart() -> None:
    assert len({score_bin(p) for p in (0.0, 1e-4, 1e-3, 0.01, 0.5, 0.99, 0.999, 1.0)}) == 8


def test_what_does_not_add_up_is_refused() -> None:
    good = window("w", {"NA": 3, "O6": 2}).model_dump()
    for broken in (
        {"images": 6},
        {"ratings": {"Safe": 6, "Unsafe": -1}},
        {"scores": (1,) * 4},
        {"scores": (1,) * BINS},
    ):
        with pytest.raises(ValidationError, match=r"window 'w'"):
            Window.model_validate({**good, **broken})


def test_windows_are_pooled_under_one_policy_only() -> None:
    both = pooled([window("a", {"NA": 3}, (1, 0, 0, 0)), window("b", {"NA": 1, "O6": 4}, canaries={"c": "Safe"})])
    assert (both.images, both.categories) == (8, {"NA": 4, "O6": 4})
    assert both.labels == (Label(truth=Rating.Unsafe, said="Unsafe"),)
    assert both.canaries == {"c": "Safe"} and sum(both.scores) == 8
    with pytest.raises(UsageError, match="2 policies; what changes with the policy is no drift"):
        pooled([window("a", {"NA": 3}), window("b", {"NA": 3}, policy="cd" * 32)])
    with pytest.raises(UsageError, match="no window to compare with"):
        pooled([])


def test_numbers_about_images_are_counted_in_bins_and_added_up_over_windows() -> None:
    counting = Counting("w", POLICY, MODEL, canaries={"c"})
    counting.add("Safe", "NA: x", 0.1, "1", statistics={"brightness": 0.0, "size": 99.0})
    counting.add("Safe", "NA: x", 0.1, "2", statistics={"brightness": 1.0})
    counting.add(None, None, None, "3")
    counting.add("Safe", "NA: x", 0.1, "c", statistics={"brightness": 0.5})
    found = counting.finish()
    assert {name: sum(counts) for name, counts in found.statistics.items()} == {"brightness": 2, "size": 1}
    assert (found.statistics["brightness"][0], found.statistics["brightness"][-1]) == (1, 1)
    assert found.statistics["size"][-1] == 1
    whole = pooled([found, window("without", {"NA": 3}), found])
    assert {name: sum(counts) for name, counts in whole.statistics.items()} == {"brightness": 4, "size": 2}
    assert Window.model_validate_json(found.model_dump_json()) == found


@given(st.floats(-5, 5), st.floats(-5, 5))
def test_a_higher_number_is_in_no_lower_bin(one: float, two: float) -> None:
    low, high = sorted((one, two))
    assert 0 <= statistic_bin("shape", low) <= statistic_bin("shape", high) < STATISTIC_BINS


def test_counts_of_numbers_that_make_no_sense_are_refused() -> None:
    good = window("w", {"NA": 3}).model_dump()
    for broken in ({"unknown": (0,) * STATISTIC_BINS}, {"size": (1, 2)}, {"size": (1,) * STATISTIC_BINS}):
        with pytest.raises(ValidationError, match=r"window 'w'"):
            Window.model_validate({**good, "statistics": broken})
