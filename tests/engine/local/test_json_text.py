"""No sequence of accepted tokens breaks the JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeward.engine.local.json_text import JsonText

PIECES = [
    b'"',
    b"\\",
    b"u",
    b"d8",
    b"3d",
    b"de",
    b"00",
    b"n",
    b"\n",
    b"a",
    b" ",
    b'."',
    b'"}',
    b"\xc3",
    b"\xa9",
    b"\xff",
]


def write(*tokens: bytes, head: bytes = b"", tail: bytes = b"}") -> JsonText | None:
    state: JsonText | None = JsonText(head, tail)
    for token in tokens:
        state = None if state is None else state.after(token)
    return state


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(min_size=1, max_size=4)), max_size=60))
def test_whatever_is_accepted_is_valid_json_once_closed(tokens: list[bytes]) -> None:
    state = JsonText(b"", b"}")
    for token in tokens:
        state = state.after(token) or state
        if state.closed:
            break
    text = json.loads(f'{{"rationale": "{state.raw}"}}')["rationale"]
    assert text == state.text
    text.encode("utf-8")


@given(st.text(max_size=40), st.booleans())
def test_every_json_string_is_accepted_byte_by_byte(text: str, ascii_only: bool) -> None:
    text = text.encode("utf-8", "replace").decode()
    state: JsonText | None = JsonText(b"", b"}")
    for byte in json.dumps(text, ensure_ascii=ascii_only)[1:].encode():
        assert state is not None
        state = state.after(bytes([byte]))
    assert state is not None
    assert state.closed
    assert state.text == text


@pytest.mark.parametrize(
    "token", [b"\n", b"\x00", b"\\x", b"\\u12g", b"\\ud800a", b"\\udc00", b"\x80", b"\xc3(", b'"]', b""]
)
def test_what_would_break_the_string_is_refused(token: bytes) -> None:
    assert write(token) is None


def test_a_token_may_span_forced_text_free_text_and_the_end() -> None:
    state = write(b'"The end."}', head=b'"')
    assert state is not None
    assert (state.closed, state.text, state.tail) == (True, "The end.", b"")
    assert write(b"The", head=b'"') is None


def test_text_that_is_cut_ends_before_an_unfinished_escape() -> None:
    state = write(b"a", b"\\u00")
    assert state is not None
    assert (state.text, state.closed) == ("a", False)
    state = write(b"a\xc3")
    assert state is not None
    assert state.text == "a"
