"""LLaVA conversations, the field's published form: the prompt holds the policy, the reply the label as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eyeward.data.importing.columns import image_in
from eyeward.data.importing.own import row_beside_turns
from eyeward.data.importing.row import Discard, Image, Record, Row, Unread, Url
from eyeward.data.importing.words import is_rating, policy_in
from eyeward.errors import PolicyError

RATING_KEYS = ("rating", "decision", "final-assessment", "final_assessment", "safety-label", "safety_label")
"""Every key that a rating has had, in replies and beside conversations."""
CATEGORY_KEYS = ("category", "image-category", "image_category")
RATIONALE_KEYS = ("rationale", "assessment", "explanation")
SEVERITY_KEYS = ("severity", "score")
_FENCE = re.compile(r"^```[a-z]*\s*|\s*```$")


@dataclass(frozen=True)
class Conversations:
    """How to read a row with conversations."""

    verbatim: bool = False
    """Keep the exact prompt in the policy, for weights that were trained on it."""

    def row(self, record: Record, folder: Path) -> Row | Unread:
        """Return the fields of a record; `folder` is where paths start from."""
        values, place = record.values, record.place
        image = _image(values, folder)
        if image is None:
            return Unread(place, Discard.no_image, f"{place} has no image.", values)
        if not isinstance(image, Path | bytes | Url):
            return Unread(place, Discard.several_images, f"{place} has {image} images; one can be judged.", values)
        turns = _turns(values.get("conversations") or values.get("messages"))
        if turns is None:
            return Unread(place, Discard.unreadable_row, f"{place} has turns that are no text.", values)
        known = row_beside_turns(record, image)
        if known is not None:
            return known
        answer = _answer(turns.reply) if turns.reply else {}
        if answer is None:
            message = f"{place}: the reply is no JSON object: {_shown(turns.reply)}."
            return Unread(place, Discard.unparsable_answer, message, values)
        try:
            policy = policy_in(turns.prompt, verbatim=self.verbatim) if _holds_policy(turns.prompt) else None
        except PolicyError as problem:
            return Unread(place, Discard.unreadable_policy, f"{place}: {problem.message}", values)
        rating = _first(RATING_KEYS, answer, values)
        rationale = _first(RATIONALE_KEYS, answer, values)
        if rating is None and rationale is not None and is_rating(rationale):
            rating, rationale = rationale, None  # `assessment` has been both
        return Row(
            place,
            image,
            rating=rating,
            category=_first(CATEGORY_KEYS, answer, values),
            severity=_first(SEVERITY_KEYS, answer, values),
            rationale=rationale,
            policy=policy,
            split=_first(("split",), values),
            side=record.side,
            annotator=_first(("annotator",), values),
            source=_first(("source",), values),
            licence=_first(("licence", "license"), values),
            group=_first(("group",), values),
            values=values,
        )


def looks_like_conversations(values: Mapping[str, object]) -> bool:
    """Return whether a record is a conversation."""
    return any(isinstance(values.get(key), list) for key in ("conversations", "messages"))


@dataclass(frozen=True, slots=True)
class _Turns:
    prompt: str
    reply: str


def _turns(conversations: object) -> _Turns | None:
    """Return the first question and the first reply; both roles in the words of LLaVA and of ShareGPT."""
    prompt = reply = ""
    for turn in conversations if isinstance(conversations, list) else ():
        if not isinstance(turn, Mapping):
            return None
        role = turn.get("from", turn.get("role"))
        text = turn.get("value", turn.get("content"))
        if not isinstance(text, str):
            return None
        if role in ("human", "user") and not prompt:
            prompt = text
        if role in ("gpt", "assistant") and not reply:
            reply = text
    return _Turns(prompt, reply)


def _answer(text: str) -> Mapping[str, object] | None:
    """Read a reply: strict JSON, or one object within a fence or behind some words, and nothing behind it."""
    bare = _FENCE.sub("", text.strip())
    start = bare.find("{")
    if start < 0:
        return None
    try:
        values, end = json.JSONDecoder(strict=False).raw_decode(bare, start)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) and not bare[end:].strip() else None


def _image(values: Mapping[str, object], folder: Path) -> Image | int | None:
    """Return the image, None, or how many images there are."""
    value = values.get("image") or values.get("images")
    if isinstance(value, list):
        if len(value) > 1:
            return len(value)
        value = value[0] if value else None
    url = values.get("url")
    return image_in(value, folder) or (Url(url) if isinstance(url, str) and url else None)


def _first(keys: tuple[str, ...], *places: Mapping[str, object]) -> str | None:
    for values in places:
        for key in keys:
            value = values.get(key)
            if isinstance(value, str) and value.strip():
                return value.strip()
    return None


def _holds_policy(prompt: str) -> bool:
    return re.search(r"^\W*[A-Za-z][\w.-]*: ", prompt, re.MULTILINE) is not None and "\n" in prompt


def _shown(text: str) -> str:
    flat = " ".join(text.split())
    return repr(flat if len(flat) <= 80 else flat[:80] + "…")
