"""Groups of people and a guard: with whom it sides, on votes made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eyeward.errors import DataError, UsageError
from eyeward.evaluate.outcome import Outcome
from eyeward.evaluate.suites.annotators import GuardAnnotators, Vote, annotator_report, read_votes
from eyeward.verdict import Rating
from tests.evaluate.hand_made import POLICY, REVIEW, SAFE, UNSAFE, outcome, said


def votes(group: str, **by_image: list[Rating]) -> list[Vote]:
    return [
        Vote(image=f"{image}.png", annotator=f"{group}{number}", group=group, rating=rating)
        for image, ratings in by_image.items()
        for number, rating in enumerate(ratings)
    ]


def answers(**said_to: Rating) -> list[Outcome]:
    return [outcome(SAFE, said(rating), f"{image}.png", number=n) for n, (image, rating) in enumerate(said_to.items())]


def report(said_so: list[Outcome], *given: list[Vote]) -> GuardAnnotators:
    (found,) = annotator_report({"g": said_so}, [v for some in given for v in some], POLICY.hash, resamples=200)
    return found


def test_a_guard_is_held_against_the_majority_of_each_group() -> None:
    north = votes("north", a=[UNSAFE, UNSAFE, SAFE], b=[SAFE, SAFE, SAFE], c=[UNSAFE, SAFE])
    south = votes("south", a=[SAFE, SAFE], b=[SAFE, SAFE])
    found = report(answers(a=UNSAFE, b=SAFE, c=UNSAFE), north, south)
    one, two = found.groups["north"], found.groups["south"]
    assert (one.annotators, one.images, one.ties) == (3, 3, 1)
    assert (one.accuracy.value, one.accuracy.count) == (1.0, 2)
    assert one.shared.value == pytest.approx((2 / 3 + 1 + 1 / 2) / 3)
    assert one.unity == pytest.approx((2 / 3 + 1 + 1 / 2) / 3)
    assert (two.accuracy.value, two.shared.value, two.unity) == (0.5, 0.5, 1.0)
    (gap,) = found.gaps
    assert (gap.first, gap.second, gap.images, gap.value) == ("north", "south", 2, 0.5)


def test_a_guard_that_sides_with_one_group_has_a_gap_that_excludes_zero() -> None:
    images = {f"i{n}": [UNSAFE] if n % 2 else [SAFE] for n in range(60)}
    other = {name: [SAFE] for name in images}
    said_so = answers(**{name: ratings[0] for name, ratings in images.items()})
    (gap,) = report(said_so, votes("one", **images), votes("two", **other)).gaps
    assert gap.value == pytest.approx(0.5) and gap.sure and gap.low > 0.3


def test_a_gap_of_few_images_or_one_of_many_groups_is_not_sure() -> None:
    unsafe: dict[str, list[Rating]] = {f"i{n}": [UNSAFE] for n in range(6)}
    safe: dict[str, list[Rating]] = {name: [SAFE] for name in unsafe}
    said_so = answers(**dict.fromkeys(unsafe, UNSAFE))
    (alone,) = report(said_so, votes("one", **unsafe), votes("two", **safe)).gaps
    assert alone.chance == pytest.approx(2 / 2**6) and alone.sure
    three = report(said_so, votes("one", **unsafe), votes("three", **safe), votes("two", **safe)).gaps
    assert [(gap.first, gap.second, gap.sure) for gap in three] == [
        ("one", "three", False),
        ("one", "two", False),
        ("three", "two", False),
    ]
    assert three[0].chance == pytest.approx(3 * 2 / 2**6)


def test_a_guard_that_is_always_with_a_group_of_few_images_is_not_sure_to_be() -> None:
    found = report(answers(a=SAFE, b=SAFE), votes("one", a=[SAFE], b=[SAFE]))
    accuracy = found.groups["one"].accuracy
    assert accuracy.value == accuracy.high == 1.0 and accuracy.low is not None and accuracy.low < 0.4


def test_review_is_with_nobody() -> None:
    found = report(answers(a=REVIEW), votes("one", a=[SAFE]), votes("two", a=[UNSAFE]))
    assert [group.accuracy.value for group in found.groups.values()] == [0.0, 0.0]
    assert found.gaps[0].value == 0.0


def test_groups_that_share_no_image_are_not_compared() -> None:
    assert report(answers(a=SAFE, b=SAFE), votes("one", a=[SAFE]), votes("two", b=[SAFE])).gaps == ()


def test_votes_about_other_images_are_refused_when_there_are_no_others() -> None:
    with pytest.raises(UsageError, match="No vote is about an image"):
        report(answers(a=SAFE), votes("one", z=[SAFE]))


def line(**change: str) -> str:
    return json.dumps({"image": "a.png", "annotator": "x", "group": "g", "rating": "Safe", **change})


def test_votes_are_read_and_mistakes_have_their_line(tmp_path: Path) -> None:
    file = tmp_path / "votes.jsonl"
    file.write_text(f"{line()}\n\n{line(annotator='y', rating='Unsafe')}\n")
    assert [vote.rating for vote in read_votes(file)] == [SAFE, UNSAFE]
    for broken, fault in (
        (line(), "'x' votes on 'a.png' twice"),
        (line(annotator="y", rating="Review"), "Review is what a guard says"),
        (line(annotator="y", mood="good"), "the key 'mood' is unknown"),
        ("{", "JSON"),
    ):
        file.write_text(f"{line()}\n{broken}\n")
        with pytest.raises(DataError, match=rf"votes\.jsonl:2: .*{fault}"):
            read_votes(file)
    with pytest.raises(UsageError, match="cannot be read as votes"):
        read_votes(tmp_path / "none")
