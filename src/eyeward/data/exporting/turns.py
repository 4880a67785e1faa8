"""A sample as a question and its answer: the very words that a guard is asked with, and the JSON that it writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from eyeward.data.changes import worded
from eyeward.data.sample import Sample
from eyeward.engine.local.trie import in_json
from eyeward.engine.protocol import Forced, LabelSlot
from eyeward.errors import UsageError
from eyeward.guard.card import EyewardCard, PromptOrder, published_card
from eyeward.guard.forms import CATEGORY, RATING, AnswerWording
from eyeward.guard.loading import packaged_guards
from eyeward.policy.importer import IMAGE_MARK
from eyeward.policy.render import render
from eyeward.policy.schema import Policy
from eyeward.verdict import NA

MEDIA_MARKS = (IMAGE_MARK, "<video>", "<audio>")
"""What trainers replace by images, videos and sounds, wherever it stands."""
PUBLISHED = {"published-2025": "LlavaGuard-v1.2", "published-2024": "LlavaGuard-7B"}
"""Names of the two published forms, and a guard of each."""
_ASKED_IN_TURNS = ("llavaguard", "zero_shot")
"""Profiles that ask one question with a policy and an image, and are answered in JSON."""


@dataclass(frozen=True, slots=True)
class Turns:
    """What is asked, with a mark where the image stands, and what is answered."""

    prompt: str
    answer: str


def card_like(name: str) -> EyewardCard:
    """Return the card of a guard that conversations are to be worded for.

    `name` is a guard that ships, a folder with a checkpoint, or one of the published forms.

    Raises:
        UsageError: when it is none of them, or a guard that is asked in another way.
        CheckpointError: when its card cannot be read.
    """
    if name in PUBLISHED:
        return published_card(PUBLISHED[name])
    folder = packaged_guards().get(name) or Path(name)
    if not folder.is_dir():
        known = ", ".join((*packaged_guards(), *PUBLISHED))
        raise UsageError(f"There is no guard {name!r}; name one that ships or a form ({known}), or a folder.")
    card = EyewardCard.read(folder)
    if card.profile not in _ASKED_IN_TURNS:
        raise UsageError(f"{name!r} is asked by the profile {card.profile!r}, whose answers hold no rationale in JSON.")
    return card


def turns_of(sample: Sample, policy: Policy, card: EyewardCard, behind_image: str = "") -> Turns:
    """Return the conversation about a sample; `behind_image` parts the image from a policy that follows it."""
    text = render(worded(policy, sample.changes), card.wording).text + card.after_policy
    policy_first = card.order is PromptOrder.policy_first
    prompt = text + IMAGE_MARK if policy_first else IMAGE_MARK + behind_image + text
    return Turns(prompt, answer_of(sample, policy, card.answer))


def answer_of(sample: Sample, policy: Policy, wording: AnswerWording) -> str:
    """Return the answer that is right for a sample; without a rationale its key is left out."""
    category = wording.none_applies if sample.category == NA else sample.category
    held = {RATING: wording.word_for(sample.rating), CATEGORY: category}
    parts = wording.form(policy.labels).parts
    if sample.rationale is None:
        parts = (*parts[:-3], parts[-1])  # the last forced text begins with a closing quote, whichever slot it closes
    written = []
    for part in parts:
        if isinstance(part, Forced):
            written.append(part.text)
        else:
            written.append(in_json(held[part.name] if isinstance(part, LabelSlot) else sample.rationale or ""))
    return "".join(written)


def marks_in(turns: Turns) -> tuple[str, ...]:
    """Return the marks that stand in a conversation besides the one of its image: a trainer would want more media."""
    text = turns.prompt + turns.answer
    return tuple(mark for mark in MEDIA_MARKS if text.count(mark) > (mark == IMAGE_MARK))
