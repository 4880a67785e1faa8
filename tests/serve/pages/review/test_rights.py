"""Who may do what on the review page, and that no other site can do it for them."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from eyeward.serve import logs
from eyeward.serve.pages.frame import Frame
from eyeward.serve.pages.review.options import ReviewOptions
from eyeward.serve.pages.review.part import review_part
from tests.serve.pages.review.people import NONE, ROLES, WEAPONS, Office
from tests.serve.world import LOCAL, service

RATE = "/review/queues/weapons/rate"
DECIDE = "/review/queues/weapons/adjudicate"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the service writes into its log."""
    monkeypatch.setattr(logs, "MOST_HELD", 0)
    loggers = [logging.getLogger(name) for name in ("eyeward.serve", "uvicorn")]
    before = [(logger.handlers, logger.propagate, logger.level) for logger in loggers]
    stream = io.StringIO()
    logs.write_to(stream)
    yield stream
    for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def posts(place: Office, image: str) -> list[str]:
    """Return every address of the page that takes a POST."""
    part = review_part(Frame(service()), ReviewOptions(str(place.folder.parent / "labels.sqlite")))
    assert part.close is not None
    part.close()
    paths = [route.path for route in part.routes if "POST" in (route.methods or ())]
    return [path.replace("{queue}", "weapons").replace("{image}", image) for path in paths]


def test_each_role_sees_its_own_pages(place: Office) -> None:
    place.queue()
    people = {"ada", "bob", "cleo", "olga", "boss"}
    allowed = {"/review": people, "/review/settings": people, "/review/queues/weapons": people}
    allowed |= {RATE: {"ada", "bob", "cleo", "boss"}, DECIDE: {"cleo", "olga", "boss"}}
    for name in ROLES:
        person = place.person(name)
        seen = {path: person.get(path).status for path in allowed}
        assert seen == {path: 200 if name in names else 403 for path, names in allowed.items()}, name


def test_who_is_not_signed_in_is_sent_to_sign_in(place: Office) -> None:
    place.queue()
    nobody = place.person(None)
    for path in ("/review", RATE, DECIDE, "/review/settings"):
        page = nobody.get(path)
        assert page.path == "/sign-in"
        assert "weapons</a>" not in page.text


def test_only_policy_owners_take_labels_away(place: Office) -> None:
    place.queue()
    names = ("ada", "olga", "boss", "caller")
    statuses = {}
    for name in names:
        person = place.person(name)
        token = person.get("/sign-in").text.partition('name="csrf" content="')[2][:64]
        statuses[name] = person.post("/review/queues/weapons/export/events", {"csrf": token}).status
    assert statuses["ada"] == statuses["caller"] == 403
    assert 403 not in (statuses["olga"], statuses["boss"])
    assert "export" not in place.person("ada").get("/review/queues/weapons").text
    assert "export/training" in place.person("olga").get("/review/queues/weapons").text


def test_nothing_is_done_without_the_token_of_the_page_or_for_another_site(place: Office) -> None:
    place.queue()
    (boss,) = place.ready("boss")
    page = boss.rate()
    fields = page.form("/answer").fields | {"rating": "Unsafe", "category": WEAPONS, "see-1": NONE}
    addresses = posts(place, page.image)
    assert len(addresses) == 9
    for address in addresses:
        without = {name: value for name, value in fields.items() if name != "csrf"}
        assert boss.post(address, without).status == 403, address
        assert boss.post(address, without | {"csrf": "0" * 64}).status == 403, address
        assert boss.post(address, fields, Origin="https://elsewhere.example").status == 403, address
        assert boss.post(address, fields, Origin="null").status == 403, address
    assert place.store.events() == []
    assert boss.rate().image == page.image
    assert "300 of 300" in boss.get("/review").text


def test_a_token_of_somebody_else_is_none(place: Office) -> None:
    place.queue()
    ada, bob = place.ready("ada", "bob")
    fields = ada.rate().form("/answer").fields
    mine = bob.rate()
    assert bob.post(mine.form("/answer").action, fields | {"rating": "Safe", "category": NONE}).status == 403


def test_every_page_is_kept_by_no_cache_and_runs_no_foreign_script(place: Office) -> None:
    place.queue()
    (boss,) = place.ready("boss")
    pages = [boss.get(path) for path in ("/review", "/review/settings", "/review/queues/weapons", RATE, DECIDE)]
    pages.append(boss.submit(pages[3], "/reveal"))
    for page in pages:
        assert page.status == 200
        assert page.headers["cache-control"] == "no-store"
        rules = page.headers["content-security-policy"]
        assert "script-src 'self'" in rules
        assert "unsafe-inline" not in rules
        assert " style=" not in page.text
        assert " onclick" not in page.text


def test_the_log_says_what_was_done_and_nothing_of_images_or_reasons(place: Office, written: io.StringIO) -> None:
    place.queue(file_name="gore-{number}.png", raters=1)
    (ada,) = place.ready("ada")
    page = ada.rate()
    seen = ada.submit(page, "/reveal")
    ada.answers(seen, rationale="a reason of mine")
    lines = written.getvalue()
    assert '"queue": "weapons"' in lines
    assert '"event": "revealed"' in lines
    assert "/review/queues/{queue}/images/{image}/answer" in lines
    for secret in (page.image, page.image[:8], "gore", "a reason of mine", WEAPONS, "data:image"):
        assert secret not in lines


def test_a_form_that_comes_as_something_else_is_refused(place: Office) -> None:
    place.queue()
    (ada,) = place.ready("ada")
    page = ada.rate()
    token = page.form("/answer").fields["csrf"]
    headers = {"Origin": LOCAL, "X-CSRF-Token": token}
    for address in (page.form("/answer").action, f"/review/queues/weapons/images/{page.image}/reveal"):
        assert ada.client.post(address, json={"rating": "Safe"}, headers=headers).status_code == 400
        assert ada.client.post(address, files={"a": b"b"}, headers=headers).status_code == 400
