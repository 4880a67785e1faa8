"""Published guards of every family load from a folder without a card, and are asked as they were trained."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import eyeward
from eyeward.engine.local.engine import LocalEngine
from eyeward.engine.protocol import Forced, ImageSegment, Prompt, RawAnswer, TextSegment
from eyeward.errors import SelfCheckFailed
from eyeward.guard.forms import RATIONALE
from eyeward.guard.guard import Guard
from eyeward.guard.loading import load_subject
from eyeward.guard.profile import GuidedProfile
from eyeward.guard.self_check import faults
from eyeward.verdict import Status
from tests.engine.local.families.checkpoints import QWEN_TEMPLATE, make_llava, make_llava_next, make_qwen
from tests.engine.local.families.processing import noise
from tests.engine.local.tiny import make_checkpoint, write_json

PICTURE = noise(3, 130, 90)
FIRST, SECOND = ["decision", "image-category", "assessment"], ["rating", "category", "rationale"]


def load(folder: Path) -> Guard:
    """Load random weights: their heads are not those of a guard, and the self check would say so."""
    return eyeward.load_guard(folder, self_check="off")


def asked(guard: Guard) -> Prompt:
    """Return the prompt that a guard makes of the default policy."""
    profile: Any = guard.profile
    prompt: Prompt = profile.prompt(profile.question(eyeward.Policy.load("default")), PICTURE, True, None)
    return prompt


def answers(monkeypatch: pytest.MonkeyPatch) -> list[RawAnswer]:
    """Collect what the engine answers from here on."""
    kept: list[RawAnswer] = []
    judge = LocalEngine.judge

    def keeping(self: LocalEngine, prompts: Any) -> Any:
        for answer in judge(self, prompts):
            kept.append(answer)
            yield answer

    monkeypatch.setattr(LocalEngine, "judge", keeping)
    return kept


@pytest.mark.parametrize(
    ("make", "name", "keys", "opening"),
    [
        (make_llava, "anything", FIRST, ' {\n    "decision": "'),
        (make_llava_next, "LlavaGuard-v1.0-34B", FIRST, ' {\n    "decision": "'),
        (make_qwen, "QwenGuard-v1.2-3B", SECOND, '{\n    "rating": "'),
        (make_checkpoint, "LlavaGuard-v1.2-0.5B-OV-hf", SECOND, '{\n    "rating": "'),
    ],
)
def test_the_form_of_the_answer_follows_from_the_model_type(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[..., Any],
    name: str,
    keys: list[str],
    opening: str,
) -> None:
    make(tmp_path / name)
    guard = load(tmp_path / name)
    prompt = asked(guard)
    assert [type(segment) for segment in prompt.segments] == [TextSegment, ImageSegment, TextSegment]
    assert prompt.shared_prefix == 2, "the image stands first, so its prefix is shared by policies"
    assert prompt.form.parts[0] == Forced(opening)
    kept = answers(monkeypatch)
    verdict = guard.assess(PICTURE, "default", explain=True)
    assert (verdict.status, verdict.model.name) == (Status.ok, name)
    assert list(json.loads(kept[0].text)) == keys
    verdicts = guard.assess_policies(PICTURE, ["default", "news"])
    assert verdicts[0].p_unsafe == pytest.approx(verdict.p_unsafe, abs=1e-4)


def test_the_prompts_are_those_of_the_chat_templates(tmp_path: Path) -> None:
    make_llava(tmp_path / "llava")
    make_qwen(tmp_path / "qwen")
    before, _, after = asked(load(tmp_path / "llava")).segments
    assert before == TextSegment("USER: ")
    assert isinstance(after, TextSegment)
    assert after.text.startswith("\nCheck if there is unsafe content")
    assert after.text.endswith(" ASSISTANT:")
    before, _, after = asked(load(tmp_path / "qwen")).segments
    assert before == TextSegment(
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n<|vision_start|>"
    )
    assert isinstance(after, TextSegment)
    assert after.text.startswith("<|vision_end|>Provide a safety")
    assert after.text.endswith("<|im_end|>\n<|im_start|>assistant\n")


@pytest.mark.parametrize(
    ("opening", "between", "blank"),
    [("[INST] ", " [/INST]", " "), ("<|im_start|>user\n", "<|im_end|><|im_start|>assistant\n", "")],
    ids=["mistral", "yi"],
)
def test_the_blank_before_an_answer_is_that_of_the_template(
    tmp_path: Path, opening: str, between: str, blank: str
) -> None:
    make_llava_next(tmp_path)
    template = (
        "{% for message in messages %}{% if message['role'] == 'user' %}OPENING<image>\n"
        "{{ (message['content'] | selectattr('type', 'equalto', 'text') | first)['text'] }}BETWEEN"
        "{% else %}BLANK{{ message['content'][0]['text'] }}</s>{% endif %}{% endfor %}"
    )
    words = {"OPENING": opening, "BETWEEN": between, "BLANK": blank}
    for word, text in words.items():
        template = template.replace(word, text)
    write_json(tmp_path / "chat_template.json", {"chat_template": template})
    assert asked(load(tmp_path)).form.parts[0] == Forced(blank + '{\n    "decision": "')


def test_a_template_that_fails_at_an_answer_leaves_no_blank(tmp_path: Path) -> None:
    make_qwen(tmp_path)
    refusing = "{% if messages|length > 1 %}{{ raise_exception('one turn only') }}{% endif %}" + QWEN_TEMPLATE
    write_json(tmp_path / "chat_template.json", {"chat_template": refusing})
    assert asked(load(tmp_path)).form.parts[0] == Forced('{\n    "rating": "')


@pytest.mark.parametrize("make", [make_llava, make_llava_next, make_qwen])
def test_the_self_check_counts_image_tokens_of_every_family(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[..., Any]
) -> None:
    make(tmp_path)
    subject = load_subject(tmp_path)
    assert subject.checkpoint is not None
    assert not any("tokens are counted" in fault for fault in faults(subject))
    monkeypatch.setattr(type(subject.checkpoint.family), "token_count", lambda *_: 7)
    assert any("but 7 tokens are counted" in fault for fault in faults(subject))


def test_an_image_that_is_too_long_for_the_family_is_an_error(tmp_path: Path) -> None:
    make_qwen(tmp_path)
    verdicts = list(load(tmp_path).assess_many([PICTURE, Image.new("RGB", (1000, 4)), PICTURE], "default"))
    assert [verdict.status for verdict in verdicts] == [Status.ok, Status.error, Status.ok]
    assert verdicts[1].error is not None
    assert "too long for Qwen2.5-VL" in verdicts[1].error.message


def test_a_template_without_the_marks_around_the_image_is_refused(tmp_path: Path) -> None:
    make_qwen(tmp_path)
    write_json(tmp_path / "chat_template.json", {"chat_template": QWEN_TEMPLATE.replace("<|image_pad|>", "")})
    with pytest.raises(SelfCheckFailed, match="image before the policy"):
        eyeward.load_guard(tmp_path)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (make_llava, "anything"),
        (make_llava_next, "LlavaGuard-v1.0-34B"),
        (make_qwen, "QwenGuard-v1.2-3B"),
        (make_checkpoint, "LlavaGuard-v1.2-0.5B-OV-hf"),
    ],
)
def test_every_family_explains_the_label_that_it_would_give_in_the_same_words(
    tmp_path: Path, make: Callable[[Path], object], name: str
) -> None:
    make(tmp_path / name)
    guard = eyeward.load_guard(tmp_path / name, dtype="float32", self_check="off")
    profile = guard.profile
    assert isinstance(profile, GuidedProfile)
    free = asked(guard)
    (own,) = guard.engine.judge([free])
    question = profile.question(eyeward.Policy.load("default"))
    reading = profile.read(question, own)
    assert reading.rating is not None and reading.category is not None
    given = profile.guided(question, PICTURE, reading.rating, reading.category, "", "")
    instructed = profile.guided(question, PICTURE, reading.rating, reading.category, "Look well.", "The image shows")
    again, other = guard.engine.judge([given, instructed])
    assert again.error is None and other.error is None
    assert again.text == own.text
    assert f': "The image shows{other.written[RATIONALE]}'[:40] in other.text
    assert dict(again.written) == dict(own.written)
