"""Guesses come from the prompt, spare passes, and change nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from eyeward.engine.local.checkpoint import load_checkpoint
from eyeward.engine.local.drafts import LONGEST, draft
from eyeward.engine.local.engine import LocalEngine
from eyeward.engine.protocol import Prompt, RawAnswer
from tests.engine.local.questions import picture, prompt
from tests.engine.local.tiny import make_checkpoint

Draft = Callable[[tuple[int, ...], Sequence[int]], tuple[int, ...]]


def test_a_guess_is_what_followed_the_last_two_tokens_when_they_stood_there_last() -> None:
    assert draft((1, 2, 3, 9, 1, 2, 4, 5), (7, 1, 2)) == (4, 5)


def test_one_token_is_enough_where_it_stands_once() -> None:
    assert draft((1, 2, 3, 2), (8, 3)) == (2,)
    assert draft((1, 2, 3, 2), (8, 2)) == ()
    assert draft((1, 2), ()) == ()
    assert len(draft(tuple(range(100)), (5,))) == LONGEST


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> LocalEngine:
    folder: Path = tmp_path_factory.mktemp("tiny")
    make_checkpoint(folder)
    return LocalEngine(load_checkpoint(folder))


def answers(engine: LocalEngine, prompts: Sequence[Prompt], guess: Draft) -> tuple[list[RawAnswer], int]:
    """Answer with other guesses; count the passes of the language model."""
    passes = 0
    language: Any = engine._decoder._language
    run = language.run

    def counting(*args: Any) -> Any:
        nonlocal passes
        passes += 1
        return run(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eyeward.engine.local.writing.draft", guess)
        patch.setattr(language, "run", counting)
        return list(engine.judge(prompts)), passes


@pytest.mark.parametrize("right", [0, 2, 5])
def test_right_and_wrong_guesses_give_the_same_text_in_fewer_passes(engine: LocalEngine, right: int) -> None:
    prompts = [prompt(picture(seed, 60 + 50 * seed), explain=True) for seed in range(3)]
    plain, most = answers(engine, prompts, lambda source, text: ())
    known = [list(answer.token_ids) for answer in plain]

    def oracle(source: tuple[int, ...], text: Sequence[int]) -> tuple[int, ...]:
        """Guess so many tokens right, then wrong ones."""
        for ids in known:
            for place in range(len(ids) - len(text)):
                if ids[place : place + len(text)] == list(text):
                    end = place + len(text)
                    return (*ids[end : end + right], 1, 2)
        return (1, 2, 3)

    guided, passes = answers(engine, prompts, oracle)
    assert [answer.text for answer in guided] == [answer.text for answer in plain]
    assert [answer.token_ids for answer in guided] == [answer.token_ids for answer in plain]
    assert passes < most if right else passes == most
