"""Questions that are asked one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from PIL import Image

from eyeward.engine.protocol import ImageSegment, Prompt, RawAnswer, TokenCounts
from eyeward.engine.scored_labels import answer_of, form_of
from eyeward.engine.separate import SeparateQuestions, judge_separately
from eyeward.errors import ErrorType
from eyeward.verdict import Failure
from tests.fakes import CAPABILITIES, FakeEngine

PICTURE = Image.new("RGB", (4, 4))


def single(name: str) -> Prompt:
    return Prompt((ImageSegment(0),), (PICTURE,), form_of((name,)))


def several(*names: str) -> SeparateQuestions:
    return SeparateQuestions(
        (ImageSegment(0),), (PICTURE,), form_of(names), questions=tuple(single(name) for name in names)
    )


def by_name(prompt: Prompt) -> RawAnswer:
    (slot,) = prompt.form.label_slots
    if slot.name == "broken":
        return RawAnswer(error=Failure(type=ErrorType.internal, message="broken"))
    answer = answer_of({slot.name: len(slot.name) / 10})
    return RawAnswer(scores=answer.scores, written=answer.written, unseen=0.1, tokens=TokenCounts(3, 2, 1))


def test_answers_come_back_to_their_prompts() -> None:
    engine = FakeEngine(by_name)
    answers = list(judge_separately(engine, [single("a"), several("bb", "ccc"), single("dddd")]))
    assert [[scores.slot for scores in answer.scores] for answer in answers] == [["a"], ["bb", "ccc"], ["dddd"]]
    assert answers[1].tokens == TokenCounts(6, 4, 2)
    assert answers[1].unseen == 0.1
    assert len(engine.calls) == 1


def test_one_failure_is_the_failure_of_all_and_of_no_other_prompt() -> None:
    answers = list(judge_separately(FakeEngine(by_name), [several("a", "broken"), several("a", "bb")]))
    assert [answer.error is None for answer in answers] == [False, True]


class Forgetful:
    """Loses the last answer, or adds one."""

    capabilities = CAPABILITIES

    def __init__(self, more: int) -> None:
        self.more = more

    def judge(self, prompts: Sequence[Prompt]) -> Iterator[RawAnswer]:
        answers = [by_name(prompt) for prompt in prompts]
        yield from (answers + answers[: self.more] if self.more > 0 else answers[: self.more])


@pytest.mark.parametrize("more", [-1, 1])
def test_an_engine_that_loses_or_adds_answers_is_noticed_by_their_number(more: int) -> None:
    prompts = [several("a", "bb"), several("a", "bb")]
    assert len(list(judge_separately(Forgetful(more), prompts))) == len(prompts) + more
