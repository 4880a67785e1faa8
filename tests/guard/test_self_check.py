"""A sound checkpoint passes its checks, and each single fault is caught and named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import eyeward
from eyeward.engine.local.engine import LocalEngine
from eyeward.engine.local.first_choice import FirstChoice
from eyeward.engine.protocol import Prompt, RawAnswer, TextSegment
from eyeward.errors import SelfCheckFailed
from eyeward.guard.card import EyewardCard
from eyeward.guard.guard import Guard
from eyeward.guard.llavaguard import LlavaGuardProfile
from eyeward.guard.loading import load_subject, packaged_guards
from eyeward.guard.self_check import Outcome, Subject, faults, long_form, settle, short_form
from eyeward.guard.self_check.agreement import check_agreement
from eyeward.guard.self_check.head import LEAST_MASS, check_label_mass, check_opposites
from eyeward.policy import Policy
from eyeward.verdict import ModelRef
from tests.engine.local.families.checkpoints import (
    QWEN_TEMPLATE,
    VICUNA_TEMPLATE,
    make_llava,
    make_llava_next,
    make_qwen,
)
from tests.engine.local.tiny import CHAT_TEMPLATE, make_checkpoint, write_json
from tests.fakes import FakeEngine, by_brightness, failing, model_text, raw_answer, rule

FAMILIES = [make_checkpoint, make_llava, make_llava_next, make_qwen]
NEEDS_TRAINING = {"label mass", "opposite questions"}
each_family = pytest.mark.parametrize("make", FAMILIES)


def outcomes(subject: Subject) -> dict[str, tuple[Outcome, str]]:
    return {finding.check: (finding.outcome, finding.detail) for finding in long_form(subject)}


def cause(folder: Path, check: str) -> str:
    """Return why a check fails; all others but those that need trained weights must not."""
    found = outcomes(load_subject(folder))
    failed = {name for name, (outcome, _) in found.items() if outcome is Outcome.failed}
    assert failed - NEEDS_TRAINING == {check}
    return found[check][1]


def refused(folder: Path) -> str:
    """Return why a checkpoint is refused at load."""
    with pytest.raises(SelfCheckFailed) as error:
        eyeward.load_guard(folder)
    return str(error.value)


def edit(file: Path, change: Callable[[Any], None]) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    change(content)
    write_json(file, content)


@each_family
def test_a_sound_checkpoint_passes_all_that_needs_no_trained_weights(tmp_path: Path, make: Callable[..., Any]) -> None:
    make(tmp_path)
    found = outcomes(load_subject(tmp_path))
    expected = dict.fromkeys(("chat template", "labels", "image tokens", "context", "grey image"), Outcome.passed)
    assert {name: outcome for name, (outcome, _) in found.items() if name in expected} == expected
    assert {name for name, (outcome, _) in found.items() if outcome is Outcome.failed} <= NEEDS_TRAINING


@each_family
def test_random_weights_are_refused_at_load_and_only_warned_about_where_python_asks(
    tmp_path: Path, make: Callable[..., Any]
) -> None:
    make(tmp_path)
    assert "of the probability lies on the tokens of the ratings" in refused(tmp_path)
    with pytest.warns(UserWarning, match="it would rather write"):
        guard = eyeward.load_guard(tmp_path, self_check="warn")
    assert guard.model.engine == "local"


def test_mini_passes_all_that_applies() -> None:
    subject = load_subject("mini")
    found = outcomes(subject)
    assert {name for name, (outcome, _) in found.items() if outcome is Outcome.does_not_apply} == {
        "opposite questions",
        "other engine",
    }
    assert not any(outcome is Outcome.failed for outcome, _ in found.values())
    assert "6 probe images" in found["known answers"][1]
    assert [finding.check for finding in short_form(subject)] == [
        name for name in found if name not in ("context", "label mass", "opposite questions", "other engine")
    ]


def test_a_base_model_is_not_asked_what_only_verdicts_teach() -> None:
    found = outcomes(load_subject("mini-base"))
    assert not any(outcome is Outcome.failed for outcome, _ in found.values())
    assert found["label mass"] == (Outcome.does_not_apply, "it is a base model, which has seen no verdict")
    assert found["opposite questions"][0] is Outcome.does_not_apply


@pytest.fixture
def mini_with_noise(tmp_path: Path) -> Path:
    """Mini with a head of noise, as if its tied weights had not been tied."""
    folder = tmp_path / "mini"
    shutil.copytree(packaged_guards()["mini"], folder)
    tensors = load_file(folder / "model.safetensors")
    trained = tensors["language_model.model.embed_tokens.weight"]
    noise = torch.randn(trained.shape, generator=torch.Generator().manual_seed(0)) * trained.float().std()
    tensors["language_model.lm_head.weight"] = noise.to(trained.dtype)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    def untie(config: Any) -> None:
        config["tie_word_embeddings"] = config["text_config"]["tie_word_embeddings"] = False

    edit(folder / "config.json", untie)
    return folder


def test_a_head_of_noise_is_told_by_known_answers(mini_with_noise: Path) -> None:
    assert "when the guard was made it had" in refused(mini_with_noise)
    found = outcomes(load_subject(mini_with_noise))
    failed = {name for name, (outcome, _) in found.items() if outcome is Outcome.failed}
    assert failed == {"known answers", "label mass"}


def test_a_head_of_noise_is_told_without_known_answers_by_the_mass_of_its_labels(mini_with_noise: Path) -> None:
    card = EyewardCard.read(mini_with_noise)
    card.model_copy(update={"probes": ()}).write(mini_with_noise)
    assert "The head is not the trained one" in refused(mini_with_noise)
    sound = load_subject("mini")
    assert sound.engine is not None
    choice = check_label_mass(sound)
    assert (choice.outcome, LEAST_MASS) == (Outcome.passed, 0.05)


def test_a_guard_of_one_policy_is_asked_under_that_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = Policy.load("default").only("O2", "O6").model_copy(update={"name": "of-its-own"})

    def knows_one(engine: LocalEngine, prompt: Prompt) -> FirstChoice:
        text = "".join(part.text for part in prompt.segments if isinstance(part, TextSegment))
        mass = 0.99 if "O6" in text and "O1" not in text else 0.01
        return FirstChoice(mass, 0.1, 1000, "Safe" if mass > 0.5 else "NA")

    monkeypatch.setattr(LocalEngine, "first_choice", knows_one)
    subject = load_subject("mini")
    said = check_label_mass(subject)
    assert said.outcome is Outcome.failed
    assert "would rather write 'NA'" in said.detail
    card = subject.card.model_copy(update={"known_policy": known.to_yaml()})
    assert check_label_mass(replace(subject, card=card)).outcome is Outcome.passed


def test_a_missing_template_is_the_one_fault_that_is_named(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    assert "no chat template" in refused(tmp_path)
    found = outcomes(load_subject(tmp_path))
    assert found["chat template"][0] is Outcome.failed
    assert found["all others"] == (Outcome.does_not_apply, "there is no prompt to ask")


@pytest.mark.parametrize(
    ("make", "file", "template", "said"),
    [
        (make_checkpoint, "chat_template.jinja", CHAT_TEMPLATE.partition("{% if add_gen")[0], "assistant"),
        (make_qwen, "chat_template.json", QWEN_TEMPLATE.partition("{% if add_gen")[0], "assistant"),
        (make_llava, "chat_template.json", VICUNA_TEMPLATE.partition("{% if add_gen")[0], "ASSISTANT:"),
        (make_checkpoint, "chat_template.jinja", CHAT_TEMPLATE.replace("assistant\n", "assistant\n<think>"), "<think>"),
    ],
    ids=["onevision", "qwen", "vicuna", "thinking"],
)
def test_a_template_that_does_not_hand_over_to_the_model_is_refused(
    tmp_path: Path, make: Callable[..., Any], file: str, template: str, said: str
) -> None:
    make(tmp_path)
    if file.endswith("json"):
        write_json(tmp_path / file, {"chat_template": template})
    else:
        (tmp_path / file).write_text(template, encoding="utf-8")
    message = refused(tmp_path)
    assert "does not hand over to the model" in message
    assert said in message
    assert cause(tmp_path, "chat template").startswith("The chat template does not hand over")


def test_a_template_may_write_other_blanks_before_answers(tmp_path: Path) -> None:
    """That of LLaVA-OneVision puts a blank before the line break, which no answer should be refused for."""
    make_checkpoint(tmp_path)
    blank = CHAT_TEMPLATE.replace("{{ message['role'] }}\n", "{{ message['role'] + ' ' }}\n")
    assert blank != CHAT_TEMPLATE
    (tmp_path / "chat_template.jinja").write_text(blank, encoding="utf-8")
    assert outcomes(load_subject(tmp_path))["chat template"][0] is Outcome.passed


def test_a_template_that_shows_no_answers_cannot_be_compared_with_them(tmp_path: Path) -> None:
    make_qwen(tmp_path)
    silent = QWEN_TEMPLATE.replace("{% for message in messages %}", "{% for message in messages[:1] %}", 1)
    write_json(tmp_path / "chat_template.json", {"chat_template": silent})
    assert outcomes(load_subject(tmp_path))["chat template"][0] is Outcome.does_not_apply


@pytest.mark.parametrize("count", [0, 2])
def test_an_image_mark_that_does_not_stand_once_is_refused(tmp_path: Path, count: int) -> None:
    make_checkpoint(tmp_path)
    (tmp_path / "chat_template.jinja").write_text(CHAT_TEMPLATE.replace("<image>", "<image>" * count))
    assert "once each" in refused(tmp_path)


def test_labels_with_the_same_tokens_are_named(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    same = {"type": "Replace", "pattern": {"String": "Unsafe"}, "content": "Safe"}
    edit(tmp_path / "tokenizer.json", lambda content: content.update(normalizer=same))
    assert "'Unsafe' and 'Safe' have the same tokens" in refused(tmp_path)


def test_categories_with_the_same_tokens_are_named(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    same = {"type": "Replace", "pattern": {"Regex": "O[36]: [A-Z][A-Za-z ]+"}, "content": "O3"}
    edit(tmp_path / "tokenizer.json", lambda content: content.update(normalizer=same))
    assert "'O3: Sexual Content' and 'O6: Weapons or Substance Abuse'" in refused(tmp_path)


def test_a_tokenizer_that_cannot_spell_the_labels_is_refused(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    edit(tmp_path / "tokenizer.json", lambda content: content.update(normalizer={"type": "Lowercase"}))
    assert "cannot spell" in refused(tmp_path)


@each_family
def test_image_tokens_that_are_miscounted_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[..., Any]
) -> None:
    make(tmp_path)
    subject = load_subject(tmp_path)
    assert subject.checkpoint is not None
    monkeypatch.setattr(type(subject.checkpoint.family), "token_count", lambda *_: 7)
    assert "64 x 64 pixels" in outcomes(subject)["image tokens"][1]
    assert any("but 7 tokens are counted" in fault for fault in faults(subject))


def test_a_context_that_is_too_short_for_the_largest_image_is_named(tmp_path: Path) -> None:
    make_checkpoint(tmp_path, context_length=2500)
    assert "but the model reads at most 2,500" in cause(tmp_path, "context")


def test_a_context_that_is_too_short_for_any_image_is_refused(tmp_path: Path) -> None:
    make_checkpoint(tmp_path, context_length=1000)
    assert "the model reads at most 1,000" in refused(tmp_path)


def test_a_tokenizer_that_wants_texts_cut_off_is_not_obeyed(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    whole = outcomes(load_subject(tmp_path))["context"]
    cut = {"direction": "Right", "max_length": 500, "strategy": "LongestFirst", "stride": 0}
    edit(tmp_path / "tokenizer.json", lambda content: content.update(truncation=cut))
    assert outcomes(load_subject(tmp_path))["context"] == whole
    assert whole[0] is Outcome.passed


def test_a_context_that_the_tokenizer_denies_is_named(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    edit(tmp_path / "tokenizer_config.json", lambda content: content.update(model_max_length=512))
    assert "reads 512 tokens (model_max_length), config.json says 4,096" in cause(tmp_path, "context")


def test_a_context_that_the_rotary_embedding_does_not_reach_is_named(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    stretched = {"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0, "original_max_position_embeddings": 600}
    edit(tmp_path / "config.json", lambda content: content["text_config"].update(rope_parameters=stretched))
    assert "reaches 1,200 tokens" in cause(tmp_path, "context")


def fake(answer: Callable[[Prompt], RawAnswer], unknown: tuple[str, ...] = ()) -> Subject:
    card = EyewardCard(name="fake")
    guard = Guard(
        FakeEngine(answer), LlavaGuardProfile(card, model_text(unknown)), ModelRef(name="fake", engine="x"), rule()
    )
    return Subject(guard, card)


def obedient(prompt: Prompt) -> RawAnswer:
    """Call pictures unsafe that have the colour which the policy forbids."""
    text = "".join(segment.text for segment in prompt.segments if isinstance(segment, TextSegment))
    red, green, blue = prompt.images[0].getpixel((0, 0))  # type: ignore[misc]
    shown = {
        (220, 20, 20): "red",
        (20, 40, 220): "blue",
        (20, 160, 40): "green",
        (0, 0, 0): "black",
        (250, 220, 20): "yellow",
        (255, 255, 255): "white",
    }[(red, green, blue)]
    return raw_answer(prompt, 0.9 if f"O1: Pictures in {shown}" in text else 0.2)


def test_a_guard_that_sees_and_reads_answers_opposite_questions_otherwise() -> None:
    found = check_opposites(fake(obedient))
    assert (found.outcome, "+3.58" in found.detail) == (Outcome.passed, True)


def test_a_guard_that_only_looks_or_only_reads_or_is_contrary_fails_opposite_questions() -> None:
    def reader(prompt: Prompt) -> RawAnswer:
        return raw_answer(prompt, len(str(prompt.segments)) % 7 / 7)

    def contrary(prompt: Prompt) -> RawAnswer:
        answer = obedient(prompt).scores[0].log_probabilities["Safe"]
        return raw_answer(prompt, 2.718281828**answer)

    for answer in (by_brightness, reader, contrary):
        assert check_opposites(fake(answer)).outcome is Outcome.failed
    assert "cannot be judged: broken" in check_opposites(fake(failing("broken"))).detail


def test_opposite_questions_need_words_that_the_guard_has_met() -> None:
    subject = fake(obedient, unknown=("yellow",))
    card = subject.card.model_copy(update={"vocabulary": "met_in_training"})
    profile = LlavaGuardProfile(card, model_text(("yellow",)))
    guard = Guard(subject.guard.engine, profile, subject.guard.model, rule())
    assert check_opposites(Subject(guard, card)).outcome is Outcome.does_not_apply


def shifted(by: float, category: str | None = None) -> Callable[[Prompt], RawAnswer]:
    def answer(prompt: Prompt) -> RawAnswer:
        labels = prompt.form.label_slots[1].labels
        chosen = next((label for label in labels if label == category), labels[0])
        return raw_answer(prompt, 0.8 + by, {chosen: 0.7, labels[2]: 0.3})

    return answer


def test_an_engine_that_agrees_within_the_tolerance_passes() -> None:
    found = check_agreement(fake(shifted(0.0)), fake(shifted(0.015)).guard, "http://there")
    assert found.outcome is Outcome.passed
    assert found.detail.startswith("x at http://there agrees on 4 images: p_unsafe at most 0.0150 apart")
    assert check_agreement(fake(shifted(0.0)), None).outcome is Outcome.does_not_apply


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (shifted(0.03), "has p_unsafe 0.800 here and 0.830 there"),
        (shifted(0.0, "O6: Weapons or Substance Abuse"), "is O1: Hate, Humiliation, Harassment here and O6:"),
        (failing("no power"), "cannot be judged there: no power"),
    ],
)
def test_an_engine_that_does_not_agree_is_told_in_what(other: Callable[[Prompt], RawAnswer], said: str) -> None:
    found = check_agreement(fake(shifted(0.0)), fake(other).guard)
    assert found.outcome is Outcome.failed
    assert "does not agree on 4 of 4 images" in found.detail
    assert said in found.detail


def test_ratings_may_differ_only_near_the_threshold() -> None:
    def near(p_unsafe: float) -> Subject:
        return fake(lambda prompt: raw_answer(prompt, p_unsafe))

    assert check_agreement(near(0.495), near(0.505).guard).outcome is Outcome.passed
    subject = near(0.6)
    strict = subject.guard.with_threshold(0.61)
    assert "is Unsafe here, Safe there" in check_agreement(subject, strict).detail


def test_a_remote_guard_is_checked_by_what_it_answers() -> None:
    found = {finding.check: finding.outcome for finding in long_form(fake(obedient_or_grey))}
    assert {name for name, outcome in found.items() if outcome is Outcome.passed} == {
        "grey image",
        "opposite questions",
    }
    assert {name for name, outcome in found.items() if outcome is Outcome.failed} == set()


def obedient_or_grey(prompt: Prompt) -> RawAnswer:
    grey = prompt.images[0].getpixel((0, 0)) == (128, 128, 128)
    return raw_answer(prompt, 0.5) if grey else obedient(prompt)


def test_nothing_is_checked_where_python_says_so() -> None:
    settle(fake(failing("broken")), "off")
    with pytest.raises(
        SelfCheckFailed, match="'fake' does not pass its self check: A grey image cannot be judged: broken"
    ):
        settle(fake(failing("broken")), "refuse")
