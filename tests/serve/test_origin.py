"""Who sent a request, by what browsers say of themselves."""

from __future__ import annotations

import pytest

from eyeward.serve.origin import is_foreign, is_of_page, problem_with_sender

HERE = {"host": "127.0.0.1:8080"}
FOREIGN = [
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": ""},
    {"origin": "http://127.0.0.1:3000"},
    {"origin": "http://["},
    {"origin": "http://evil.example", "sec-fetch-site": "same-origin"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "something new"},
]
OURS = [{"origin": "http://127.0.0.1:8080"}, {"sec-fetch-site": "same-origin"}]
OF_PROGRAMS: list[dict[str, str]] = [{}, {"sec-fetch-site": "none"}]


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_page_of_another_address_is_foreign(headers: dict[str, str]) -> None:
    assert is_foreign({**HERE, **headers})
    assert not is_of_page({**HERE, **headers})
    assert "A page of another address" in (problem_with_sender("POST", {**HERE, **headers}) or "")
    assert problem_with_sender("GET", {**HERE, **headers}) is None, "it may lead here, and cannot read the answer"


@pytest.mark.parametrize("headers", OURS)
def test_a_page_of_this_address_is_not(headers: dict[str, str]) -> None:
    assert is_of_page({**HERE, **headers})
    assert problem_with_sender("POST", {**HERE, **headers}) is None


@pytest.mark.parametrize("headers", OF_PROGRAMS)
def test_what_names_no_address_was_sent_by_a_program(headers: dict[str, str]) -> None:
    assert not is_of_page({**HERE, **headers})
    assert problem_with_sender("POST", {**HERE, **headers}) is None


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_name_of_this_machine_is_refused_whoever_asks(method: str) -> None:
    for host in ("evil.example", "192.168.0.7:8080", ""):
        assert "localhost" in (problem_with_sender(method, {"host": host}) or "")
    assert "localhost" in (problem_with_sender(method, {}) or "")
    same = {"host": "evil.example", "origin": "http://evil.example"}
    assert problem_with_sender(method, same) is not None
