"""Judging by short answers that are plain text: `unsafe` and a code below it, `Yes` or `No`.

The model answers as it was trained to, unconstrained, and the labels are scored where they stand in its answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eyeward.engine.branches import sum_of
from eyeward.engine.protocol import AnswerForm, Forced, LabelSlot, Part, Prompt, RawAnswer, SlotScores, TokenCounts
from eyeward.engine.remote.alternatives import Seen, label_scores, place_of
from eyeward.engine.remote.answer_text import Value
from eyeward.engine.remote.chat import user_message
from eyeward.engine.remote.connection import Json, Unreadable
from eyeward.engine.remote.constraints import asked_parts
from eyeward.engine.remote.negotiating import ChatRequests
from eyeward.engine.remote.repeating import twice
from eyeward.engine.remote.whole import NEGLIGIBLE, choose

_MORE = ",."
"""What may stand behind the last label: further labels, or the end of a sentence."""


@dataclass(frozen=True)
class _Written:
    text: str
    values: Mapping[str, str]
    seen: Mapping[str, Seen]
    tokens: TokenCounts


class PlainAnswers:
    """Asks once. Where the first slot might well hold another label, and the server can be held to it, once more."""

    def __init__(self, requests: ChatRequests) -> None:
        self._requests = requests

    async def answer(self, prompt: Prompt, images: Sequence[str]) -> RawAnswer:
        """Answer one prompt as the model does.

        Raises:
            RequestFailed: when it cannot be answered.
        """
        message = user_message(prompt, images)
        first, *later = prompt.form.label_slots
        preferred = await self._ask(prompt.form, message, {})
        ratings = preferred.seen[first.name]
        choose(prompt, first, ratings, {})  # refuses where what was not seen could decide
        scores = [SlotScores(first.name, (), ratings.log_probabilities)]
        tokens = [preferred.tokens]
        for label in first.labels if later else ():
            given = preferred
            if label != preferred.values[first.name]:
                likely = math.exp(ratings.log_probabilities[label]) >= NEGLIGIBLE
                several = any(len(slot.allowed({first.name: label})) > 1 for slot in later)
                if likely and several and self._requests.takes_any_form:
                    given = await self._ask(prompt.form, message, {first.name: (label,)})
                    tokens.append(given.tokens)
            scores += _later(later, first.name, label, given)
        return RawAnswer(
            scores=tuple(scores),
            written=preferred.values,
            text=preferred.text,
            unseen=ratings.unseen,
            tokens=sum_of(tokens),
        )

    async def _ask(self, form: AnswerForm, message: Json, held: Mapping[str, tuple[str, ...]]) -> _Written:
        parts = asked_parts(form, False, held)

        async def once(times: int) -> _Written:
            completion = await self._requests.ask(message, parts, times, constrained=bool(held))
            values = read_plain(completion.text, parts)
            written = {name: value.content for name, value in values.items()}
            seen = {}
            for slot in (part for part in parts if isinstance(part, LabelSlot)):
                allowed = slot.allowed(written)
                if len(allowed) > 1:
                    begin = place_of(completion.steps, completion.text, values[slot.name].start)
                    seen[slot.name] = label_scores(allowed, completion.steps, begin, closing="")
            return _Written(completion.text, written, seen, completion.tokens)

        return await twice(once)


def read_plain(text: str, parts: Sequence[Part]) -> Mapping[str, Value]:
    """Return what each slot of a plain answer holds; blanks between the parts do not matter.

    Raises:
        Unreadable: when the text is not an answer of this form.
    """
    found: dict[str, Value] = {}
    at = 0
    for part in parts:
        at = len(text) - len(text[at:].lstrip())
        if isinstance(part, Forced):
            wanted = part.text.strip()
            if not text.startswith(wanted, at):
                raise Unreadable(f"The answer lacks {wanted!r}: {text[:200]!r}.")
            at += len(wanted)
        elif isinstance(part, LabelSlot):
            held = {name: value.content for name, value in found.items()}
            fitting = [label for label in part.allowed(held) if text.startswith(label, at)]
            if not fitting:
                raise Unreadable(f"The answer has no {part.name} where one should stand: {text[:200]!r}.")
            label = max(fitting, key=len)
            found[part.name] = Value(label, at)
            at += len(label)
    rest = text[at:].strip()
    if rest and rest[0] not in _MORE:
        raise Unreadable(f"Something stands behind the answer: {text[:200]!r}.")
    return found


def _later(later: Sequence[LabelSlot], first: str, label: str, given: _Written) -> list[SlotScores]:
    """Score the later slots given a label of the first; evenly where the model was not heard on it."""
    scores = []
    for slot in later:
        labels = slot.allowed({first: label})
        known = given.values[first] == label and slot.name in given.seen
        even = dict.fromkeys(labels, -math.log(len(labels)))
        logs = given.seen[slot.name].log_probabilities if known else even
        scores.append(SlotScores(slot.name, ((first, label),), logs))
    return scores
