"""Responses of servers, in whatever schema, as one record; what is missing or makes no sense is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from eyeward.engine.protocol import TokenCounts
from eyeward.engine.remote.connection import Json, Unreadable

_ZERO = -9998.0
"""JSON has no minus infinity; vLLM writes -9999 for it."""
_ID = re.compile(r"token_id:(\d+)")


@dataclass(frozen=True, slots=True)
class Alternative:
    """A token that might stand at a place."""

    token: bytes
    log_probability: float
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A token that was written, and those that the server names beside it; itself among them."""

    token: bytes
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True)
class Completion:
    """What a server wrote."""

    text: str
    cut: bool
    """Whether it stopped at the limit of tokens."""
    steps: tuple[Step, ...]
    """Empty where the server names no probabilities."""
    tokens: TokenCounts


def read_chat(answer: Json) -> Completion:
    """Read a chat completion as OpenAI, vLLM, SGLang, LMDeploy and llama.cpp write it.

    Raises:
        Unreadable: when it is none.
    """
    choices = answer.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        raise Unreadable("The server's response does not hold one choice.")
    choice = choices[0]
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else None
    if not isinstance(text, str):
        raise Unreadable("The server's response holds no text.")
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    steps = tuple(_step(entry) for entry in content) if isinstance(content, list) else ()
    return Completion(text, choice.get("finish_reason") == "length", steps, _usage(answer.get("usage")))


def read_generation(answer: Json, ids: tuple[int, ...]) -> tuple[Completion, Mapping[int, float]]:
    """Read what SGLang's `/generate` wrote, and the log-probabilities of named tokens at its first place.

    Raises:
        Unreadable: when it is none, or does not name those tokens.
    """
    facts = answer.get("meta_info")
    text = answer.get("text")
    if not isinstance(facts, dict) or not isinstance(text, str):
        raise Unreadable("The server's response holds no text or no meta_info.")
    finish = facts.get("finish_reason")
    kind = finish.get("type") if isinstance(finish, dict) else finish
    prompt, cached, written = (_count(facts.get(k)) for k in ("prompt_tokens", "cached_tokens", "completion_tokens"))
    counts = TokenCounts(max(0, prompt - cached), cached, written)
    named: dict[int, float] = {}
    if ids:
        places = facts.get("output_token_ids_logprobs")
        first = places[0] if isinstance(places, list) and places else None
        for entry in first if isinstance(first, list) else []:
            if isinstance(entry, list | tuple) and len(entry) >= 2 and isinstance(entry[1], int):
                named[entry[1]] = _log_probability(entry[0])
        if not set(ids) <= set(named):
            raise Unreadable("The server's response does not name the probabilities of the labels.")
    return Completion(text, kind == "length", (), counts), named


def _step(entry: object) -> Step:
    if not isinstance(entry, dict):
        raise Unreadable("The server's log-probabilities have another schema than OpenAI's.")
    own = _alternative(entry)
    listed = entry.get("top_logprobs")
    others = [_alternative(other) for other in listed] if isinstance(listed, list) else []
    if not any(other.token == own.token and other.id == own.id for other in others):
        others.append(own)
    return Step(own.token, tuple(others))


def _alternative(entry: object) -> Alternative:
    if not isinstance(entry, dict) or not isinstance(entry.get("token"), str):
        raise Unreadable("The server's log-probabilities have another schema than OpenAI's.")
    token = str(entry["token"])
    number = _ID.fullmatch(token)
    spelled = entry.get("bytes")
    if isinstance(spelled, list) and all(isinstance(byte, int) and 0 <= byte < 256 for byte in spelled):
        content = bytes(spelled)
    else:
        content = token.encode("utf-8", "replace")
    return Alternative(content, _log_probability(entry.get("logprob")), int(number[1]) if number else None)


def _log_probability(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value) or value > 1e-3:
        raise Unreadable(f"The server names a log-probability that is none: {value!r}.")
    return -math.inf if value <= _ZERO else min(0.0, float(value))


def _usage(usage: object) -> TokenCounts:
    if not isinstance(usage, dict):
        return TokenCounts()
    details = usage.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else 0
    prompt = _count(usage.get("prompt_tokens"))
    return TokenCounts(max(0, prompt - cached), cached, _count(usage.get("completion_tokens")))


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
