"""Sessions: opened by a key, over in time, bound to this address; tokens that other pages cannot know."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.requests import HTTPConnection

from eyeward.serve import keys as keys_module
from eyeward.serve.keys import NOBODY, Keys, Role
from eyeward.serve.pages import session as session_module
from eyeward.serve.pages.session import (
    IDLE_SECONDS,
    LONGEST_SECONDS,
    Sessions,
    SignedOut,
    Visitor,
    check_origin,
    cookie_name,
)
from eyeward.serve.refusals import NoKey, NotAllowed
from tests.serve.test_keys import entry, write


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def asking(cookie: str = "", **headers: str) -> HTTPConnection:
    given = {"host": "127.0.0.1:8080", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if cookie:
        given["cookie"] = f"eyeward_session_8080={cookie}"
    scope = {"type": "http", "headers": [(name.encode(), value.encode()) for name, value in given.items()]}
    return HTTPConnection(scope)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(keys_module, "LOOK_AGAIN_SECONDS", 0.0)
    return write(tmp_path / "keys.yaml", entry("boss", "ew_boss", roles=["admin"]), entry("web", "ew_web"))


@pytest.fixture
def sessions(file: Path, clock: Clock) -> Sessions:
    return Sessions(Keys(file), clock)


def signed_in(sessions: Sessions, key: str = "ew_boss") -> Visitor:
    return sessions.sign_in(key, sessions.visitor(asking()))


def test_without_keys_the_local_user_may_do_everything() -> None:
    visitor = Sessions(Keys(None)).visitor(asking())
    assert visitor.require(Role.reviewer) is NOBODY
    assert not visitor.signed_in


def test_with_keys_nobody_is_somebody_before_signing_in(sessions: Sessions) -> None:
    visitor = sessions.visitor(asking())
    assert visitor.principal is None
    assert not visitor.may(Role.caller)
    with pytest.raises(SignedOut, match="sign in"):
        visitor.require()


def test_a_key_opens_a_session_under_a_new_cookie(sessions: Sessions) -> None:
    before = sessions.visitor(asking())
    inside = sessions.sign_in("ew_web", before)
    assert inside.cookie != before.cookie
    assert len(inside.cookie) >= 40
    found = sessions.visitor(asking(inside.cookie))
    assert found.require(Role.caller).name == "web"
    assert found.signed_in
    with pytest.raises(NotAllowed, match="policy_owner"):
        found.require(Role.policy_owner)
    assert sessions.visitor(asking(before.cookie)).principal is None


@pytest.mark.parametrize("key", ["", "ew_other", "EW_BOSS", "ew_boss ", "\ud800"])
def test_another_key_opens_none(sessions: Sessions, key: str) -> None:
    with pytest.raises(NoKey):
        signed_in(sessions, key)


def test_a_session_is_over_after_an_hour_without_use_or_half_a_day(sessions: Sessions, clock: Clock) -> None:
    idle = signed_in(sessions)
    clock.now = IDLE_SECONDS - 1
    assert sessions.visitor(asking(idle.cookie)).principal is not None
    clock.now += IDLE_SECONDS - 1
    assert sessions.visitor(asking(idle.cookie)).principal is not None
    clock.now += IDLE_SECONDS + 1
    assert sessions.visitor(asking(idle.cookie)).principal is None
    began = clock.now
    busy = signed_in(sessions)
    while clock.now - began <= LONGEST_SECONDS:
        assert sessions.visitor(asking(busy.cookie)).principal is not None
        clock.now += IDLE_SECONDS / 2
    assert sessions.visitor(asking(busy.cookie)).principal is None


def test_signing_out_ends_a_session(sessions: Sessions) -> None:
    visitor = signed_in(sessions)
    sessions.sign_out(visitor)
    assert sessions.visitor(asking(visitor.cookie)).principal is None


def test_a_key_that_is_taken_away_ends_its_sessions_and_changed_roles_count_at_once(
    sessions: Sessions, file: Path
) -> None:
    boss, web = signed_in(sessions), signed_in(sessions, "ew_web")
    write(file, entry("web", "ew_web", roles=["policy_owner", "caller"]))
    assert sessions.visitor(asking(boss.cookie)).principal is None
    assert sessions.visitor(asking(web.cookie)).may(Role.policy_owner)


def test_too_many_sessions_push_out_the_oldest(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "MOST_SESSIONS", 2)
    first, second = signed_in(sessions), signed_in(sessions)
    assert sessions.visitor(asking(first.cookie)).principal is not None
    third = signed_in(sessions)
    assert sessions.visitor(asking(second.cookie)).principal is None
    assert sessions.visitor(asking(first.cookie)).principal is not None
    assert sessions.visitor(asking(third.cookie)).principal is not None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "http://127.0.0.1"},
        {"origin": "http://127.0.0.1:8081"},
        {"origin": "http://evil.example"},
        {"origin": "http://["},
        {"origin": "http://127.0.0.1:8080.evil.example"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "none"},
        {"origin": "http://evil.example", "sec_fetch_site": "same-origin"},
    ],
)
def test_what_another_address_sends_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(NotAllowed, match="not sent by a page"):
        check_origin(asking(**headers))


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://127.0.0.1:8080"}, {"origin": "https://127.0.0.1:8080"}, {"sec_fetch_site": "same-origin"}],
)
def test_what_our_own_pages_send_is_not(headers: dict[str, str]) -> None:
    check_origin(asking(**headers))


def test_a_token_belongs_to_one_browser(sessions: Sessions) -> None:
    one, other = signed_in(sessions), signed_in(sessions)
    request = asking(one.cookie, origin="http://127.0.0.1:8080")
    known = sessions.visitor(request)
    sessions.check(request, known, one.token)
    for token in (other.token, "", one.token[:-1], one.token.upper() + "x", "é"):
        with pytest.raises(NotAllowed):
            sessions.check(request, known, token)


def test_a_browser_without_its_cookie_sends_nothing(sessions: Sessions) -> None:
    request = asking(origin="http://127.0.0.1:8080")
    fresh = sessions.visitor(request)
    with pytest.raises(NotAllowed, match="load it again"):
        sessions.check(request, fresh, fresh.token)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("127.0.0.1:8080", "eyeward_session_8080"),
        ("[::1]:9", "eyeward_session_9"),
        ("eyeward.example.org", "eyeward_session"),
        ("[::1]", "eyeward_session"),
        ("a:999999", "eyeward_session"),
    ],
)
def test_two_services_of_one_machine_have_cookies_of_their_own(host: str, name: str) -> None:
    assert cookie_name(asking(host=host)) == name
