"""Verdicts for pictures: one each, in order, and none is Safe because something went wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from PIL import Image

from eyeward.errors import ErrorType, UsageError
from eyeward.guard import Request
from eyeward.moderate.judging import judged, with_threshold
from eyeward.policy import Policy
from eyeward.verdict import Failure, ModelRef, Rating, Verdict
from tests.evaluate.worlds import guard

POLICY = Policy.load("default")
DARK, BRIGHT = Image.new("RGB", (8, 8)), Image.new("RGB", (8, 8), "white")
LOST = Failure(type=ErrorType.fetch_failed, message="It is not there.")


class Odd:
    """A guard that gives verdicts as it is told, whatever it is asked."""

    model = ModelRef(name="odd", engine="fake")

    def __init__(self, *verdicts: Verdict) -> None:
        self.verdicts = verdicts

    def assess_requests(self, requests: Iterable[Request]) -> Iterator[Verdict]:
        list(requests)
        yield from self.verdicts


def test_every_image_gets_its_own() -> None:
    found = judged(guard(), POLICY, [DARK, LOST, BRIGHT])
    assert [verdict.rating for verdict in found] == [Rating.Safe, None, Rating.Unsafe]
    assert [verdict.image for verdict in found] == ["images[0]", "images[1]", "images[2]"]
    assert found[1].error == LOST
    assert judged(guard(), POLICY, []) == []


def test_a_guard_that_fails_leaves_all_without_a_rating() -> None:
    class Failing(Odd):
        def assess_requests(self, requests: Iterable[Request]) -> Iterator[Verdict]:
            yield from guard().assess_requests(list(requests)[:1])
            raise MemoryError

    found = judged(Failing(), POLICY, [DARK, DARK])
    assert [verdict.rating for verdict in found] == [None, None]
    assert all(verdict.flagged for verdict in found)


def test_verdicts_about_something_else_count_for_nothing() -> None:
    (safe,) = judged(guard(), POLICY, [DARK])
    other_policy = judged(guard(), POLICY.non_violating("O1"), [DARK])
    for verdicts in ([], [safe, safe], [safe.model_copy(update={"image": "images[7]"})], other_policy):
        (found,) = judged(Odd(*verdicts), POLICY, [BRIGHT])
        assert found.error is not None
        assert found.flagged


def test_a_threshold_is_for_guards_that_have_one() -> None:
    assert judged(with_threshold(guard(), 1.0), POLICY, [Image.new("RGB", (8, 8), (180,) * 3)])[0].rating is Rating.Safe
    with pytest.raises(UsageError, match="threshold"):
        with_threshold(Odd(), 0.3)
