"""Events are kept as they came, once, for good, and in order; what they add up to is noted with them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from eyeward.data.events import LabelField
from eyeward.errors import UsageError
from eyeward.serve.labels.desk import ReviewDesk
from eyeward.serve.labels.fold import fold
from eyeward.serve.labels.records import Answer, ReviewEvent, Stage, State
from eyeward.serve.labels.refusals import Conflict, Contradictory, LabelRefused, NoSuchThing, Taken
from eyeward.serve.labels.store import LabelStore, falls_under
from eyeward.verdict import NA, Rating
from tests.serve.labels.world import (
    BARELY,
    DEFAULT,
    HATE,
    SAFE,
    START,
    UNSAFE,
    VIOLENCE,
    WEAPONS,
    Clock,
    claim,
    event,
    queue,
    said,
    sha,
    taken,
)


def test_events_come_back_as_they_were_in_the_order_of_their_coming(store: LabelStore) -> None:
    queue(store)
    given = [*said(UNSAFE, "ben"), event(LabelField.rationale, "Zwei Hände — 'x'; \\ %s\n🦔", "anna", image=3, ms=0)]
    for one in given:
        store.append([one])
    assert store.events() == given
    assert [one.time for one in store.events("near", sha(3))] == [START]
    assert store.events("far") == []


def test_an_event_that_comes_again_is_kept_once_and_its_id_is_never_used_for_another(store: LabelStore) -> None:
    queue(store)
    first = event(LabelField.rationale, "A dog.")
    store.append([first, first])
    store.append([first, event(LabelField.severity, "barely_safe")])
    assert [one.new for one in store.events()] == ["A dog.", "barely_safe"]
    with pytest.raises(Taken, match="never used twice"):
        store.append([event(LabelField.rationale, "no"), first.model_copy(update={"new": "A cat."})])
    assert len(store.events()) == 2


@pytest.mark.parametrize("table", ["label_events", "label_looks", "label_consents"])
@pytest.mark.parametrize("change", ["UPDATE {} SET time = time", "DELETE FROM {}"])
def test_the_database_itself_refuses_to_change_what_was_appended(
    desk: ReviewDesk, store: LabelStore, table: str, change: str
) -> None:
    queue(store)
    desk.skip("near", taken(desk, "anna").image_sha256, "anna")
    store.append(said(SAFE, "ben"))
    with pytest.raises(LabelRefused), store.writing() as connection:
        connection.execute(sa.text(change.format(table)))
    with store.reading() as connection:
        assert connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one() > 0


def test_what_events_add_up_to_is_noted_with_them(store: LabelStore) -> None:
    settings = queue(store).settings
    steps = [
        (said(SAFE, "anna"), State.open),
        (said(UNSAFE, "ben"), State.contested),
        ([event(LabelField.rating, "Unsafe", "cleo", stage=Stage.adjudication)], State.contested),
        ([event(LabelField.category, WEAPONS, "cleo", stage=Stage.adjudication)], State.settled),
    ]
    for events, state in steps:
        store.append(events)
        row = fold(sha(0), store.events("near", sha(0)), settings)
        assert (store.item("near", sha(0)).state, row.state) == (state, state)
    assert store.categories("near") == [WEAPONS]


def test_rows_are_those_of_now_whoever_appended(store: LabelStore, address: str) -> None:
    queue(store)
    states = [store.rows("near")[0].state]
    with LabelStore.open(address) as other:
        for user in ("anna", "ben"):
            other.append(said(SAFE, user))
            states.append(store.rows("near")[0].state)
    assert states == [State.open, State.open, State.settled]
    assert [given.user for given in store.rows("near")[0].answers] == ["anna", "ben"]
    assert [row.image_sha256 for row in store.rows("near")] == [sha(number) for number in range(5)]


def test_a_decision_upon_what_does_not_stand_any_more_is_a_conflict(store: LabelStore) -> None:
    queue(store)
    store.append([*said(SAFE, "anna"), *said(UNSAFE, "ben"), *said(UNSAFE, "cleo", stage=Stage.adjudication)])
    before = store.events()
    late = said(BARELY, "dan", stage=Stage.adjudication)
    with pytest.raises(Conflict, match="Somebody else has decided since") as refused:
        store.append(late)
    assert refused.value.current[LabelField.rating] == "Unsafe"
    assert store.events() == before


def test_events_that_contradict_each_other_are_refused_by_name_and_nothing_is_kept(store: LabelStore) -> None:
    queue(store)
    wrong = {
        "unsafe_without_category": Answer(rating=Rating.Unsafe, category=NA),
        "unknown_category": Answer(rating=Rating.Unsafe, category="O77: Cooking"),
        "rating_is_no_label": Answer(rating=Rating.Review, category=HATE),
    }
    for name, answer in wrong.items():
        with pytest.raises(Contradictory) as refused:
            store.append([*said(SAFE, "ben", image=1), *said(answer, "anna")])
        assert refused.value.name == name
    with pytest.raises(Contradictory):
        store.append([*said(SAFE, "anna"), event(LabelField.severity, "terrible")])
    assert store.events() == []


def test_an_event_about_nothing_is_refused(store: LabelStore) -> None:
    queue(store)
    for lost in (event(LabelField.rating, "Safe", image=77), event(LabelField.rating, "Safe", queue="far")):
        with pytest.raises(NoSuchThing):
            store.append([event(LabelField.rationale, "A dog."), lost])
    assert store.events() == []


def test_a_queue_has_a_name_of_its_own_and_items(store: LabelStore, clock: Clock) -> None:
    made = queue(store, (NA, WEAPONS, None))
    assert (made.items, made.time, made.user, made.policy) == (3, START, "owner", DEFAULT)
    assert [item.position for item in store.items("near")] == [0, 1, 2]
    assert store.categories("near") == [WEAPONS, "unknown"]
    with pytest.raises(UsageError, match="There is a queue 'near' already"):
        queue(store)
    with pytest.raises(UsageError, match="would be empty"):
        queue(store, (), "none")
    clock.wait(hours=1)
    queue(store, name="later")
    assert [one.name for one in store.queues()] == ["later", "near"]
    with pytest.raises(NoSuchThing):
        store.queue("none")


def test_what_an_image_may_show_is_unknown_where_no_guard_is_sure() -> None:
    assert falls_under([]) == {"unknown"}
    assert falls_under([claim(NA)]) == set()
    assert falls_under([claim(NA), claim(WEAPONS, Rating.Unsafe), claim(VIOLENCE)]) == {WEAPONS, VIOLENCE}
    for unsure in (claim(None), claim(NA, Rating.Review), claim(None, Rating.Unsafe)):
        assert falls_under([unsure]) == {"unknown"}
    assert falls_under([claim(None, None), claim(NA)]) == {"unknown"}
    assert falls_under([claim(None), claim(HATE)]) == {HATE}


def test_text_that_no_database_keeps_is_refused() -> None:
    kept = event(LabelField.rating, "Safe").model_dump()
    for key, value in (("user", "a\0b"), ("user", ""), ("id", "x" * 201), ("queue", "No Slug")):
        with pytest.raises(ValidationError, match=key):
            ReviewEvent.model_validate(kept | {key: value})
    with pytest.raises(ValidationError, match="rationale"):
        Answer(rating=Rating.Safe, category=NA, rationale="a\0b")
