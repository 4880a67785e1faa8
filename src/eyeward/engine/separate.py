"""Several questions about the same images that a model has to be asked one by one, and one answer made of theirs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from eyeward.engine.protocol import Engine, Prompt, RawAnswer, TokenCounts


@dataclass(frozen=True)
class SeparateQuestions(Prompt):
    """A prompt that stands for others. Their slots have different names, and make up its form."""

    questions: tuple[Prompt, ...] = ()


def judge_separately(engine: Engine, prompts: Sequence[Prompt]) -> Iterator[RawAnswer]:
    """Yield one answer per prompt, in order; separate questions are asked on their own and joined again."""
    flat = [question for prompt in prompts for question in _questions(prompt)]
    answers = iter(engine.judge(flat))
    for prompt in prompts:
        own = list(islice(answers, len(_questions(prompt))))
        if len(own) == len(_questions(prompt)):
            yield _joined(own) if isinstance(prompt, SeparateQuestions) else own[0]
    yield from answers


def _questions(prompt: Prompt) -> tuple[Prompt, ...]:
    return prompt.questions if isinstance(prompt, SeparateQuestions) else (prompt,)


def _joined(answers: Sequence[RawAnswer]) -> RawAnswer:
    """Join answers; one that failed is the failure of all."""
    failed = next((answer for answer in answers if answer.error is not None), None)
    if failed is not None:
        return failed
    counts = [answer.tokens for answer in answers]
    return RawAnswer(
        scores=tuple(scores for answer in answers for scores in answer.scores),
        written={slot: label for answer in answers for slot, label in answer.written.items()},
        text="\n".join(answer.text for answer in answers),
        unseen=max(answer.unseen for answer in answers),
        tokens=TokenCounts(
            sum(count.computed for count in counts),
            sum(count.cached for count in counts),
            sum(count.written for count in counts),
        ),
    )
