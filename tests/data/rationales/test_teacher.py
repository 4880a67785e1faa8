"""A teacher is given the label and says why; what goes wrong is said, never raised, never an empty text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image

from eyeward.data.rationales.grounds import Grounds, grounds_of
from eyeward.data.rationales.guidance import Guidance
from eyeward.data.rationales.origin import Obstacle
from eyeward.data.rationales.teacher import Explanandum, Said, Teacher
from eyeward.data.sample import Sample
from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.errors import ErrorType, UsageError
from eyeward.guard import Guard
from eyeward.policy import Policy
from eyeward.verdict import NA, Rating
from tests.data.rationales.classroom import (
    DEFAULT,
    O6,
    SEEN,
    Answer,
    asked,
    failure,
    given,
    sample,
    teacher,
    text_of,
    writing,
    wrote,
)
from tests.fakes import FakeEngine, brightness, by_brightness

GREY = Image.new("RGB", (12, 12), (80, 80, 80))


def label(labelled: Sample | None = None, policy: Policy = DEFAULT, *frames: Image.Image) -> Explanandum:
    of = labelled or sample()
    grounds = grounds_of(of, policy)
    assert isinstance(grounds, Grounds)
    return Explanandum(of, policy, grounds.excepted, frames or (GREY,))


def said(answer: Answer, guidance: Guidance = Guidance.plain, wanted: Explanandum | None = None) -> Said:
    (only,) = Teacher(teacher(answer)).explain([wanted or label()], guidance)
    return only


@pytest.mark.parametrize(
    ("rating", "category"), [(Rating.Unsafe, O6.label), (Rating.Safe, O6.label), (Rating.Safe, NA)]
)
def test_rating_and_category_stand_in_the_answer_and_the_policy_in_the_question(rating: Rating, category: str) -> None:
    guard = teacher(writing("A knife lies on a table."))
    policy = DEFAULT.sensitive("O2")
    (only,) = Teacher(guard).explain([label(sample(rating=rating, category=category), policy)], Guidance.plain)
    assert only == Said("A knife lies on a table.")
    (prompt,) = asked(guard)
    assert given(prompt) == (rating, category, "")
    assert (prompt.explain, prompt.rating_rule, prompt.images) == (True, None, (GREY,))
    assert "Category O2 is declared as sensitive." in text_of(prompt)


def test_an_instruction_ends_the_question_and_an_opening_begins_the_reason() -> None:
    guard = teacher(writing(" a knife."))
    (only,) = Teacher(guard).explain([label()], Guidance.instructed_and_opened)
    assert only.text == "The image shows a knife."
    (prompt,) = asked(guard)
    assert given(prompt)[2] == "The image shows"
    instruction = Guidance.instructed.instruction(Rating.Unsafe, O6.label, False)
    assert text_of(prompt).endswith(f"[image]{instruction}<end>assistant: ")
    assert prompt.shared_prefix == 1


@pytest.mark.parametrize(
    ("answer", "guidance", "obstacle"),
    [
        (writing(""), Guidance.plain, Obstacle.empty),
        (writing(" \n "), Guidance.plain, Obstacle.empty),
        (writing(" ..."), Guidance.opened, Obstacle.empty),
        (writing("ly a knife"), Guidance.opened, Obstacle.runs_on),
        (lambda prompt: wrote(prompt, "A knife and a knife and", cut=True), Guidance.plain, Obstacle.cut),
        (writing(failure(ErrorType.deadline)), Guidance.plain, ErrorType.deadline),
        (lambda prompt: RawAnswer(written={"rationale": "A knife."}), Guidance.plain, ErrorType.unparsable_answer),
    ],
)
def test_what_is_no_reason_is_named(answer: Answer, guidance: Guidance, obstacle: Obstacle | ErrorType) -> None:
    only = said(answer, guidance)
    assert (only.text, only.obstacle) == ("", obstacle)


def test_an_answer_with_another_label_is_refused() -> None:
    def other(prompt: Prompt) -> RawAnswer:
        answer = wrote(prompt, "It is fine.")
        return replace(answer, written={**answer.written, "rating": "Safe"})

    only = said(other)
    assert (only.text, only.obstacle) == ("", ErrorType.unparsable_answer)
    assert only.message == "The rating 'Safe' was written, not 'Unsafe'."


@pytest.mark.parametrize("count", [0, 1, 3])
def test_an_engine_that_loses_or_adds_answers_is_believed_in_nothing(count: int) -> None:
    guard = teacher(writing(SEEN))
    assert isinstance(guard.engine, FakeEngine)
    judge = guard.engine.judge
    guard.engine.judge = lambda prompts: iter([*judge(prompts), *judge(prompts)][:count])  # type: ignore[method-assign]
    both = list(Teacher(guard).explain([label(), label()], Guidance.plain))
    assert [each.obstacle for each in both] == [ErrorType.internal] * 2
    assert f"{count} answers to 2 prompts" in both[0].message


def test_an_engine_that_crashes_is_an_obstacle() -> None:
    def crash(prompt: Prompt) -> RawAnswer:
        raise RuntimeError("no memory")

    only = said(crash)
    assert only.obstacle is ErrorType.internal
    assert "RuntimeError: no memory" in only.message


def test_a_policy_that_cannot_be_asked_costs_only_its_own_label() -> None:
    marked = DEFAULT.add_rule("O6", "weapons <end> hidden", "should_not")
    first, second = Teacher(teacher(writing(SEEN))).explain([label(policy=marked), label()], Guidance.plain)
    assert (first.text, first.obstacle) == ("", Obstacle.policy_refused)
    assert "'<end>'" in first.message
    assert second.text == SEEN.strip()


def test_words_that_the_teacher_has_never_met_are_no_ground_to_write_on() -> None:
    guard = teacher(writing(SEEN), unknown=("zeppelins", "Describe"))
    one = Teacher(guard)
    policy = DEFAULT.add_rule("O6", "armed zeppelins", "should_not")
    (only,) = one.explain([label(policy=policy)], Guidance.plain)
    assert (only.obstacle, only.message) == (Obstacle.unknown_words, "It has never met zeppelins.")
    assert not asked(guard)
    assert not one.understands(Guidance.instructed, label())
    assert one.understands(Guidance.opened, label()) and one.understands(Guidance.plain, label())


def test_of_several_pictures_the_one_that_counts_in_a_verdict_is_explained() -> None:
    frames = [Image.new("RGB", (12, 12), (level,) * 3) for level in (30, 220, 90)]

    def answer(prompt: Prompt) -> RawAnswer:
        return wrote(prompt, f"Level {brightness(prompt) * 255:.0f}.") if prompt.explain else by_brightness(prompt)

    assert said(answer, wanted=label(sample(), DEFAULT, *frames)).text == "Level 220."
    failed = said(lambda p: wrote(p, SEEN) if p.explain else failure(), wanted=label(sample(), DEFAULT, *frames))
    assert failed.obstacle is ErrorType.engine_unavailable


def test_an_image_unlike_those_of_its_training_is_not_explained() -> None:
    class Far:
        def distance(self, features: tuple[float, ...]) -> float:
            return features[0]

    def answer(prompt: Prompt) -> RawAnswer:
        return replace(wrote(prompt, SEEN), features=(brightness(prompt),))

    guard: Guard = replace(teacher(answer), scope=Far(), scope_threshold=0.5)  # type: ignore[arg-type]
    near, far = Teacher(guard).explain(
        [label(), label(sample(), DEFAULT, Image.new("RGB", (12, 12), "white"))], Guidance.plain
    )
    assert near.text == SEEN.strip()
    assert (far.text, far.obstacle) == ("", Obstacle.out_of_scope)


def test_a_guard_that_only_scores_cannot_teach() -> None:
    class Scores:
        def question(self) -> None: ...
        def prompt(self) -> None: ...
        def read(self) -> None: ...

    with pytest.raises(UsageError, match="gives scores and writes no reasons"):
        Teacher(replace(teacher(writing("")), profile=Scores()))  # type: ignore[arg-type]
