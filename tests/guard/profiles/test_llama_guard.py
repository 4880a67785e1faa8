"""Llama Guard: codes of hazards as categories of a policy."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from PIL import Image

from eyeward.engine.protocol import Prompt, RawAnswer, SlotScores
from eyeward.errors import CheckpointError, ErrorType, PolicyError
from eyeward.guard import Guard
from eyeward.guard.card import EyewardCard
from eyeward.guard.llavaguard import ModelText
from eyeward.guard.loading import rule_of
from eyeward.guard.other_guards import card_of
from eyeward.guard.profiles.llama_guard import ANSWER, HAZARD, SAFE, UNSAFE, LlamaGuardProfile, form_of
from eyeward.policy import Category, Policy
from eyeward.verdict import NA, Failure, ModelRef, Note, Rating
from tests.fakes import FakeEngine, model_text

DEFAULT = Policy.load("default")
PICTURE = Image.new("RGB", (8, 8))
PUBLISHED = card_of("llama_guard", "Llama-Guard-4-12B")
PLAIN = PUBLISHED.model_copy(update={"template_asks": False})


def answer(prompt: Prompt, p_unsafe: float, hazards: Mapping[str, float]) -> RawAnswer:
    """Answer as an engine would; `hazards` are probabilities given unsafe."""
    codes = [label for label in prompt.form.label_slots[1].labels if label]
    assert set(hazards) <= set(codes)
    return RawAnswer(
        scores=(
            SlotScores(ANSWER, (), {UNSAFE: log(p_unsafe), SAFE: log(1 - p_unsafe)}),
            SlotScores(HAZARD, ((ANSWER, UNSAFE),), {code: log(hazards.get(code, 0.0)) for code in codes}),
            SlotScores(HAZARD, ((ANSWER, SAFE),), {"": 0.0}),
        ),
        written={ANSWER: UNSAFE, HAZARD: max(hazards, key=lambda code: hazards[code])},
    )


def log(p: float) -> float:
    return math.log(p) if p > 0 else -math.inf


def guard(card: EyewardCard, p_unsafe: float, **hazards: float) -> Guard:
    engine = FakeEngine(lambda prompt: answer(prompt, p_unsafe, hazards))
    return Guard(engine, LlamaGuardProfile(card, model_text()), ModelRef(name="lg", engine="fake"), rule_of(card))


def test_hazards_are_read_as_categories() -> None:
    verdict = guard(PUBLISHED, 0.9, S10=0.75, S11=0.25).assess(PICTURE, DEFAULT)
    assert (verdict.rating, verdict.category) == (Rating.Unsafe, DEFAULT.category("O1").label)
    assert verdict.p_unsafe == pytest.approx(0.9)
    assert verdict.category_probabilities["O7"] == pytest.approx(0.25)


def test_a_hazard_of_two_categories_is_shared_between_them() -> None:
    verdict = guard(PUBLISHED, 0.9, S12=1.0).assess(PICTURE, DEFAULT)
    assert [verdict.category_probabilities[id] for id in ("O3", "O4")] == pytest.approx([0.5, 0.5])
    only_one = guard(PUBLISHED, 0.9, S12=1.0).assess(PICTURE, DEFAULT.non_violating("O3"))
    assert only_one.category_probabilities["O4"] == pytest.approx(1.0)


def test_hazards_that_the_policy_is_not_about_are_no_violation() -> None:
    about_copies = guard(PUBLISHED, 0.9, S8=0.8, S10=0.2).assess(PICTURE, DEFAULT)
    assert about_copies.p_unsafe == pytest.approx(0.9 * 0.2)
    assert about_copies.rating is Rating.Review
    assert about_copies.notes == (Note.categories_not_covered.value,)


def test_an_exception_of_the_policy_is_followed() -> None:
    policy = DEFAULT.only("O1", "O5").non_violating("O5")
    verdict = guard(PUBLISHED, 0.9, S2=1.0).assess(PICTURE, policy)
    assert (verdict.rating, verdict.category, verdict.p_unsafe) == (Rating.Safe, DEFAULT.category("O5").label, 0.0)


def test_nothing_is_safe_of_what_it_does_not_cover() -> None:
    published = guard(PUBLISHED, 0.1, S10=1.0)
    assert published.assess(PICTURE, DEFAULT).rating is Rating.Review
    assert published.assess(PICTURE, DEFAULT.only("O9")).rating is Rating.Review
    covered = DEFAULT.only(*published.coverage(DEFAULT).covered)
    assert published.assess(PICTURE, covered).rating is Rating.Safe


def test_behind_a_plain_template_it_is_asked_about_the_policys_own_categories() -> None:
    policy = Policy(name="mine", categories=(Category(id="X7", name="Kites", should_not=("big kites",)),))
    mine = guard(PLAIN, 0.9, S1=1.0)
    verdict = mine.assess(PICTURE, policy)
    assert (verdict.rating, verdict.category) == (Rating.Unsafe, "X7: Kites")
    assert mine.coverage(policy).not_covered == ()
    assert guard(PLAIN, 0.2, S1=1.0).assess(PICTURE, policy).category == NA


def test_allowed_categories_are_left_out_of_the_list_and_codes_follow_it() -> None:
    verdict = guard(PLAIN, 0.9, S2=1.0).assess(PICTURE, DEFAULT.only("O1", "O2", "O3").non_violating("O2"))
    assert verdict.category == DEFAULT.category("O3").label


def test_threshold_and_calibration_are_those_of_categories_and_not_of_codes() -> None:
    low = guard(PUBLISHED, 0.3, S10=1.0).with_threshold(0.25).assess(PICTURE, DEFAULT)
    assert (low.rating, low.category) == (Rating.Unsafe, DEFAULT.category("O1").label)


def test_a_form_lets_nothing_follow_safe_and_a_code_follow_unsafe() -> None:
    hazard = form_of(("S1", "S2")).label_slots[1]
    assert hazard.allowed({ANSWER: SAFE}) == ("",)
    assert hazard.allowed({ANSWER: UNSAFE}) == ("S1", "S2")


@pytest.mark.parametrize("mark", ["<end>", "<END CONVERSATION>", "<END UNSAFE CONTENT CATEGORIES>"])
def test_rules_that_hold_marks_are_refused(mark: str) -> None:
    with pytest.raises(PolicyError, match="takes for a mark"):
        LlamaGuardProfile(PLAIN, model_text()).question(DEFAULT.add_rule("O1", f"x {mark} y", "can"))


def test_a_policy_that_forbids_nothing_cannot_be_asked_in_words() -> None:
    with pytest.raises(PolicyError, match="forbids nothing"):
        LlamaGuardProfile(PLAIN, model_text()).question(DEFAULT.non_violating(*DEFAULT.ids))


def test_a_template_that_puts_the_image_behind_the_text_is_refused() -> None:
    text = ModelText(lambda messages: "words <image>", "<image>", frozenset(), lambda text: ())
    with pytest.raises(CheckpointError, match="image before the text"):
        LlamaGuardProfile(PLAIN, text).question(DEFAULT)


@pytest.mark.parametrize("p", [math.nan, 0.4])
def test_an_answer_that_does_not_add_up_is_an_error(p: float) -> None:
    def broken(prompt: Prompt) -> RawAnswer:
        good = answer(prompt, 0.9, {"S1": 1.0})
        return RawAnswer(scores=(SlotScores(ANSWER, (), {UNSAFE: p, SAFE: log(0.4)}), *good.scores[1:]))

    verdict = Guard(
        FakeEngine(broken), LlamaGuardProfile(PUBLISHED, model_text()), ModelRef(name="lg", engine="fake")
    ).assess(PICTURE, DEFAULT)
    assert verdict.error is not None
    assert (verdict.rating, verdict.error.type) == (None, ErrorType.internal)


def test_an_answer_that_could_not_be_read_is_an_error() -> None:
    failure = Failure(type=ErrorType.unparsable_answer, message="I cannot help with that.")
    refusing = FakeEngine(lambda prompt: RawAnswer(error=failure))
    profile = LlamaGuardProfile(PUBLISHED, model_text())
    verdict = Guard(refusing, profile, ModelRef(name="lg", engine="fake")).assess(PICTURE, DEFAULT)
    assert (verdict.rating, verdict.error) == (None, failure)
