"""Server-sent events: read in bounded memory, written as OpenAI writes them."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from eyeward.moderate.gateway.refusal import Json, Refusal

_LINE_END = re.compile(rb"\r\n|\n|\r(?=[^\n])")
DONE = "[DONE]"


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event as it came in."""

    name: str
    data: str


async def read_events(pieces: AsyncIterator[bytes], most: int) -> AsyncGenerator[ServerEvent]:
    """Yield events; comments and other fields are left out, and so is an event that was cut off.

    Raises:
        Refusal: when one event is larger than `most` bytes.
    """
    name, data, size = "", list[str](), 0
    async with aclosing(_lines(pieces, most)) as lines:
        async for line in lines:
            if not line:
                if data:
                    yield ServerEvent(name, "\n".join(data))
                name, data, size = "", [], 0
                continue
            field, _, value = line.decode("utf-8", "replace").partition(":")
            value = value.removeprefix(" ")
            size += len(line)
            if size > most:
                raise _too_large(most)
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)


async def _lines(pieces: AsyncIterator[bytes], most: int) -> AsyncGenerator[bytes]:
    buffer, searched = bytearray(), 0
    async for piece in pieces:
        buffer += piece
        start = 0
        while (end := _LINE_END.search(buffer, max(start, searched))) is not None:
            yield bytes(buffer[start : end.start()])
            start = searched = end.end()
        del buffer[:start]
        searched = max(0, len(buffer) - 1)
        if len(buffer) > most:
            raise _too_large(most)
    if buffer:
        yield bytes(buffer.rstrip(b"\r"))


def _too_large(most: int) -> Refusal:
    return Refusal(502, "upstream_answer", f"The image server sent an event of more than {most:,} bytes.")


def written(content: Json) -> bytes:
    """Return an event; its name is the type of its content."""
    name = content.get("type")
    head = f"event: {name}\n" if isinstance(name, str) else ""
    return f"{head}data: {json.dumps(content, ensure_ascii=True)}\n\n".encode()


def written_refusal(refusal: Refusal) -> bytes:
    """Return an error inside a stream that has begun."""
    return written({"type": "error", **refusal.body()})
