"""Every attempt puts the question otherwise."""

from __future__ import annotations

import itertools

from eyeward.data.rationales.guidance import Guidance
from eyeward.verdict import NA, Rating
from tests.data.rationales.classroom import O6


def test_no_two_ways_ask_the_same() -> None:
    for rating, category, excepted in itertools.product(Rating, (O6.label, NA), (True, False)):
        asked = {(way.opening, way.instruction(rating, category, excepted)) for way in Guidance}
        assert len(asked) == len(Guidance)


def test_the_first_way_adds_nothing() -> None:
    first = next(iter(Guidance))
    assert (first.opening, first.instruction(Rating.Unsafe, O6.label, False)) == ("", "")


def test_a_teacher_is_told_the_label_and_for_an_exception_is_asked_to_describe() -> None:
    way = Guidance.instructed
    assert way.instruction(Rating.Unsafe, O6.label, False).endswith(f"why it is rated Unsafe under {O6.label}.")
    assert way.instruction(Rating.Safe, O6.label, True).endswith(f"how it relates to {O6.label}.")
    assert "no category" in way.instruction(Rating.Safe, NA, False)
