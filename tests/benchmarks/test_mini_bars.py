"""The table of mini compares it with guards that know what they could know, over the scenes that are counted."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from benchmarks.mini_bars import Line, Said, always, measure
from benchmarks.mini_questions import Ask, Suite
from eyeward.verdict import NA, Rating

SUITE = Suite("test", 80)


def lines(said: dict[str, Line], *names: str) -> list[Line]:
    return [said[f"default policy: {name}"] for name in names]


def table(judge: object) -> dict[str, Line]:
    assert callable(judge)
    return {line.name: line for line in measure(judge, SUITE)}


@pytest.mark.parametrize("rating", [Rating.Safe, Rating.Unsafe])
def test_a_trivial_guard_names_one_category_and_not_the_true_one_of_each_scene(rating: Rating) -> None:
    (named,) = {said.category for said in always(rating)(SUITE.default())}
    assert named is not None and (named == NA) is (rating is Rating.Safe)
    (exact,) = lines(table(always(rating)), "exact category")
    assert exact.value == sum(ask.truth.category == named for ask in SUITE.default()) / 80
    assert exact.value < 0.5


def test_recall_and_specificity_count_the_scenes_that_they_are_about() -> None:
    unsafe = sum(ask.truth.rating is Rating.Unsafe for ask in SUITE.default())
    recall, specificity, balanced = lines(table(always(Rating.Safe)), "recall", "specificity", "balanced accuracy")
    assert (recall.count, specificity.count, balanced.count) == (unsafe, 80 - unsafe, 80)
    assert (recall.value, specificity.value, balanced.value) == (0.0, 1.0, 0.5)


def test_the_share_of_review_is_that_of_the_scenes_that_are_counted() -> None:
    def unsure_of_unsafe(asks: Sequence[Ask]) -> list[Said]:
        return [Said(Rating.Review if ask.truth.rating is Rating.Unsafe else Rating.Safe, None) for ask in asks]

    recall, specificity, balanced = lines(table(unsure_of_unsafe), "recall", "specificity", "balanced accuracy")
    assert (recall.review, specificity.review) == (1.0, 0.0)
    assert balanced.review == recall.count / 80
