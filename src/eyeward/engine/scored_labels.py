"""Answers that are scores of labels and no text: what detectors and moderation services give.

Each label is a slot of its own that holds yes or no, so that several labels may hold at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eyeward.engine.protocol import AnswerForm, Forced, LabelSlot, Part, RawAnswer, SlotScores

YES, NO = "yes", "no"


@dataclass(frozen=True, slots=True)
class YesNo:
    """The words of an answer."""

    yes: str = YES
    no: str = NO


PLAIN = YesNo()


def form_of(labels: Sequence[str], words: YesNo = PLAIN) -> AnswerForm:
    """Return the form of an answer that says yes or no to each label."""
    parts: list[Part] = [Forced("")]
    for label in labels:
        parts += [LabelSlot(label, (words.yes, words.no)), Forced("")]
    return AnswerForm(tuple(parts))


def answer_of(scores: Mapping[str, float], decided: Mapping[str, bool] | None = None) -> RawAnswer:
    """Return the answer that scores of labels, each from 0 to 1, amount to.

    Written is what who scored them `decided`, where that is known, or else the likelier.

    Raises:
        ValueError: when one is no probability.
    """
    wrong = [label for label, score in scores.items() if not 0.0 <= score <= 1.0]
    if wrong:
        raise ValueError(f"the score of {wrong[0]!r} is {scores[wrong[0]]}, which is no probability")
    return RawAnswer(
        scores=tuple(
            SlotScores(label, (), {YES: _log(score), NO: _log(1.0 - score)}) for label, score in scores.items()
        ),
        written={label: YES if (decided or {}).get(label, score >= 0.5) else NO for label, score in scores.items()},
    )


def scores_in(form: AnswerForm, answer: RawAnswer, words: YesNo = PLAIN) -> dict[str, float]:
    """Return the score of each label of a form.

    Raises:
        ValueError: when one is missing, or yes and no do not add up to one.
    """
    scores: dict[str, float] = {}
    for slot in form.label_slots:
        try:
            logs = answer.scores_of(slot.name)
            yes, no = math.exp(min(logs[words.yes], 0.0)), math.exp(min(logs[words.no], 0.0))
        except KeyError:
            raise ValueError(f"the answer does not score {slot.name!r}") from None
        if not abs(yes + no - 1.0) <= 1e-3:
            raise ValueError(f"yes and no to {slot.name!r} do not add up to one")
        scores[slot.name] = yes
    return scores


def _log(p: float) -> float:
    return math.log(p) if p > 0.0 else -math.inf
