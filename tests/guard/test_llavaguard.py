"""Prompts in the forms of the model families, and answers read back."""

from __future__ import annotations

import math

import pytest
from PIL import Image

from eyeward.engine.protocol import ImageSegment, RawAnswer, TextSegment
from eyeward.engine.rating import RatingRule
from eyeward.errors import CheckpointError, PolicyError, UsageError
from eyeward.guard.card import EyewardCard, PromptOrder, Vocabulary, published_card
from eyeward.guard.llavaguard import LlavaGuardProfile, ModelText
from eyeward.guard.profile import GuidedProfile, Question, find_profile
from eyeward.policy import PUBLISHED_2024, PUBLISHED_2025, Policy, render
from eyeward.verdict import NA, Rating
from tests.fakes import chat, model_text, raw_answer

DEFAULT = Policy.load("default")
PICTURE = Image.new("RGB", (8, 8))
OURS = EyewardCard(name="mini")


def text_of(question: Question) -> str:
    return "".join(s.text if isinstance(s, TextSegment) else "[image]" for s in question.segments)


def test_ours_puts_the_policy_first_and_shares_it() -> None:
    question = LlavaGuardProfile(OURS, model_text()).question(DEFAULT)
    assert text_of(question) == f"user: {render(DEFAULT, OURS.wording).text}\n[image]<end>assistant: "
    assert question.shared_prefix == 1


@pytest.mark.parametrize(
    ("name", "wording", "first_word"),
    [
        ("AIML-TUDA/LlavaGuard-v1.2-0.5B-OV-hf", PUBLISHED_2025, '{\n    "rating": "'),
        ("AIML-TUDA/LlavaGuard-v1.1-7B-hf", PUBLISHED_2024, '{\n    "decision": "'),
        ("AIML-TUDA/LlavaGuard-v1.0-13B-hf", PUBLISHED_2024, '{\n    "decision": "'),
        ("AIML-TUDA/LlavaGuard-7B", PUBLISHED_2024, '{\n    "decision": "'),
        ("some-folder", PUBLISHED_2025, '{\n    "rating": "'),
    ],
)
def test_published_checkpoints_put_the_image_first_in_the_form_of_their_year(
    name: str, wording: object, first_word: str
) -> None:
    card = published_card(name)
    assert card.wording == wording
    question = LlavaGuardProfile(card, model_text()).question(DEFAULT)
    assert text_of(question) == f"user: [image]{render(DEFAULT, card.wording).text}<end>assistant: "
    assert question.shared_prefix == 2
    assert isinstance(question.segments[1], ImageSegment)
    assert getattr(question.form.parts[0], "text", None) == first_word


def test_a_rule_reaches_the_engine_in_the_words_of_the_model() -> None:
    profile = LlavaGuardProfile(published_card("LlavaGuard-v1.1"), model_text())
    rule = RatingRule(slot="x", positive="Unsafe", negative="Safe", threshold=0.7)
    prompt = profile.prompt(profile.question(DEFAULT), PICTURE, True, rule)
    assert prompt.rating_rule is not None
    assert (prompt.rating_rule.positive, prompt.rating_rule.negative) == ("Review Needed", "Compliant")
    assert (prompt.rating_rule.slot, prompt.rating_rule.threshold, prompt.explain) == ("rating", 0.7, True)
    assert profile.prompt(profile.question(DEFAULT), PICTURE, False, None).rating_rule is None


@pytest.mark.parametrize("card", [OURS, published_card("LlavaGuard-v1.1")])
def test_an_answer_is_read_in_our_words(card: EyewardCard) -> None:
    profile = LlavaGuardProfile(card, model_text())
    question = profile.question(DEFAULT)
    answer = raw_answer(
        profile.prompt(question, PICTURE, True, None), 0.8, {DEFAULT.labels[5]: 3, DEFAULT.labels[1]: 1}
    )
    reading = profile.read(question, answer)
    assert (reading.rating, reading.category, reading.rationale) == (Rating.Unsafe, DEFAULT.labels[5], "Because.")
    assert reading.p_unsafe_raw == pytest.approx(0.8)
    assert reading.categories[Rating.Unsafe][DEFAULT.labels[1]] == pytest.approx(0.25)
    assert reading.categories[Rating.Safe][NA] == 1.0
    safe = profile.read(question, raw_answer(profile.prompt(question, PICTURE, False, None), 0.2))
    assert (safe.rating, safe.category, safe.rationale) == (Rating.Safe, NA, None)


@pytest.mark.parametrize("broken", [math.nan, math.log(0.5)])
def test_probabilities_that_do_not_add_up_are_refused(broken: float) -> None:
    profile = LlavaGuardProfile(OURS, model_text())
    question = profile.question(DEFAULT)
    good = raw_answer(profile.prompt(question, PICTURE, False, None), 0.9)
    scores = good.scores[0]
    bad = type(scores)(scores.slot, scores.given, {**scores.log_probabilities, "Safe": broken})
    with pytest.raises(ValueError, match="add up"):
        profile.read(question, RawAnswer(scores=(bad, *good.scores[1:]), written=good.written))
    with pytest.raises(ValueError, match="does not score"):
        profile.read(question, RawAnswer(scores=good.scores[:1], written=good.written))


@pytest.mark.parametrize("mark", ["<end>", "<image>"])
def test_a_policy_that_holds_a_mark_of_the_model_is_refused(mark: str) -> None:
    policy = DEFAULT.add_rule("O6", f"weapons {mark} hidden", "should_not")
    with pytest.raises(PolicyError, match=f"holds '{mark}'"):
        LlavaGuardProfile(OURS, model_text()).question(policy)


@pytest.mark.parametrize(
    "template",
    [
        lambda messages: chat([{"content": list(reversed(messages[0]["content"]))}]),
        lambda messages: chat(messages).replace("<image>", ""),
        lambda messages: chat(messages) + "<image>",
        lambda messages: "user: <image>",
    ],
)
@pytest.mark.parametrize("order", list(PromptOrder))
def test_a_chat_template_that_misplaces_policy_or_image_is_refused(template: object, order: PromptOrder) -> None:
    assert callable(template)
    text = ModelText(template, "<image>", frozenset(), lambda text: ())
    with pytest.raises(CheckpointError, match="chat template"):
        LlavaGuardProfile(OURS.model_copy(update={"order": order}), text).question(DEFAULT)


def test_words_never_met_take_their_categories_out_of_coverage() -> None:
    policy = DEFAULT.add_rule("O2", "zeppelins that fall", "should_not").rename("O8", "Cruelty to zebras")
    card = OURS.model_copy(update={"vocabulary": Vocabulary.met_in_training})
    coverage = LlavaGuardProfile(card, model_text(("zeppelins", "zebras"))).question(policy).coverage
    assert coverage.not_covered == ("O2", "O8")
    assert coverage.unknown_words == {"O2": ("zeppelins",), "O8": ("zebras",)}
    assert coverage.covered == ("O1", "O3", "O4", "O5", "O6", "O7", "O9")
    any_words = LlavaGuardProfile(OURS, model_text(("zeppelins",))).question(policy).coverage
    assert any_words.not_covered == ()


def test_unknown_words_in_verbatim_text_take_every_category_out_of_coverage() -> None:
    policy = DEFAULT.model_copy(update={"verbatim": "Mind the zeppelins.\nO1: Hate"})
    card = OURS.model_copy(update={"vocabulary": Vocabulary.met_in_training})
    coverage = LlavaGuardProfile(card, model_text(("zeppelins",))).question(policy).coverage
    assert coverage.not_covered == DEFAULT.ids


def test_the_prompt_hash_changes_with_policy_and_form_only() -> None:
    ours = LlavaGuardProfile(OURS, model_text())
    assert ours.question(DEFAULT).prompt_hash == ours.question(DEFAULT).prompt_hash
    other = LlavaGuardProfile(
        OURS.model_copy(update={"answer": OURS.answer.model_copy(update={"indent": 2})}), model_text()
    )
    hashes = {ours.question(DEFAULT).prompt_hash, ours.question(DEFAULT.sensitive("O2")).prompt_hash}
    assert len(hashes | {other.question(DEFAULT).prompt_hash}) == 3


def test_profiles_are_found_by_name() -> None:
    assert find_profile("llavaguard") is LlavaGuardProfile
    with pytest.raises(UsageError, match="no profile 'llama'"):
        find_profile("llama")


def test_a_label_is_explained_behind_the_same_question() -> None:
    for card in (OURS, published_card("LlavaGuard-v1.1")):
        profile = LlavaGuardProfile(card, model_text())
        assert isinstance(profile, GuidedProfile)
        question = profile.question(DEFAULT)
        prompt = profile.guided(question, PICTURE, Rating.Safe, DEFAULT.labels[5], "", "")
        assert (prompt.segments, prompt.shared_prefix) == (question.segments, question.shared_prefix)
        assert (prompt.explain, prompt.rating_rule, prompt.images) == (True, None, (PICTURE,))
        assert [slot.labels for slot in prompt.form.label_slots] == [(card.answer.safe,), (DEFAULT.labels[5],)]


def test_an_instruction_stands_where_the_shared_prefix_stays() -> None:
    ours, published = (
        LlavaGuardProfile(card, model_text()) for card in (OURS, published_card("LlavaGuard-v1.2-7B-OV-hf"))
    )
    for profile, end in ((ours, "\n[image]Look well.<end>"), (published, "\nLook well.<end>")):
        question = profile.question(DEFAULT)
        prompt = profile.guided(question, PICTURE, Rating.Safe, NA, "Look well.", "")
        text = "".join(s.text if isinstance(s, TextSegment) else "[image]" for s in prompt.segments)
        assert text.endswith(f"{end}assistant: ")
        assert prompt.segments[: prompt.shared_prefix] == question.segments[: question.shared_prefix]
        assert render(DEFAULT, profile._card.wording).text in text


def test_a_model_reads_the_words_that_it_has_met() -> None:
    met = OURS.model_copy(update={"vocabulary": Vocabulary.met_in_training})
    assert not LlavaGuardProfile(met, model_text(["Describe"])).reads("Describe it.")
    assert LlavaGuardProfile(met, model_text(["Describe"])).reads("The image shows")
    assert LlavaGuardProfile(OURS, model_text(["Describe"])).reads("Describe it.")
