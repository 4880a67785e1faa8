"""Guesses how free text goes on from what the prompt says, because rationales quote the policy.

A guess is only ever checked, never believed: text that was guessed is the text that would have been written anyway, in
fewer passes (Saxena, "Prompt lookup decoding", 2023).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

LONGEST = 8
"""Tokens of a guess."""


def draft(prompt: tuple[int, ...], text: Sequence[int]) -> tuple[int, ...]:
    """Guess how a text goes on: as its last two tokens do in the prompt, or its last one where that is there once."""
    pairs, singles = _followers(prompt)
    place = pairs.get((text[-2], text[-1])) if len(text) > 1 else None
    if place is None and text:
        place = singles.get(text[-1])
    return () if place is None else prompt[place : place + LONGEST]


@lru_cache(maxsize=64)
def _followers(prompt: tuple[int, ...]) -> tuple[Mapping[tuple[int, int], int], Mapping[int, int]]:
    """Index where a prompt goes on after each pair of tokens (the last time) and each token that is there once."""
    pairs = {pair: place + 2 for place, pair in enumerate(zip(prompt, prompt[1:], strict=False))}
    counts: dict[int, int] = {}
    for token in prompt:
        counts[token] = counts.get(token, 0) + 1
    singles = {token: place + 1 for place, token in enumerate(prompt) if counts[token] == 1}
    return pairs, singles
