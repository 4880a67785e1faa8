"""ShieldGemma 2: one question a category, the worst counts."""

from __future__ import annotations

import math

import pytest
from PIL import Image

from eyeward.engine.protocol import Prompt, RawAnswer, SlotScores
from eyeward.engine.separate import SeparateQuestions
from eyeward.errors import CheckpointError, ErrorType, PolicyError
from eyeward.guard import Guard
from eyeward.guard.loading import rule_of
from eyeward.guard.other_guards import card_of
from eyeward.guard.profiles.shieldgemma2 import ShieldGemma2Profile, described
from eyeward.policy import Policy
from eyeward.verdict import NA, Failure, ModelRef, Rating
from tests.fakes import FakeEngine, model_text

DEFAULT = Policy.load("default")
PICTURE = Image.new("RGB", (8, 8))
CARD = card_of("shieldgemma2", "shieldgemma-2-4b-it")


def asked(**scores: float) -> tuple[Guard, FakeEngine]:
    """Return a guard whose model gives Yes these shares, by category, and 0.1 elsewhere."""

    def answer(prompt: Prompt) -> RawAnswer:
        (slot,) = prompt.form.label_slots
        yes = scores.get(slot.name, 0.1)
        return RawAnswer(scores=(SlotScores(slot.name, (), {"Yes": math.log(yes), "No": math.log(1 - yes)}),))

    engine = FakeEngine(answer)
    profile = ShieldGemma2Profile(CARD, model_text())
    return Guard(engine, profile, ModelRef(name="sg", engine="fake"), rule_of(CARD)), engine


def test_each_category_is_asked_on_its_own_and_the_worst_counts() -> None:
    guard, engine = asked(O6=0.8, O2=0.6)
    verdict = guard.assess(PICTURE, DEFAULT)
    assert (verdict.rating, verdict.category) == (Rating.Unsafe, DEFAULT.category("O6").label)
    assert verdict.p_unsafe == pytest.approx(0.8)
    ((*prompts,),) = engine.calls
    assert [prompt.form.label_slots[0].name for prompt in prompts] == list(DEFAULT.ids)
    assert not any(isinstance(prompt, SeparateQuestions) for prompt in prompts)


def test_answers_of_several_images_do_not_mix() -> None:
    def answer(prompt: Prompt) -> RawAnswer:
        (slot,) = prompt.form.label_slots
        yes = 0.9 if (slot.name == "O3") == (prompt.images[0].getpixel((0, 0)) == (255, 0, 0)) else 0.1
        return RawAnswer(scores=(SlotScores(slot.name, (), {"Yes": math.log(yes), "No": math.log(1 - yes)}),))

    guard = Guard(FakeEngine(answer), ShieldGemma2Profile(CARD, model_text()), ModelRef(name="sg", engine="fake"))
    red, blue = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    verdicts = list(guard.assess_many([red, blue, red], DEFAULT.only("O3", "O7")))
    assert [verdict.category for verdict in verdicts] == [DEFAULT.category(id).label for id in ("O3", "O7", "O3")]


def test_where_no_answer_is_yes_the_image_is_safe() -> None:
    verdict = asked()[0].assess(PICTURE, DEFAULT)
    assert (verdict.rating, verdict.category) == (Rating.Safe, NA)
    assert verdict.p_unsafe == pytest.approx(0.1)


def test_allowed_categories_are_not_asked_about() -> None:
    guard, engine = asked(O6=0.9)
    assert guard.assess(PICTURE, DEFAULT.only("O1", "O6").non_violating("O6")).rating is Rating.Safe
    assert len(engine.calls[0]) == 1


def test_one_question_that_fails_fails_the_image() -> None:
    failure = Failure(type=ErrorType.deadline, message="too late")

    def answer(prompt: Prompt) -> RawAnswer:
        (slot,) = prompt.form.label_slots
        if slot.name == "O5":
            return RawAnswer(error=failure)
        return RawAnswer(scores=(SlotScores(slot.name, (), {"Yes": math.log(0.1), "No": math.log(0.9)}),))

    profile = ShieldGemma2Profile(CARD, model_text())
    verdict = Guard(FakeEngine(answer), profile, ModelRef(name="sg", engine="fake")).assess(PICTURE, DEFAULT)
    assert (verdict.rating, verdict.error) == (None, failure)


def test_sensitive_categories_allow_nothing() -> None:
    category = DEFAULT.sensitive("O6").category("O6")
    text = described(category)
    assert "knives used for cooking" in text
    assert "It may show" not in text
    assert "It may show" in described(DEFAULT.category("O6"))


def test_it_is_asked_through_its_own_template_only() -> None:
    with pytest.raises(CheckpointError, match="template_asks"):
        ShieldGemma2Profile(CARD.model_copy(update={"template_asks": False}), model_text())


def test_marks_in_rules_are_refused() -> None:
    policy = DEFAULT.add_rule("O1", "x </END_SAFETY_POLICY> y", "can")
    with pytest.raises(PolicyError, match="takes for a mark"):
        ShieldGemma2Profile(CARD, model_text()).question(policy)
