"""Scores of labels as answers."""

from __future__ import annotations

import math

import pytest

from eyeward.engine.protocol import RawAnswer, SlotScores
from eyeward.engine.scored_labels import YesNo, answer_of, form_of, scores_in


def test_scores_survive_the_way_through_an_answer() -> None:
    scores = {"a": 0.0, "b": 0.3, "c": 1.0}
    answer = answer_of(scores)
    assert scores_in(form_of(tuple(scores)), answer) == pytest.approx(scores)
    assert answer.written == {"a": "no", "b": "no", "c": "yes"}


def test_what_was_decided_by_who_scored_is_written_and_else_the_likelier() -> None:
    answer = answer_of({"a": 0.3, "b": 0.6, "c": 0.7}, {"a": True, "b": False})
    assert answer.written == {"a": "yes", "b": "no", "c": "yes"}


@pytest.mark.parametrize("score", [-0.01, 1.01, math.nan, math.inf])
def test_what_is_no_probability_is_refused(score: float) -> None:
    with pytest.raises(ValueError, match="no probability"):
        answer_of({"a": 0.2, "b": score})


def test_a_label_without_a_score_is_refused() -> None:
    with pytest.raises(ValueError, match="does not score 'b'"):
        scores_in(form_of(("a", "b")), answer_of({"a": 0.2}))


@pytest.mark.parametrize("no", [math.log(0.5), math.nan])
def test_yes_and_no_that_do_not_add_up_are_refused(no: float) -> None:
    answer = RawAnswer(scores=(SlotScores("a", (), {"Yes": math.log(0.9), "No": no}),))
    with pytest.raises(ValueError, match="add up"):
        scores_in(form_of(("a",), YesNo("Yes", "No")), answer, YesNo("Yes", "No"))
