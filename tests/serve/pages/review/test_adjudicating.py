"""What raters differ about is decided by somebody else, who sees all; two who decide at once are told."""

from __future__ import annotations

from eyeward.data.events import LabelField
from eyeward.serve.labels.records import Stage, State
from tests.serve.pages.review.drawings import grey, likeness
from tests.serve.pages.review.people import NONE, WEAPONS, Office, Page
from tests.serve.pages.review.test_rating import SIDE, original

HOSTILE = "<script>alert('rater')</script>\"'>"


def contested(place: Office, **fields: str) -> str:
    """Have two raters differ about the only image; return its hash."""
    place.queue(pictures=1)
    ada, bob = place.ready("ada", "bob")
    page = ada.rate()
    ada.answers(page, **{"rationale": HOSTILE, "severity": "highly_unsafe"} | fields)
    bob.answers(bob.rate(), rating="Safe", category=NONE, rationale="nothing\r\nto see")
    return page.image


def adjudicate(place: Office, name: str = "olga") -> Page:
    (person,) = place.ready(name)
    return person.get("/review/queues/weapons/adjudicate")


def test_an_adjudicator_sees_all_answers_and_what_the_guard_said_and_nothing_is_run(place: Office) -> None:
    contested(place)
    page = adjudicate(place)
    assert page.status == 200
    for said in ("ada", "bob", "secret-guard", "0.877", WEAPONS, "nothing"):
        assert said in page.text
    assert "&lt;script&gt;alert(&#39;rater&#39;)&lt;/script&gt;" in page.text
    assert "&lt;script&gt;alert(&#39;guard&#39;)" in page.text
    assert "<script>alert" not in page.text
    assert likeness(original(), grey(page.picture, SIDE)) < 0.1


def test_a_decision_settles_the_item_and_is_an_event_of_its_own(place: Office) -> None:
    image = contested(place)
    (olga,) = place.ready("olga")
    page = olga.get("/review/queues/weapons/adjudicate")
    seen = olga.submit(page, "/look")
    assert likeness(original(), grey(seen.picture, SIDE)) > 0.9
    done = olga.submit(seen, "/decide", rating="Unsafe", category=WEAPONS, rationale="A rifle, shown to impress.")
    assert "Raters do not differ about anything" in done.text
    assert place.store.item("weapons", image).state is State.settled
    decided = [event for event in place.store.events("weapons") if event.stage is Stage.adjudication]
    assert {event.field: event.new for event in decided} == {
        LabelField.rating: "Unsafe",
        LabelField.category: WEAPONS,
        LabelField.rationale: "A rifle, shown to impress.",
    }
    assert {(event.user, event.revealed) for event in decided} == {("olga", True)}


def test_of_two_who_decide_at_once_the_second_sees_what_the_first_decided(place: Office) -> None:
    image = contested(place)
    olga, boss = place.ready("olga", "boss")
    base = f"/review/queues/weapons/images/{image}"
    page = olga.get("/review/queues/weapons/adjudicate")
    fields = page.form("/decide").fields
    olga.submit(page, "/decide", rating="Safe", category=WEAPONS, rationale="a\r\ntoy")
    boss.get("/review/queues/weapons/adjudicate")
    token = boss.get("/review/settings").form("/settings").fields["csrf"]
    late = {**fields, "csrf": token, "submission": "another-name-of-a-form", "rating": "Unsafe", "category": WEAPONS}
    boss.post(f"{base}/look", late)  # takes it into the hands of the second
    refused = boss.post(f"{base}/decide", late)
    assert refused.status == 409
    assert "Somebody else has decided since" in refused.text
    assert "What stands now: Safe" in refused.text
    as_browsers_do = {"seen-rationale": "a\r\ntoy"}
    again = boss.submit(refused, "/decide", rating="Unsafe", category=WEAPONS, **as_browsers_do)
    assert again.status == 200
    label = [event.new for event in place.store.events("weapons") if event.field is LabelField.rating][-1]
    assert label == "Unsafe"


def test_a_rater_does_not_decide_about_their_own_item(place: Office) -> None:
    place.queue(pictures=1)
    cleo, bob = place.ready("cleo", "bob")
    page = cleo.rate()
    cleo.answers(page)
    bob.answers(bob.rate(), rating="Safe", category=NONE)
    nothing = cleo.get("/review/queues/weapons/adjudicate")
    assert "Raters do not differ about anything that you may decide" in nothing.text
    token = page.form("/answer").fields["csrf"]
    base = f"/review/queues/weapons/images/{page.image}"
    assert cleo.post(f"{base}/look", {"csrf": token}).status == 409
    form = {"csrf": token, "rating": "Safe", "category": NONE}
    assert cleo.post(f"{base}/decide", form).status == 409


def test_before_all_have_answered_nobody_decides_and_nothing_is_shown(place: Office) -> None:
    place.queue(pictures=1)
    ada, olga = place.ready("ada", "olga")
    page = ada.rate()
    ada.answers(page, rationale=HOSTILE)
    assert "secret-guard" not in olga.get("/review/queues/weapons/adjudicate").text
    token = olga.get("/review/settings").form("/settings").fields["csrf"]
    early = olga.post(f"/review/queues/weapons/images/{page.image}/look", {"csrf": token})
    assert early.status == 409
    assert "secret-guard" not in early.text


def test_a_decision_that_contradicts_itself_comes_back(place: Office) -> None:
    contested(place)
    (olga,) = place.ready("olga")
    page = olga.get("/review/queues/weapons/adjudicate")
    answer = olga.submit(page, "/decide", rating="Unsafe", category=NONE, rationale="kept")
    assert answer.status == 422
    assert answer.form("/decide").fields["rationale"] == "kept"
