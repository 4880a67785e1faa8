"""Events are read the same however the bytes are cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeward.moderate.gateway.refusal import Refusal
from eyeward.moderate.gateway.sse import ServerEvent, read_events, written

TEXT = (
    b'event: one\ndata: {"a":\ndata:  1}\n\n: comment\n\nid: 5\nretry: 9\ndata: second\n\nevent: empty\n\ndata: cut off'
)


def events_of(pieces: list[bytes], most: int = 10_000) -> list[ServerEvent]:
    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def read() -> list[ServerEvent]:
        return [event async for event in read_events(body(), most)]

    return asyncio.run(read())


@given(st.lists(st.integers(0, len(TEXT)), max_size=8), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_events_do_not_depend_on_how_they_are_cut(cuts: list[int], end: bytes) -> None:
    text = TEXT.replace(b"\n", end)
    places = [0, *sorted(cut for cut in cuts), len(text)]
    pieces = [text[start:stop] for start, stop in zip(places, places[1:], strict=False)]
    assert events_of(pieces) == [ServerEvent("one", '{"a":\n 1}'), ServerEvent("", "second")]


def test_what_is_written_can_be_read() -> None:
    content: dict[str, object] = {"type": "x.y", "text": "two\nlines é"}
    (event,) = events_of([written(content)])
    assert (event.name, event.data) == ("x.y", '{"type": "x.y", "text": "two\\nlines \\u00e9"}')


def test_a_line_without_an_end_is_not_kept_for_ever() -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield b"x" * 100

    async def read() -> list[ServerEvent]:
        return [event async for event in read_events(endless(), 1000)]

    with pytest.raises(Refusal):
        asyncio.run(read())
    assert taken == 11


@pytest.mark.parametrize("text", [b"data: " + b"x" * 200, b"data: x\n" * 40])
def test_an_event_that_is_too_large_is_refused(text: bytes) -> None:
    with pytest.raises(Refusal, match="100 bytes"):
        events_of([text], most=100)
