"""Labels follow from events alone: the last word of each counts, agreement stands, contradictions have a name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeward.data.events import LabelField
from eyeward.data.sample import Severity, contradiction
from eyeward.serve.labels.fold import check, deciding, fold
from eyeward.serve.labels.records import Answer, QueueSettings, ReviewEvent, Stage, State
from eyeward.serve.labels.refusals import Contradictory
from eyeward.verdict import NA, Rating
from tests.serve.labels.world import BARELY, DEFAULT, HATE, SAFE, UNSAFE, WEAPONS, event, said, sha

TWO = QueueSettings(name="near", policy=DEFAULT)
RATING, CATEGORY, SEVERITY, RATIONALE = LabelField


def test_nothing_stands_before_all_raters_have_answered() -> None:
    row = fold(sha(0), said(UNSAFE, "anna"), TWO)
    assert (row.state, row.label, row.users) == (State.open, None, ("anna",))
    assert set(row.current.values()) == {None}
    half = [*said(UNSAFE, "anna"), event(RATING, "Unsafe", "ben")]
    assert fold(sha(0), half, TWO).state is State.open
    assert fold(sha(0), said(UNSAFE, "anna"), TWO.model_copy(update={"raters": 1})).label == UNSAFE


def test_where_raters_agree_their_label_stands_with_the_first_reason() -> None:
    other = UNSAFE.model_copy(update={"severity": None, "rationale": "A rifle."})
    row = fold(sha(0), [*said(other, "ben"), *said(UNSAFE, "anna")], TWO)
    assert row.state is State.settled
    assert row.label == UNSAFE.model_copy(update={"rationale": "A rifle."})
    assert row.users == ("anna", "ben")


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        (SAFE, UNSAFE, {}),
        (UNSAFE, UNSAFE.model_copy(update={"category": HATE}), {RATING: "Unsafe"}),
        (BARELY, BARELY.model_copy(update={"severity": Severity.GENERALLY_SAFE}), {RATING: "Safe", CATEGORY: WEAPONS}),
    ],
)
def test_where_they_differ_it_is_contested_and_stands_only_in_what_they_share(
    one: Answer, other: Answer, common: dict[LabelField, str]
) -> None:
    row = fold(sha(0), [*said(one, "anna"), *said(other, "ben")], TWO)
    assert (row.state, row.label) == (State.contested, None)
    assert {field: value for field, value in row.current.items() if value is not None} == common


def test_the_last_word_of_a_person_counts() -> None:
    events = [*said(SAFE, "anna"), *said(UNSAFE, "ben"), *said(UNSAFE, "anna"), event(SEVERITY, None, "anna")]
    row = fold(sha(0), events, TWO)
    assert row.label == UNSAFE
    assert [given.user for given in row.answers] == ["anna", "ben"]
    assert row.answers[0].answer.severity is None


def test_what_an_adjudicator_says_stands() -> None:
    events = [*said(SAFE, "anna"), *said(UNSAFE, "ben"), *said(BARELY, "cleo", stage=Stage.adjudication)]
    row = fold(sha(0), events, TWO)
    assert (row.state, row.label, row.adjudicator) == (State.settled, BARELY, "cleo")
    again = fold(sha(0), [*events, *said(UNSAFE, "dan", stage=Stage.adjudication)], TWO)
    assert (again.label, again.adjudicator) == (UNSAFE, "dan")
    assert again.users == ("anna", "ben", "dan")


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (Answer(rating=Rating.Unsafe, category=NA), "unsafe_without_category"),
        (Answer(rating=Rating.Safe, category=NA, severity=Severity.HIGHLY_UNSAFE), "severity_against_rating"),
        (Answer(rating=Rating.Review, category=HATE), "rating_is_no_label"),
        (Answer(rating=Rating.Unsafe, category="O77: Cooking"), "unknown_category"),
    ],
)
def test_a_contradiction_has_a_name(answer: Answer, name: str) -> None:
    with pytest.raises(Contradictory) as refused:
        check(answer, DEFAULT)
    assert refused.value.name == name
    row = fold(sha(0), [*said(answer, "anna"), *said(answer, "ben")], TWO)
    assert (row.label, row.contradiction) == (None, name)


def test_the_deciding_events_say_what_stands() -> None:
    events = [*said(SAFE, "anna"), *said(UNSAFE, "ben"), *said(BARELY, "cleo", stage=Stage.adjudication)]
    decided = deciding(fold(sha(0), events, TWO), events)
    assert {(one.field, one.new) for one in decided} == {
        (RATING, "Safe"),
        (CATEGORY, WEAPONS),
        (SEVERITY, "barely_safe"),
    }
    assert {one.user for one in decided} == {"cleo"}
    assert deciding(fold(sha(0), events[:5], TWO), events[:5]) == []


_values = {
    RATING: st.sampled_from(["Safe", "Unsafe", "Review", "No", None]),
    CATEGORY: st.sampled_from([NA, WEAPONS, HATE, "O77: Cooking", None]),
    SEVERITY: st.sampled_from([*(severity.value for severity in Severity), "terrible", None]),
    RATIONALE: st.sampled_from(["A gun.", "", None]),
}


@st.composite
def events(draw: st.DrawFn) -> ReviewEvent:
    field = draw(st.sampled_from(list(LabelField)))
    user = draw(st.sampled_from(["anna", "ben", "cleo"]))
    return event(field, draw(_values[field]), user, stage=draw(st.sampled_from(list(Stage))))


@given(st.lists(events(), max_size=14))
def test_whatever_the_events_a_label_that_stands_contradicts_nothing(given: list[ReviewEvent]) -> None:
    row = fold(sha(0), given, TWO)
    assert (row.label is not None) == (row.state is State.settled)
    for answer in [*(one.answer for one in row.answers), *([row.label] if row.label else [])]:
        assert contradiction(answer.rating, answer.category, severity=answer.severity) is None
        assert answer.category in (*DEFAULT.labels, NA)
    if row.label is not None:
        assert row.adjudicator is not None or len(row.answers) >= 2
        assert {one.field: one.new for one in deciding(row, given)}.items() <= row.label.values().items()


@given(st.permutations([*said(UNSAFE, "anna"), *said(SAFE, "ben"), *said(BARELY, "cleo")]))
def test_how_the_events_of_several_people_are_mixed_does_not_matter(mixed: list[ReviewEvent]) -> None:
    row = fold(sha(0), mixed, TWO)
    assert {(one.user, one.answer.rating, one.answer.category) for one in row.answers} == {
        ("anna", Rating.Unsafe, WEAPONS),
        ("ben", Rating.Safe, NA),
        ("cleo", Rating.Safe, WEAPONS),
    }
