"""A reason is asked for otherwise until nothing is wrong with it; all that was refused is on record."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from PIL import Image

from eyeward.data.rationales.attempts import Lesson, explain
from eyeward.data.rationales.faults import RationaleFault
from eyeward.data.rationales.grounds import Grounds, grounds_of
from eyeward.data.rationales.guidance import Guidance
from eyeward.data.rationales.ledger import Taught
from eyeward.data.rationales.origin import Obstacle, Writer
from eyeward.data.rationales.teacher import Explanandum, Teacher
from eyeward.data.sample import Sample
from eyeward.errors import ErrorType
from eyeward.guard import Guard
from eyeward.policy import Policy
from eyeward.verdict import Rating
from tests.data.rationales.classroom import (
    ALLOWED,
    DEFAULT,
    O6,
    SEEN,
    asked,
    failure,
    given,
    sample,
    teacher,
    text_of,
    writing,
)

GREY = Image.new("RGB", (12, 12), (80, 80, 80))
WRONG = " Nothing in the image violates the policy."
"""Argues for Safe."""


def taught(
    guards: Guard | Sequence[Guard], labelled: Sample | None = None, policy: Policy = DEFAULT, retries: int = 2
) -> Taught:
    of = labelled or sample()
    grounds = grounds_of(of, policy)
    assert isinstance(grounds, Grounds)
    lesson = Lesson(7, Explanandum(of, policy, grounds.excepted, (GREY,)), grounds)
    entries: list[Taught] = []
    several = [guards] if isinstance(guards, Guard) else guards
    explain([lesson], [Teacher(guard) for guard in several], retries, entries.append)
    (entry,) = entries
    return entry


def test_a_good_reason_is_kept_at_once() -> None:
    guard = teacher(writing(SEEN))
    entry = taught(guard)
    assert (entry.place, entry.rationale, entry.guidance) == (7, SEEN.strip(), Guidance.plain)
    assert entry.origin.writer is Writer.teacher
    assert entry.origin.teacher == guard.model
    assert (entry.origin.attempts, len(asked(guard))) == (1, 1)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (WRONG, RationaleFault.contradicts_rating),
        ("This falls under O4: Nudity Content.", RationaleFault.names_other_category),
        ("A gun. It breaks the rule: pictures of umbrellas.", RationaleFault.cites_unknown_rule),
        (f"A gun. It breaks the rule: {ALLOWED}", RationaleFault.misstates_policy),
        ("A gun is on the table. A gun is on the table.", RationaleFault.repeats_itself),
        (" ".join(f"word{number}" for number in range(121)), RationaleFault.too_long),
    ],
)
def test_every_fault_is_asked_for_otherwise_and_kept_on_record(text: str, fault: RationaleFault) -> None:
    guard = teacher(writing(text, SEEN))
    entry = taught(guard)
    assert entry.rationale == SEEN.strip()
    (refused,) = entry.origin.refused
    assert (refused.teacher, refused.guidance, refused.objections) == ("teacher", Guidance.plain, (fault,))
    first, second = asked(guard)
    assert (text_of(first), given(first)) != (text_of(second), given(second))


def test_no_attempt_is_like_another_and_after_the_retries_there_is_none() -> None:
    guard = teacher(writing(WRONG))
    entry = taught(guard, retries=8)
    assert entry.rationale is None and entry.guidance is None
    assert [attempt.guidance for attempt in entry.refused] == list(Guidance)
    assert len({(text_of(prompt), given(prompt)) for prompt in asked(guard)}) == len(Guidance)
    assert len(taught(teacher(writing(WRONG)), retries=1).refused) == 2
    assert len(taught(teacher(writing(WRONG)), retries=0).refused) == 1
    with pytest.raises(ValueError, match="teacher and guidance"):
        _ = entry.origin


def test_the_next_teacher_is_asked_before_the_same_one_otherwise() -> None:
    first, second = teacher(writing(WRONG), "first"), teacher(writing(WRONG), "second")
    entry = taught((first, second), retries=3)
    assert [(attempt.teacher, attempt.guidance) for attempt in entry.refused] == [
        ("first", Guidance.plain),
        ("second", Guidance.plain),
        ("first", Guidance.instructed),
        ("second", Guidance.instructed),
    ]


def test_ways_whose_words_a_teacher_has_never_met_are_left_out() -> None:
    entry = taught(teacher(writing(WRONG), unknown=("Describe",)), retries=8)
    assert [attempt.guidance for attempt in entry.refused] == [
        Guidance.plain,
        Guidance.opened,
        Guidance.opened_otherwise,
    ]


@pytest.mark.parametrize("type", [ErrorType.engine_unavailable, ErrorType.deadline])
def test_a_server_that_is_away_is_not_asked_again_about_the_same_image(type: ErrorType) -> None:
    away, there = teacher(writing(failure(type)), "away"), teacher(writing(WRONG, SEEN), "there")
    entry = taught((away, there), retries=8)
    assert len(asked(away)) == 1
    assert entry.rationale == SEEN.strip()
    assert [(attempt.teacher, attempt.objections[0]) for attempt in entry.refused] == [
        ("away", type),
        ("there", RationaleFault.contradicts_rating),
    ]
    assert [(trouble.obstacle, trouble.message) for trouble in entry.troubles] == [(type, "Nobody is there.")]


def test_an_answer_that_could_not_be_read_is_asked_for_otherwise() -> None:
    entry = taught(teacher(writing(failure(ErrorType.unparsable_answer, "No JSON."), SEEN)))
    assert entry.rationale == SEEN.strip()
    assert entry.refused[0].objections == (ErrorType.unparsable_answer,)


def test_a_label_without_an_answer_is_not_settled_and_one_with_a_bad_answer_is() -> None:
    assert not taught(teacher(writing(failure()))).settled
    assert taught(teacher(writing(WRONG))).settled
    assert taught(teacher(writing(failure(ErrorType.internal), WRONG))).settled
    assert taught(teacher(writing("")), retries=0).refused[0].objections == (Obstacle.empty,)


@pytest.mark.parametrize(
    ("labelled", "policy", "sentence"),
    [
        (sample(rating=Rating.Safe), DEFAULT.non_violating("O6"), "Category O6 is declared as non-violating."),
        (sample(), DEFAULT.sensitive("O6"), "Category O6 is declared as sensitive."),
        (
            sample(rating=Rating.Safe, decided_by=ALLOWED),
            DEFAULT,
            f"It is allowed by the rule: {ALLOWED.rstrip('.')}.",
        ),
    ],
)
def test_where_the_policy_makes_the_exception_the_reason_says_so(
    labelled: Sample, policy: Policy, sentence: str
) -> None:
    entry = taught(teacher(writing("A gun lies on a table")), labelled, policy)
    assert entry.rationale == f"A gun lies on a table. {sentence}"
    assert entry.origin.grounds_added
    said = taught(teacher(writing(f"A gun lies on a table. {sentence}")), labelled, policy)
    assert said.rationale == entry.rationale
    assert not said.origin.grounds_added


def test_the_sentence_of_an_exception_hides_no_contradiction() -> None:
    policy = DEFAULT.non_violating("O6")
    guard = teacher(writing(" A gun is shown, which violates the policy."))
    entry = taught(guard, sample(rating=Rating.Safe), policy)
    assert entry.rationale is None
    assert {attempt.objections for attempt in entry.refused} == {(RationaleFault.contradicts_rating,)}


def test_an_exception_is_asked_about_in_its_own_words() -> None:
    guard = teacher(writing(" A gun is shown, which violates the policy."))
    taught(guard, sample(rating=Rating.Safe), DEFAULT.non_violating("O6"))
    assert f"how it relates to {O6.label}." in text_of(asked(guard)[1])
