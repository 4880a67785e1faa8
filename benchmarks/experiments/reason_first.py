"""Rationale before rating: what the paper's answer form rules out, for comparison.

Training puts the rationale first in the answer. Asking takes two turns of the engine: one writes the rationale, the
other scores rating and category behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eyeward.data.sample import Sample
from eyeward.engine.local.trie import in_json
from eyeward.engine.protocol import AnswerForm, Forced, Prompt, RawAnswer, TextSlot
from eyeward.guard.forms import CATEGORY, RATING, RATIONALE
from eyeward.train.tuning.lessons import Teaching
from eyeward.train.tuning.run import Tuning

RATIONALE_TOKENS = 96


def reason_form(form: AnswerForm) -> AnswerForm:
    """Return the first turn: an answer that ends with its rationale."""
    lead = form.parts[0].text.partition("{")[0] if isinstance(form.parts[0], Forced) else ""
    return AnswerForm(
        (Forced(f'{lead}{{"{RATIONALE}": "'), TextSlot(RATIONALE, RATIONALE_TOKENS), Forced(f'", "{RATING}": "'))
    )


def rating_form(form: AnswerForm, rationale: str) -> AnswerForm:
    """Return the second turn: rating and category behind a rationale."""
    lead = form.parts[0].text.partition("{")[0] if isinstance(form.parts[0], Forced) else ""
    rating, category = form.label_slots
    return AnswerForm(
        (
            Forced(f'{lead}{{"{RATIONALE}": "{in_json(rationale)}", "{RATING}": "'),
            rating,
            Forced(f'", "{CATEGORY}": "'),
            category,
            Forced('"}'),
        )
    )


class ReasonFirstTeaching(Teaching):
    """Lessons whose answers begin with the rationale."""

    def form(self, form: AnswerForm, sample: Sample) -> AnswerForm:
        """Return the second turn."""
        return rating_form(form, sample.rationale or "")


class ReasonFirstTuning(Tuning):
    """Tuning with such lessons."""

    def teaching(self, checkpoint: Any) -> Teaching:
        """Make lessons of the other order."""
        return ReasonFirstTeaching(checkpoint, self.card, True)


@dataclass(frozen=True)
class ReasonFirstEngine:
    """Asks another engine in two turns, and answers as if the rationale stood last."""

    engine: Any

    @property
    def capabilities(self) -> Any:
        """Those of the engine."""
        return self.engine.capabilities

    def judge(self, prompts: Sequence[Prompt]) -> Iterator[RawAnswer]:
        """Yield one answer per prompt, in order."""
        plain = [replace(prompt, explain=True, rating_rule=None, feature_layers=()) for prompt in prompts]
        reasons = list(self.engine.judge([replace(prompt, form=reason_form(prompt.form)) for prompt in plain]))
        asked = [
            replace(prompt, form=rating_form(prompt.form, reason.written.get(RATIONALE, "")), explain=False)
            for prompt, reason in zip(prompts, reasons, strict=True)
        ]
        for reason, answer in zip(reasons, self.engine.judge(asked), strict=True):
            if reason.error is not None or answer.error is not None:
                yield RawAnswer(error=reason.error or answer.error)
            else:
                yield replace(answer, written={**answer.written, RATIONALE: reason.written[RATIONALE]})
