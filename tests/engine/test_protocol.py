"""Answer forms and answers as data."""

from __future__ import annotations

import pytest

from eyeward.engine.protocol import AnswerForm, Exclusion, Forced, LabelSlot, RawAnswer, SlotScores, TextSlot

RATING = LabelSlot("rating", ("Unsafe", "Safe"))
CATEGORY = LabelSlot("category", ("O1: Hate", "NA"), (Exclusion("NA", "rating", "Unsafe"),))


def test_a_label_is_barred_by_what_an_earlier_slot_holds() -> None:
    assert CATEGORY.allowed({"rating": "Unsafe"}) == ("O1: Hate",)
    assert CATEGORY.allowed({"rating": "Safe"}) == ("O1: Hate", "NA")
    assert CATEGORY.allowed({}) == ("O1: Hate", "NA")


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (RATING, Forced("}")),
        (Forced("{"), RATING),
        (Forced("{"), RATING, CATEGORY, Forced("}")),
        (Forced("{"), Forced("{"), RATING, Forced("}")),
        (Forced("{"), TextSlot("why"), Forced(","), RATING, Forced("}")),
        (Forced("{"), TextSlot("why"), Forced(","), TextSlot("more"), Forced("}")),
    ],
)
def test_a_form_that_cannot_be_decoded_is_refused(parts: tuple[Forced | LabelSlot | TextSlot, ...]) -> None:
    with pytest.raises(ValueError, match="answer form"):
        AnswerForm(parts)


def test_scores_are_found_by_what_was_written_or_by_what_is_asked() -> None:
    scores = (
        SlotScores("category", (("rating", "Unsafe"),), {"O1: Hate": 0.0}),
        SlotScores("category", (("rating", "Safe"),), {"NA": 0.0}),
    )
    answer = RawAnswer(scores=scores, written={"rating": "Safe", "category": "NA"})
    assert answer.scores_of("category") == {"NA": 0.0}
    assert answer.scores_of("category", rating="Unsafe") == {"O1: Hate": 0.0}
    with pytest.raises(KeyError):
        answer.scores_of("rationale")
