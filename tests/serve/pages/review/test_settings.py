"""Nobody is handed what they did not agree to see."""

from __future__ import annotations

from eyeward.serve.labels.desk import ReviewDesk
from eyeward.serve.labels.records import UNKNOWN
from tests.serve.pages.review.people import CLAIM, POLICY, WEAPONS, Office

HATE = POLICY.labels[0]


def test_who_was_never_asked_is_handed_nothing(place: Office) -> None:
    place.queue()
    ada = place.person("ada")
    assert "Say first" in ada.get("/review").text
    page = ada.rate()
    assert "Nobody has asked you yet" in page.text
    assert page.images == [image for image in page.images if not image["src"].startswith("data:")]
    assert "/review/settings?queue=weapons" in page.links


def test_an_image_of_a_category_without_consent_is_not_handed_out(place: Office) -> None:
    place.queue()
    ada = place.person("ada")
    ada.agree(HATE, UNKNOWN)
    assert "All that is left is of categories that you do not want to see" in ada.rate().text
    ada.agree(WEAPONS)
    assert ada.rate().image


def test_an_image_of_which_nobody_can_tell_takes_a_consent_of_its_own(place: Office) -> None:
    place.queue(claims=())
    ada = place.person("ada")
    ada.agree(*POLICY.labels)
    assert "do not want to see" in ada.rate().text
    ada.agree(UNKNOWN)
    assert ada.rate().image


def test_consent_that_is_withdrawn_takes_the_image_out_of_the_hands(place: Office) -> None:
    place.queue(raters=1)
    (ada,) = place.ready("ada")
    page = ada.rate()
    ada.agree(HATE)
    assert ada.submit(page, "/reveal").status in (403, 409)
    assert "do not want to see" in ada.rate().text
    (bob,) = place.ready("bob")
    assert bob.rate().image == page.image


def test_the_form_shows_what_was_chosen_and_holds_no_other_categories(place: Office) -> None:
    place.queue(claims=[CLAIM.model_copy(update={"category": "X1: From another policy"})])
    ada = place.person("ada")
    offered = ada.get("/review/settings").text
    assert all(label in offered for label in (*POLICY.labels, "X1: From another policy"))
    ada.agree(WEAPONS, "O99: Invented")
    fields = ada.get("/review/settings").form("/settings").fields
    assert [value for name, value in fields.items() if name.startswith("see-")] == [WEAPONS]
    assert ReviewDesk(place.store).annotator("ada").consent == frozenset([WEAPONS])


def test_a_choice_leads_back_to_the_queue_and_never_elsewhere(place: Office) -> None:
    place.queue()
    ada = place.person("ada")
    page = ada.get("/review/settings?queue=weapons")
    assert ada.submit(page, "/settings").path == "/review/queues/weapons"
    page = ada.get("/review/settings?queue=//elsewhere.example")
    assert ada.submit(page, "/settings").path == "/review/settings"
