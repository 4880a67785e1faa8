"""Probabilities of labels are read from the likeliest tokens, and what was not seen is counted."""

from __future__ import annotations

import math

import pytest

from eyeward.engine.remote.alternatives import label_scores, place_of
from eyeward.engine.remote.completions import Alternative, Step
from eyeward.engine.remote.connection import Unreadable


def step(written: str, **others: float) -> Step:
    """Return a step whose alternatives are given by name; the one written is the first name or `written`."""
    return Step(written.encode(), tuple(Alternative(t.encode(), math.log(p)) for t, p in others.items()))


def steps(*entries: tuple[str, dict[str, float]]) -> list[Step]:
    return [step(written, **others) for written, others in entries]


def shares(labels: tuple[str, ...], given: list[Step], begin: int) -> tuple[dict[str, float], float]:
    seen = label_scores(labels, given, begin)
    return {label: round(math.exp(log), 6) for label, log in seen.log_probabilities.items()}, round(seen.unseen, 6)


def test_single_tokens_are_compared() -> None:
    given = steps(('"', {'"': 1.0}), ("Safe", {"Safe": 0.6, "Unsafe": 0.3, "Sure": 0.1}))
    assert shares(("Safe", "Unsafe"), given, 1) == ({"Safe": 0.666667, "Unsafe": 0.333333}, 0.0)


def test_labels_of_several_tokens_are_told_apart_where_they_part() -> None:
    given = steps(("O", {"O": 0.9, "NA": 0.1}), ("2", {"1": 0.25, "2": 0.75}), (": x", {": x": 1.0}))
    assert shares(("O1: x", "O2: x", "NA: x"), given, 0) == ({"O1: x": 0.225, "O2: x": 0.675, "NA: x": 0.1}, 0.0)


def test_a_token_may_begin_before_the_label_and_end_behind_it() -> None:
    given = steps((' "Safe",', {' "Safe",': 0.5, ' "Unsafe",': 0.25, ' "': 0.25}))
    assert shares(("Safe", "Unsafe"), given, 2) == ({"Safe": 0.666667, "Unsafe": 0.333333}, 0.25)


def test_a_label_that_begins_with_another_is_told_by_its_end() -> None:
    given = steps(("Safe", {"Safe": 1.0}), ('"', {'"': 0.7, "r": 0.3}))
    assert shares(("Safe", "Safer"), given, 0) == ({"Safe": 0.7, "Safer": 0.3}, 0.0)


def test_mass_that_labels_share_is_kept_and_can_be_divided() -> None:
    labels = ("O1", "O2", "NA")
    seen = label_scores(labels, steps(("NA", {"NA": 0.6, "O": 0.4})), 0)
    assert math.exp(seen.log_probabilities["NA"]) == pytest.approx(1.0)
    assert dict(seen.shared) == {("O1", "O2"): pytest.approx(0.4)}
    divided = seen.with_shared(("O1", "O2"), {"O1": math.log(0.25), "O2": math.log(0.75)})
    assert {label: math.exp(log) for label, log in divided.log_probabilities.items()} == {
        "O1": pytest.approx(0.1),
        "O2": pytest.approx(0.3),
        "NA": pytest.approx(0.6),
    }
    assert not divided.shared


def test_what_the_server_does_not_name_is_unseen() -> None:
    assert shares(("Safe", "Unsafe"), steps(("Safe", {"Safe": 0.6})), 0) == ({"Safe": 1.0, "Unsafe": 0.0}, 0.4)


@pytest.mark.parametrize(
    "given",
    [
        steps(("Safe", {"Safe": 1.0})),
        steps(("O", {"O": 1.0})),
        steps(("x", {"x": 1.0})),
        [Step(b"O1", (Alternative(b"O1", -math.inf),))],
        [],
    ],
)
def test_tokens_of_another_text_are_refused(given: list[Step]) -> None:
    with pytest.raises(Unreadable):
        label_scores(("O1", "O2"), given, 0)


def test_a_place_is_found_in_bytes_and_behind_tokens_that_are_not_in_the_text() -> None:
    given = steps(("<s>", {"<s>": 1.0}), ("ü", {"ü": 1.0}), ("Safe", {"Safe": 1.0}), ("</s>", {"</s>": 1.0}))
    assert place_of(given, "üSafe", 1) == 5
    with pytest.raises(Unreadable, match="not those of its text"):
        place_of(given, "Unsafe", 0)
    with pytest.raises(Unreadable, match="no log-probabilities"):
        place_of([], "Safe", 0)
