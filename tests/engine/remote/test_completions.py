"""Responses in the schemas of servers are read; what is missing or makes no sense is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest

from eyeward.engine.protocol import TokenCounts
from eyeward.engine.remote.completions import read_chat, read_generation
from eyeward.engine.remote.connection import Unreadable


def chat(**choice: Any) -> dict[str, Any]:
    return {
        "choices": [{"index": 0, "message": {"content": "Safe"}, "finish_reason": "stop", **choice}],
        "usage": {"prompt_tokens": 90, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 80}},
    }


def test_a_chat_completion_is_read() -> None:
    entry = {
        "token": "Safe",
        "logprob": -0.1,
        "bytes": [83, 97, 102, 101],
        "top_logprobs": [{"token": "token_id:7", "logprob": -2.0, "bytes": [85]}],
    }
    completion = read_chat(chat(logprobs={"content": [entry]}, finish_reason="length"))
    assert (completion.text, completion.cut) == ("Safe", True)
    assert completion.tokens == TokenCounts(computed=10, cached=80, written=3)
    (step,) = completion.steps
    assert [(a.token, a.log_probability, a.id) for a in step.alternatives] == [(b"U", -2.0, 7), (b"Safe", -0.1, None)]


def test_the_smallest_number_that_vllm_writes_is_zero() -> None:
    completion = read_chat(chat(logprobs={"content": [{"token": "a", "logprob": -9999.0}]}))
    assert completion.steps[0].alternatives[0].log_probability == -math.inf


def test_counts_that_are_missing_are_zero() -> None:
    answer = chat()
    del answer["usage"]
    assert read_chat(answer).tokens == TokenCounts()
    assert read_chat({**answer, "usage": {"prompt_tokens": 5, "prompt_tokens_details": None}}).tokens.computed == 5


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"choices": []},
        {"choices": [{}, {}]},
        {"choices": [None]},
        chat(message=None),
        chat(message={"content": None}),
        chat(logprobs={"content": [7]}),
        chat(logprobs={"content": [{"token": "a"}]}),
        chat(logprobs={"content": [{"token": "a", "logprob": math.nan}]}),
        chat(logprobs={"content": [{"token": "a", "logprob": 0.5}]}),
        chat(logprobs={"content": [{"token": "a", "logprob": True}]}),
        chat(logprobs={"content": [{"token": "a", "logprob": -1, "top_logprobs": [{"logprob": -1}]}]}),
    ],
)
def test_a_chat_completion_that_makes_no_sense_is_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        read_chat(answer)


def generation(**facts: Any) -> dict[str, Any]:
    return {
        "text": "S",
        "meta_info": {
            "prompt_tokens": 90,
            "cached_tokens": 80,
            "completion_tokens": 1,
            "finish_reason": {"type": "length", "length": 1},
            "output_token_ids_logprobs": [[[-0.5, 3, None], [-1.5, 4, None]]],
            **facts,
        },
    }


def test_what_sglang_generates_is_read() -> None:
    completion, named = read_generation(generation(), (4, 3))
    assert (completion.cut, completion.tokens) == (True, TokenCounts(10, 80, 1))
    assert named == {3: -0.5, 4: -1.5}
    assert read_generation({"text": "", "meta_info": {"finish_reason": None}}, ())[1] == {}


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"text": "a"},
        {"meta_info": {}},
        generation(output_token_ids_logprobs=None),
        generation(output_token_ids_logprobs=[[[-0.5, 3, None]]]),
        generation(output_token_ids_logprobs=[[[None, 3, None], [-1.0, 4, None]]]),
    ],
)
def test_generations_without_the_labels_are_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        read_generation(answer, (3, 4))
