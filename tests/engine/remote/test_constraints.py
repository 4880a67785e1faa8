"""Every form of an answer is told to servers so that all its answers fit and nothing else does."""

from __future__ import annotations

import itertools
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeward.engine.protocol import AnswerForm, Forced, LabelSlot, TextSlot
from eyeward.engine.remote.constraints import (
    asked_parts,
    grammar,
    json_schema,
    keys,
    leads,
    longest_answer,
    regex,
    text_regex,
)
from eyeward.guard.forms import COMPACT, PUBLISHED_2024_ANSWER, PUBLISHED_2025_ANSWER, AnswerWording
from eyeward.verdict import NA, Rating

LABELS = ("O1: Hate (any)", "O2: Violence, Harm", 'O3: "Quoted" \\ [x]')
FORMS = [COMPACT, PUBLISHED_2025_ANSWER, PUBLISHED_2024_ANSWER]


def answers(wording: AnswerWording, rationale: str | None) -> list[tuple[str, bool]]:
    """Return every answer as JSON writes it, and whether it may stand."""
    found = []
    for rating, label in itertools.product((wording.safe, wording.unsafe), (*LABELS, wording.none_applies)):
        content = {wording.rating_key: rating, wording.category_key: label}
        if rationale is not None:
            content[wording.rationale_key] = rationale
        text = json.dumps(content, ensure_ascii=False, indent=wording.indent)
        found.append((text, not (rating == wording.unsafe and label == NA)))
    return found


@pytest.mark.parametrize("wording", FORMS)
@pytest.mark.parametrize("rationale", [None, "Because.", 'A "quote", a\nline, ü.'])
def test_the_regular_expression_takes_exactly_the_answers(wording: AnswerWording, rationale: str | None) -> None:
    pattern = re.compile(regex(asked_parts(wording.form(LABELS), rationale is not None, {})))
    for text, allowed in answers(wording, rationale):
        assert (pattern.fullmatch(text) is not None) is allowed
        assert pattern.fullmatch(text.replace(": ", ":  ", 1)) is None
        assert pattern.fullmatch(text + " ") is None


@given(st.text(max_size=40))
def test_free_text_that_fits_is_always_the_inside_of_a_json_string(text: str) -> None:
    inside = json.dumps(text, ensure_ascii=False)[1:-1]
    for candidate in (text, inside):
        if re.fullmatch(text_regex(TextSlot("why"), '"}'), candidate + '"}'):
            assert isinstance(json.loads(f'"{candidate}"'), str)


def test_free_text_is_capped() -> None:
    parts = asked_parts(COMPACT.model_copy(update={"rationale_tokens": 2}).form(LABELS), True, {})
    pattern = re.compile(regex(parts))
    assert pattern.fullmatch(answers(COMPACT, "x" * 8)[0][0])
    assert not pattern.fullmatch(answers(COMPACT, "x" * 9)[0][0])


def test_a_slot_can_be_held_to_some_labels() -> None:
    parts = asked_parts(COMPACT.form(LABELS), False, {"rating": ("Safe",), "category": LABELS[:2]})
    fitting = [text for text, _ in answers(COMPACT, None) if re.fullmatch(regex(parts), text)]
    assert len(fitting) == 2
    schema = json_schema(parts, max_length=True)
    assert schema["properties"] == {
        "rating": {"type": "string", "enum": ["Safe"]},
        "category": {"type": "string", "enum": list(LABELS[:2])},
    }


def test_the_schema_of_an_unsafe_answer_leaves_out_that_none_applies() -> None:
    parts = asked_parts(COMPACT.form(LABELS), True, {"rating": ("Unsafe",)})
    schema = json_schema(parts, max_length=True)
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["rating", "category", "rationale"]
    properties = schema["properties"]
    assert isinstance(properties, dict)
    assert NA not in properties["category"]["enum"]
    assert properties["rationale"]["maxLength"] == 1024
    bare = json_schema(parts, max_length=False)["properties"]
    assert isinstance(bare, dict)
    assert "maxLength" not in bare["rationale"]


def test_the_grammar_spells_the_layout() -> None:
    text = grammar(asked_parts(PUBLISHED_2025_ANSWER.form(LABELS), True, {}))
    assert text.startswith(
        r'root ::= "{\n    \"rating\": \"" ( "Unsafe" "\",\n    \"category\": \"" ( "O1: Hate (any)" | '
    )
    assert r'"O3: \\\"Quoted\\\" \\\\ [x]"' in text
    assert "character{1,1024}" in text
    assert text.count(NA) == 1


@pytest.mark.parametrize("wording", FORMS)
@pytest.mark.parametrize("explain", [True, False])
def test_the_limit_of_tokens_leaves_room_for_one_a_byte(wording: AnswerWording, explain: bool) -> None:
    rationale = "x" * 1024 if explain else None
    most = longest_answer(asked_parts(wording.form(LABELS), explain, {}))
    assert max(len(text.encode()) for text, _ in answers(wording, rationale)) <= most


def test_keys_name_their_slots_and_other_forms_are_refused() -> None:
    assert keys(PUBLISHED_2024_ANSWER.form(LABELS).parts) == {
        "decision": "rating",
        "image-category": "category",
        "assessment": "rationale",
    }
    listed = AnswerForm((Forced('["'), LabelSlot("rating", ("a", "b")), Forced('"]')))
    with pytest.raises(ValueError, match="flat JSON"):
        keys(listed.parts)


def test_a_string_that_is_begun_is_told_as_it_begins() -> None:
    parts = COMPACT.guided(Rating.Safe, LABELS[0], 'The "image" shows').parts
    assert keys(parts) == {"rating": "rating", "category": "category", "rationale": "rationale"}
    assert leads(parts) == {"rationale": 'The "image" shows'}
    assert leads(COMPACT.form(LABELS).parts) == {}
    (content, _), *_ = answers(COMPACT, 'The "image" shows a dog.')
    assert re.fullmatch(regex(parts), content)
    assert not re.fullmatch(regex(parts), content.replace("shows", "hides"))
    assert r"The \\\"image\\\" shows" in grammar(parts)
    properties = json_schema(parts, max_length=True)["properties"]
    assert isinstance(properties, dict)
    assert properties["rating"] == {"type": "string", "enum": ["Safe"]}
    assert properties["rationale"]["maxLength"] == 1024 + len('The "image" shows')
