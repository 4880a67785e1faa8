"""Judging by whole answers: one for each label of the first slot, with probabilities from the alternatives in it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from eyeward.engine.branches import sum_of
from eyeward.engine.protocol import LabelSlot, Prompt, RawAnswer, SlotScores, TextSlot, TokenCounts
from eyeward.engine.remote.alternatives import Seen, label_scores, place_of
from eyeward.engine.remote.answer_text import Value, read_answer
from eyeward.engine.remote.chat import user_message
from eyeward.engine.remote.completions import Completion
from eyeward.engine.remote.connection import Json, Unreadable
from eyeward.engine.remote.constraints import asked_parts, longest_answer, most_characters
from eyeward.engine.remote.negotiating import ChatRequests
from eyeward.engine.remote.repeating import twice

NEGLIGIBLE = 0.005
"""Probability that labels may share, because they begin alike, without being asked for on their own."""


@dataclass(frozen=True)
class _Written:
    """An answer that was checked, with the scores of each slot given what stands before it."""

    text: str
    values: Mapping[str, str]
    seen: Mapping[str, Seen]
    cut: bool
    tokens: TokenCounts


class WholeAnswers:
    """Asks for answers in one piece. The scores of later slots are wanted given every label of the first one, so that
    the rating rule can choose: the answer that the model prefers comes first, then one held to each other label. Where
    all labels are given, one answer is asked for.
    """

    def __init__(self, requests: ChatRequests) -> None:
        self._requests = requests

    async def answer(self, prompt: Prompt, images: Sequence[str]) -> RawAnswer:
        """Answer one prompt.

        Raises:
            RequestFailed: when it cannot be answered.
        """
        message = user_message(prompt, images)
        first = prompt.form.label_slots[0]
        preferred = await self._ask(prompt, message, prompt.explain, {})
        if not preferred.seen:
            return _given(prompt, preferred)
        written = {preferred.values[first.name]: preferred}
        for label in first.labels:
            if label not in written:
                written[label] = await self._ask(prompt, message, False, {first.name: (label,)})
            written[label] = await self._divided(prompt, message, first.name, written[label])
        ratings = preferred.seen[first.name]
        label = choose(prompt, first, ratings, written)
        chosen = written[label]
        asked = [written[other] for other in first.labels]
        if prompt.explain and label != preferred.values[first.name]:
            chosen = await self._ask(prompt, message, True, {first.name: (label,)})
            asked.append(chosen)
        scores = [SlotScores(first.name, (), ratings.log_probabilities)]
        for other in first.labels:
            scores += _later_scores(prompt, written[other], first.name)
        return RawAnswer(
            scores=tuple(scores),
            written=chosen.values,
            text=chosen.text,
            unseen=ratings.unseen,
            tokens=sum_of([answer.tokens for answer in asked]),
            cut=chosen.cut,
        )

    async def _divided(self, prompt: Prompt, message: Json, first: str, written: _Written) -> _Written:
        """Ask again among labels that begin alike, where the likelihood of all of them together is worth it."""
        for slot, seen in written.seen.items():
            for labels, share in seen.shared.items():
                if slot == first or share < NEGLIGIBLE:
                    continue
                held = {
                    name: (value,) for name, value in written.values.items() if name in written.seen or name == first
                }
                among = await self._ask(prompt, message, False, {**held, slot: labels})
                divided = written.seen[slot].with_shared(labels, among.seen[slot].log_probabilities)
                written = replace(
                    written,
                    seen={**written.seen, slot: divided},
                    tokens=sum_of([written.tokens, among.tokens]),
                )
        return written

    async def _ask(self, prompt: Prompt, message: Json, explain: bool, held: Mapping[str, tuple[str, ...]]) -> _Written:
        return await twice(lambda times: self._ask_once(prompt, message, explain, held, seed=times))

    async def _ask_once(
        self, prompt: Prompt, message: Json, explain: bool, held: Mapping[str, tuple[str, ...]], seed: int
    ) -> _Written:
        parts = asked_parts(prompt.form, explain, held)
        completion = await self._requests.ask(message, parts, seed)
        if completion.cut:
            raise Unreadable(
                f"The answer was not finished after {completion.tokens.written or longest_answer(parts)} tokens: "
                f"{self._requests.connection.clean(completion.text)!r}."
            )
        values = read_answer(completion.text, parts)
        contents = {name: value.content for name, value in values.items()}
        slots = [part for part in parts if isinstance(part, LabelSlot) and len(part.allowed(contents)) > 1]
        text = next((part for part in parts if isinstance(part, TextSlot)), None)
        return _Written(
            text=completion.text,
            values=contents,
            seen={slot.name: _seen(completion, slot, values) for slot in slots},
            cut=text is not None and len(contents[text.name]) >= most_characters(text),
            tokens=completion.tokens,
        )


def _given(prompt: Prompt, answer: _Written) -> RawAnswer:
    """Return an answer whose labels left nothing to choose."""
    first = prompt.form.label_slots[0].name
    return RawAnswer(
        scores=(SlotScores(first, (), {answer.values[first]: 0.0}), *_later_scores(prompt, answer, first)),
        written=answer.values,
        text=answer.text,
        tokens=answer.tokens,
        cut=answer.cut,
    )


def _seen(completion: Completion, slot: LabelSlot, values: Mapping[str, Value]) -> Seen:
    held = {name: value.content for name, value in values.items()}
    begin = place_of(completion.steps, completion.text, values[slot.name].start)
    return label_scores(slot.allowed(held), completion.steps, begin)


def choose(prompt: Prompt, first: LabelSlot, ratings: Seen, written: Mapping[str, _Written]) -> str:
    """Choose the label of the first slot as the rating rule says, or the likeliest.

    Raises:
        Unreadable: when the positive label was not seen and what was not seen could decide.
    """
    rule = prompt.rating_rule
    logs = ratings.log_probabilities
    if rule is None:
        label = max(first.labels, key=lambda each: logs[each])
        if ratings.unseen > math.exp(logs[label]):
            raise Unreadable(_too_little(ratings))
        return label
    category = None
    if rule.category_slot is not None:
        behind = written[rule.positive].seen.get(rule.category_slot)
        if behind is not None:
            category = max(behind.log_probabilities, key=lambda each: behind.log_probabilities[each])
    p = math.exp(logs[rule.positive])
    label = rule.label(rule.calibrated(p, category))
    if p == 0.0 and label != rule.label(rule.calibrated(ratings.unseen, category)):
        raise Unreadable(_too_little(ratings))
    return label


def _too_little(ratings: Seen) -> str:
    return (
        f"The server named too few alternatives to decide: {ratings.unseen:.0%} of the probability was not seen. Use a "
        "server that scores labels by name (vLLM, SGLang)."
    )


def _later_scores(prompt: Prompt, answer: _Written, first: str) -> list[SlotScores]:
    scores: list[SlotScores] = []
    given: list[tuple[str, str]] = []
    for slot in prompt.form.label_slots:
        if slot.name != first:
            seen = answer.seen.get(slot.name)
            logs = {answer.values[slot.name]: 0.0} if seen is None else seen.log_probabilities
            scores.append(SlotScores(slot.name, tuple(given), logs))
        given.append((slot.name, answer.values[slot.name]))
    return scores
