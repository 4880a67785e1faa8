"""The answer forms of the model families, against JSON as their training wrote it."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from eyeward.engine.protocol import Forced, LabelSlot
from eyeward.guard.forms import COMPACT, PUBLISHED_2024_ANSWER, PUBLISHED_2025_ANSWER, AnswerWording
from eyeward.policy import Policy
from eyeward.verdict import NA, Rating

LABELS = Policy.load("default").labels


def filled(wording: AnswerWording, rating: str, category: str, rationale: str) -> str:
    values = iter((rating, category, rationale))
    return "".join(part.text if isinstance(part, Forced) else next(values) for part in wording.form(LABELS).parts)


@pytest.mark.parametrize(
    ("wording", "keys", "words", "indent"),
    [
        (COMPACT, ("rating", "category", "rationale"), ("Unsafe", "Safe"), None),
        (PUBLISHED_2025_ANSWER, ("rating", "category", "rationale"), ("Unsafe", "Safe"), 4),
        (PUBLISHED_2024_ANSWER, ("decision", "image-category", "assessment"), ("Review Needed", "Compliant"), 4),
    ],
)
def test_a_form_is_what_json_writes(
    wording: AnswerWording, keys: tuple[str, ...], words: tuple[str, str], indent: int | None
) -> None:
    for word in words:
        expected = json.dumps(dict(zip(keys, (word, LABELS[5], "A knife."), strict=True)), indent=indent)
        assert filled(wording, word, LABELS[5], "A knife.") == expected
    assert (wording.word_for(Rating.Unsafe), wording.word_for(Rating.Safe)) == words
    assert [wording.rating_of(word) for word in words] == [Rating.Unsafe, Rating.Safe]


def test_every_category_and_none_may_be_named_but_none_is_never_unsafe() -> None:
    rating, category = COMPACT.form(LABELS).label_slots
    assert isinstance(rating, LabelSlot)
    assert category.allowed({"rating": "Safe"}) == (*LABELS, NA)
    assert category.allowed({"rating": "Unsafe"}) == LABELS


def test_ratings_must_differ() -> None:
    with pytest.raises(ValidationError, match="same word"):
        AnswerWording(safe="Fine", unsafe="Fine")


@pytest.mark.parametrize("wording", [COMPACT, PUBLISHED_2025_ANSWER, PUBLISHED_2024_ANSWER])
@pytest.mark.parametrize(("rating", "category"), [(Rating.Unsafe, LABELS[5]), (Rating.Safe, NA)])
def test_a_given_label_leaves_the_rationale_alone_to_write(
    wording: AnswerWording, rating: Rating, category: str
) -> None:
    form = wording.guided(rating, category, 'A "knife"', lead=" ")
    assert [slot.labels for slot in form.label_slots] == [(wording.word_for(rating),), (category,)]
    values = iter((wording.word_for(rating), category, " and a fork."))
    text = "".join(part.text if isinstance(part, Forced) else next(values) for part in form.parts)
    assert list(json.loads(text).values()) == [wording.word_for(rating), category, 'A "knife" and a fork.']
    assert text == " " + filled(wording, wording.word_for(rating), category, 'A \\"knife\\" and a fork.')


def test_the_word_of_a_model_for_no_category_is_given_in_its_place() -> None:
    wording = AnswerWording(none_applies="none")
    assert wording.guided(Rating.Safe, NA).label_slots[1].labels == ("none",)
    with pytest.raises(ValueError, match="Review"):
        wording.guided(Rating.Review, NA)
