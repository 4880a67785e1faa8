"""Blind rating: blurred until asked, nobody else's answer in sight, skips for free, a cap, time that is kept."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest

from eyeward.data.events import LabelField
from eyeward.serve.labels.desk import ReviewDesk
from eyeward.serve.labels.refusals import StoreUnavailable
from tests.serve.pages.review.drawings import Pixels, grey, likeness, page_of_text
from tests.serve.pages.review.people import NONE, POLICY, WEAPONS, Office, Page

SIDE = (480, 480)
HIDDEN_FROM_RATERS = (r"secret-guard", r"The guard saw", r"0\.87", r"own reason", r"\bada\b", r"picture-\d")


def original(number: int = 0) -> Pixels:
    return np.asarray(page_of_text(begin=100 * number).convert("L"), dtype=np.float64)


def leaks(page: Page) -> list[str]:
    """Return what a page says that a blind rater must not know; the pictures in it are looked at elsewhere."""
    words = page.text
    for image in page.images:
        words = words.replace(image["src"], "")
    return [word for word in HIDDEN_FROM_RATERS if re.search(word, words)]


def test_a_picture_is_blurred_until_somebody_asks_for_more_and_again_afterwards(place: Office) -> None:
    place.queue()
    (ada,) = place.ready("ada")
    page = ada.rate()
    assert page.status == 200
    assert likeness(original(), grey(page.picture, SIDE)) < 0.1
    seen = ada.submit(page, "/reveal")
    assert seen.status == 200
    assert likeness(original(), grey(seen.picture, SIDE)) > 0.9
    assert seen.headers["cache-control"] == "no-store"
    assert ada.rate().image == page.image
    assert likeness(original(), grey(ada.rate().picture, SIDE)) < 0.1


def test_no_picture_has_an_address_that_could_be_asked_for(place: Office) -> None:
    place.queue()
    (ada,) = place.ready("ada")
    page = ada.rate()
    for shown in (page, ada.submit(page, "/reveal")):
        others = [image["src"] for image in shown.images if not image["src"].startswith("data:")]
        assert all(address.startswith("/static/") for address in others)
    base = f"/review/queues/weapons/images/{page.image}"
    assert [ada.get(f"{base}/{ending}").status for ending in ("reveal", "look", "answer", "skip")] == [405] * 4
    assert likeness(original(), grey(ada.get("/review/queues/weapons/rate?reveal=1&unblurred=1").picture, SIDE)) < 0.1


def test_a_reveal_is_logged_and_stands_in_the_events_of_the_answer(place: Office) -> None:
    place.queue(raters=1)
    (ada,) = place.ready("ada")
    desk = ReviewDesk(place.store)
    page = ada.rate()
    assert not desk.shown("weapons", page.image, "ada").revealed
    seen = ada.submit(page, "/reveal")
    assert desk.shown("weapons", page.image, "ada").revealed
    following = ada.answers(seen)
    ada.answers(following)
    revealed = {event.image_sha256: event.revealed for event in place.store.events("weapons")}
    assert revealed == {page.image: True, following.image: False}


def test_what_was_typed_survives_a_reveal(place: Office) -> None:
    place.queue()
    (ada,) = place.ready("ada")
    typed = {"rating": "Safe", "category": WEAPONS, "severity": "barely_safe", "rationale": 'a "toy"\r\n</textarea><b>'}
    seen = ada.submit(ada.rate(), "/reveal", **typed)
    fields = seen.form("/answer").fields
    assert {name: fields[name] for name in typed} == typed | {"rationale": 'a "toy"\n</textarea><b>'}


def test_nobody_sees_an_image_that_is_not_in_their_hands(place: Office) -> None:
    place.queue(raters=1)
    ada, bob = place.ready("ada", "bob")
    page = ada.rate()
    form = bob.rate().form("/answer").fields
    for ending in ("reveal", "skip", "answer"):
        sent = form | {"rating": "Safe", "category": NONE}
        answer = bob.post(f"/review/queues/weapons/images/{page.image}/{ending}", sent)
        assert answer.status == 409
        assert not [image for image in answer.images if image["src"].startswith("data:")]
    assert place.store.events("weapons") == []


def test_neither_the_answer_of_another_nor_that_of_the_guard_is_on_a_page_before_ones_own(place: Office) -> None:
    place.queue(pictures=1)
    ada, bob = place.ready("ada", "bob")
    page = ada.rate()
    assert leaks(page) == [r"\bada\b"]  # the name of who looks stands on top
    done = ada.answers(page, rationale="ada's own reason", severity="highly_unsafe")
    assert "The guard saw" not in done.text
    theirs = bob.rate()
    assert theirs.image == page.image
    base = f"/review/queues/weapons/images/{page.image}"
    shown = [theirs, bob.submit(theirs, "/reveal"), bob.submit(theirs, "/answer"), bob.get(base)]
    shown += [bob.get(path) for path in ("/review", "/review/queues/weapons", "/review/settings")]
    assert [leaks(page) for page in shown] == [[]] * len(shown)
    assert [p.form("/answer").fields.get("rating") for p in shown[:2]] == [None, None]
    assert [p.form("/answer").fields.get("category") for p in shown[:2]] == [None, None]
    own = ada.get(base)
    assert "secret-guard" not in own.text
    bob.answers(theirs, rating="Safe", category=NONE, rationale="bob's reason")
    after = bob.get(base)
    assert "ada&#39;s own reason" in after.text
    assert "secret-guard" in after.text
    assert "bob&#39;s reason" in ada.get(base).text


def test_an_answer_is_kept_as_events_and_may_be_changed_until_all_have_answered(place: Office) -> None:
    place.queue(pictures=1)
    ada, bob = place.ready("ada", "bob")
    page = ada.rate()
    kept = ada.answers(page, severity="highly_unsafe", rationale="a rifle")
    assert "Kept" in kept.text
    again = ada.get(f"/review/queues/weapons/images/{page.image}")
    assert again.form("/answer").fields["rationale"] == "a rifle"
    ada.answers(again, rating="Safe", severity="barely_safe", rationale="a rifle in a museum")
    events = [(e.user, e.field, e.old, e.new) for e in place.store.events("weapons")]
    assert events == [
        ("ada", LabelField.rating, None, "Unsafe"),
        ("ada", LabelField.category, None, WEAPONS),
        ("ada", LabelField.severity, None, "highly_unsafe"),
        ("ada", LabelField.rationale, None, "a rifle"),
        ("ada", LabelField.rating, "Unsafe", "Safe"),
        ("ada", LabelField.severity, "highly_unsafe", "barely_safe"),
        ("ada", LabelField.rationale, "a rifle", "a rifle in a museum"),
    ]
    assert {event.policy_hash for event in place.store.events("weapons")} == {POLICY.hash}
    bob.answers(bob.rate())
    closed = ada.get(f"/review/queues/weapons/images/{page.image}")
    assert 'name="rating"' not in closed.text


def test_a_form_that_is_sent_twice_is_kept_once(place: Office) -> None:
    place.queue(raters=1)
    (ada,) = place.ready("ada")
    page = ada.rate()
    assert {ada.answers(page).status, ada.answers(page).status} == {200}
    assert len(place.store.events("weapons")) == 2


IMPOSSIBLE: list[tuple[dict[str, str], str]] = [
    ({"rating": "Unsafe", "category": NONE}, "name the category"),
    ({"rating": "Safe", "category": WEAPONS, "severity": "highly_unsafe"}, "means Unsafe"),
    ({"rating": "", "category": WEAPONS}, "Choose Safe or Unsafe"),
    ({"rating": "Review", "category": WEAPONS}, "A label is Safe or Unsafe"),
    ({"rating": "Safe", "category": ""}, "Choose a category"),
    ({"rating": "Safe", "category": "O99: Puns"}, "no such category"),
    ({"rating": "Safe", "category": NONE, "severity": "mild"}, "no such severity"),
    ({"rating": "Safe", "category": NONE, "rationale": "x" * 4001}, "at most 4,000"),
]


def test_an_answer_that_cannot_be_comes_back_with_a_sentence_and_what_was_typed(place: Office) -> None:
    place.queue()
    (ada,) = place.ready("ada")
    page = ada.rate()
    for fields, said in IMPOSSIBLE:
        answer = ada.submit(page, "/answer", **{"rationale": "typed with care"} | fields)
        assert answer.status == 422, said
        assert said in answer.text
        assert answer.image == page.image
        assert answer.form("/answer").fields["rationale"] == fields.get("rationale", "typed with care")
        assert likeness(original(), grey(answer.picture, SIDE)) < 0.1
    assert place.store.events("weapons") == []


def test_a_skip_costs_nothing_and_is_not_offered_again(place: Office) -> None:
    place.queue(pictures=2)
    (ada,) = place.ready("ada")
    desk = ReviewDesk(place.store)
    first = ada.rate()
    second = ada.submit(first, "/skip")
    assert second.image != first.image
    assert desk.annotator("ada").used_today == 0
    end = ada.submit(second, "/skip")
    assert "You have seen all that there is" in end.text
    assert place.store.events("weapons") == []


def test_the_daily_cap_is_shown_and_holds(place: Office) -> None:
    place.queue(pictures=4)
    ada = place.person("ada")
    ada.agree(cap=2)
    page = ada.rate()
    assert "2 of 2 looks and answers left" in page.text
    seen = ada.submit(page, "/reveal")
    assert "1 of 2 looks and answers left" in seen.text
    following = ada.answers(seen)
    assert "You have looked at enough for today: 2 of 2" in following.text
    assert not [image for image in following.images if image["src"].startswith("data:")]


def test_at_the_cap_an_item_in_hand_is_not_revealed_but_may_be_answered(place: Office) -> None:
    place.queue("one", pictures=1)
    place.queue("two", pictures=2, raters=1)
    ada = place.person("ada")
    ada.agree(cap=1)
    held = ada.rate("two")
    ada.answers(ada.rate("one"))
    blurred = ada.submit(held, "/reveal")
    assert blurred.status == 403
    assert "enough for today" in blurred.text
    assert likeness(original(), grey(blurred.picture, SIDE)) < 0.1
    assert ada.answers(blurred).status == 200
    assert {event.queue for event in place.store.events()} == {"one", "two"}


def test_a_person_may_not_raise_the_cap_of_the_desk(place: Office) -> None:
    place.queue(pictures=1)
    ada = place.person("ada")
    ada.agree(cap=99_999)
    assert "300 of 300 looks" in ada.rate().text
    assert ada.submit(ada.get("/review/settings"), "/settings", cap="many").status == 422


def test_time_spent_is_kept_without_the_time_out_of_sight(place: Office) -> None:
    place.queue(pictures=3, raters=1)
    (ada,) = place.ready("ada")
    now = time.time_ns() // 1_000_000
    page = ada.answers(ada.rate(), began=str(now - 600_000), away="300000")
    page = ada.answers(page, began="nonsense", away="-5")
    ada.answers(page, began="0")
    spent = [event.ms for event in place.store.events("weapons") if event.field is LabelField.rating]
    assert 300_000 <= spent[0] < 420_000
    assert spent[1] < 60_000
    assert spent[2] == 30 * 60 * 1000


def test_time_counts_from_the_first_sight_through_a_reveal(place: Office) -> None:
    place.queue(pictures=1, raters=1)
    (ada,) = place.ready("ada")
    page = ada.rate()
    seen = ada.submit(page, "/reveal")
    assert seen.form("/answer").fields["began"] == page.form("/answer").fields["began"]
    assert seen.form("/answer").fields["submission"] == page.form("/answer").fields["submission"]


def test_colours_are_left_out_until_somebody_wants_them_and_the_wish_goes_along(place: Office) -> None:
    place.queue(pictures=3)
    (ada,) = place.ready("ada")
    page = ada.rate()
    assert page.form("/answer").fields["grey"] == "on"
    fields = {name: value for name, value in page.form("/answer").fields.items() if name != "grey"}
    base = f"/review/queues/weapons/images/{page.image}"
    assert "grey" not in ada.post(f"{base}/reveal", fields).form("/answer").fields
    following = ada.post(f"{base}/answer", fields | {"rating": "Safe", "category": NONE})
    assert "grey" not in following.form("/answer").fields


def test_an_image_that_is_gone_is_said_to_be_and_can_be_skipped(place: Office) -> None:
    place.queue(pictures=1)
    (ada,) = place.ready("ada")
    for file in place.folder.iterdir():
        file.write_bytes(file.read_bytes() + b"changed")
    page = ada.rate()
    assert "cannot be shown" in page.text
    assert not [image for image in page.images if image["src"].startswith("data:")]
    assert "You have seen all" in ada.submit(page, "/skip").text


def test_when_the_store_does_not_answer_nothing_that_was_typed_is_lost(
    place: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.queue(pictures=1, raters=1)
    (ada,) = place.ready("ada")
    page = ada.rate()
    with monkeypatch.context() as broken:
        broken.setattr(ReviewDesk, "answer", unavailable)
        lost = ada.answers(page, rationale='a "long"\nreason')
    assert lost.status == 503
    assert lost.headers["retry-after"] == "5"
    assert place.store.events("weapons") == []
    assert "You have seen all" in ada.submit(lost, "/answer").text
    kept = {event.field: event.new for event in place.store.events("weapons")}
    assert kept[LabelField.rationale] == 'a "long"\nreason'


def unavailable(*given: object, **more: object) -> None:
    raise StoreUnavailable("The store was not written: the disk is gone. Send it again.")
