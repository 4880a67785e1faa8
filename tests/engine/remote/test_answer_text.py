"""Answers from elsewhere are read strictly, then once with tolerance, and never guessed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeward.engine.remote.answer_text import read_answer
from eyeward.engine.remote.connection import Unreadable
from eyeward.engine.remote.constraints import asked_parts
from eyeward.guard.forms import COMPACT
from eyeward.verdict import Rating

LABELS = ("O1: Hate", "O2: Violence")
PARTS = asked_parts(COMPACT.form(LABELS), True, {})
GOOD = '{"rating": "Unsafe", "category": "O1: Hate", "rationale": "Because \\"so\\"."}'


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"  {GOOD}\n",
        json.dumps(json.loads(GOOD), indent=4),
        f"```json\n{GOOD}\n```",
        f"Here is my verdict: {GOOD}",
        GOOD.replace(", ", ",").replace(": ", ":").replace("O1:", "O1: "),
    ],
)
def test_an_answer_is_found_and_its_values_are_placed(text: str) -> None:
    found = read_answer(text, PARTS)
    assert {name: value.content for name, value in found.items()} == {
        "rating": "Unsafe",
        "category": "O1: Hate",
        "rationale": 'Because "so".',
    }
    assert text[found["category"].start :].startswith("O1: Hate")
    assert text[found["rating"].start - 1] == '"'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Safe",
        "{}",
        "null",
        GOOD[:-1],
        GOOD[:30],
        GOOD + "x",
        GOOD + GOOD,
        GOOD.replace("Unsafe", "unsafe"),
        GOOD.replace("Unsafe", "Safe or not"),
        GOOD.replace("O1: Hate", "NA: None applying"),
        GOOD.replace("O1: Hate", "O3: Other"),
        GOOD.replace('"O1: Hate"', "1"),
        GOOD.replace('"O1: Hate"', '["O1: Hate"]'),
        GOOD.replace('"rationale"', '"reason"'),
        GOOD.replace('"category": "O1: Hate", ', ""),
        GOOD.replace("}", ', "more": "x"}'),
        GOOD.replace("}", ', "rating": "Safe"}'),
        GOOD.replace('Because \\"so\\".', "  "),
        GOOD.replace("so", "\\ud800"),
        GOOD.replace("so", "a\nb"),
        '{"rating": ' + " " * 500,
        "{" * 5000,
    ],
)
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        read_answer(text, PARTS)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        read_answer(text, PARTS)


@given(st.integers(0, len(GOOD) - 1), st.characters())
def test_a_changed_character_never_turns_the_rating(place: int, character: str) -> None:
    text = GOOD[:place] + character + GOOD[place + 1 :]
    try:
        found = read_answer(text, PARTS)
    except Unreadable:
        return
    assert found["rating"].content == "Unsafe"


def test_what_is_forced_at_the_beginning_of_a_text_is_checked_and_is_no_part_of_it() -> None:
    parts = COMPACT.guided(Rating.Unsafe, LABELS[0], "Because").parts
    found = read_answer(GOOD, parts)
    assert found["rationale"].content == ' "so".'
    for other in (GOOD.replace("Because", "As"), GOOD.replace(' \\"so\\".', " "), GOOD.replace("Hate", "Violence")):
        with pytest.raises(Unreadable):
            read_answer(other, parts)
