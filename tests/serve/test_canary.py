"""Probe images: right answers are no news, wrong ones are a sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from eyeward.errors import CheckpointError
from eyeward.guard.card import EyewardCard
from eyeward.guard.loading import load_subject, packaged_guards
from eyeward.guard.self_check import Subject
from eyeward.serve.canary import Canary, KnownAnswer, known_answers
from eyeward.verdict import Rating
from tests.serve.world import PROBES, Engine, guard


def test_right_answers_are_asked_for_one_after_another() -> None:
    engine = Engine()
    canary = Canary(guard(engine), PROBES)
    assert [canary() for _ in range(3)] == [None, None, None]
    assert engine.batches == [1, 1, 1]
    assert canary.knows_answers


@pytest.mark.parametrize(
    ("answer", "trouble", "said"),
    [
        (PROBES[0], "wrong", "bright.png has p_unsafe_raw 0.020; when the guard was made it had 0.980"),
        (PROBES[0], "crash", "bright.png cannot be judged: The engine failed"),
        (PROBES[0], "unavailable", "cannot be judged: Trouble"),
        (replace(PROBES[1], rating=Rating.Unsafe), "", "dark.png is Safe; when the guard was made it was Unsafe"),
        (replace(PROBES[1], image=b"no image"), "", "cannot be judged"),
    ],
)
def test_wrong_answers_are_named(answer: KnownAnswer, trouble: str, said: str) -> None:
    problem = Canary(guard(Engine(trouble=trouble)), [answer])()
    assert problem is not None
    assert said in problem


def test_without_known_answers_it_is_enough_that_an_image_can_be_judged() -> None:
    subject = Subject(guard(Engine()), EyewardCard(name="fake"))
    canary = Canary(guard(Engine()), known_answers(subject, subject.guard))
    assert canary() is None
    assert not canary.knows_answers
    assert "cannot be judged" in (Canary(guard(Engine(trouble="crash")), known_answers(subject, subject.guard))() or "")
    with pytest.raises(CheckpointError):
        Canary(guard(Engine()), [])


def test_the_probe_images_of_a_checkpoint_are_asked_as_its_card_has_them() -> None:
    folder = packaged_guards()["mini"]
    card = EyewardCard.read(folder)
    made = guard(Engine(), band=None)
    answers = known_answers(Subject(made, card, folder), made)
    assert [answer.p_unsafe_raw for answer in answers] == [probe.p_unsafe_raw for probe in card.probes]
    assert all(answer.rating is None for answer in answers), "another threshold or band may give other ratings"
    assert known_answers(Subject(made, card, folder, capped=True), made)[0].p_unsafe_raw is None


def test_mini_judges_its_probe_images_right() -> None:
    subject = load_subject("mini", device="cpu")
    answers = known_answers(subject, subject.guard)
    assert all(answer.rating is not None for answer in answers)
    canary = Canary(subject.guard, answers)
    assert [canary() for _ in answers] == [None] * len(answers)
