"""A client that costs little, so that two cores are left to what is measured: HTTP/1.1 by hand, many connections."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

HOST = "127.0.0.1"


@dataclass
class Outcome:
    """One request."""

    status: int
    seconds: float
    late: float = 0.0
    """Seconds by which it was sent after its time."""


@dataclass
class Load:
    """Everything that came back, and how long it took."""

    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, status: int) -> int:
        """Count answers."""
        return sum(outcome.status == status for outcome in self.outcomes)

    def statuses(self) -> dict[int, int]:
        """Count all answers by status; 0 is none."""
        return {status: self.count(status) for status in sorted({outcome.status for outcome in self.outcomes})}

    def quantile(self, share: float, status: int) -> float:
        """Return the seconds within which so many of the answers with a status came; nan where there are none."""
        found = sorted(outcome.seconds for outcome in self.outcomes if outcome.status == status)
        return found[min(len(found) - 1, int(share * len(found)))] if found else float("nan")


def request_bytes(image: bytes) -> bytes:
    """Return a request that posts one image as a form, which needs no coding of the bytes."""
    body = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n' + image + b"\r\n--x--\r\n"
    head = (
        "POST /v1/assess HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


class _Connection:
    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> int:
        """Return the status of the answer; 0 when there is none."""
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(HOST, self._port)
            reader, writer = self._streams
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            lower = head.lower()
            length = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            if b"connection: close" in lower:
                self.close()
            return int(head.split(b" ", 2)[1])
        except (OSError, asyncio.IncompleteReadError, IndexError, ValueError):
            self.close()
            return 0

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


async def open_loop(port: int, requests: list[bytes], rate: float, seconds: float, connections: int) -> Load:
    """Send requests at a rate, whether the answers come or not."""
    load, began = Load(), time.monotonic() + 0.1
    numbers = iter(range(int(rate * seconds)))

    async def work() -> None:
        connection = _Connection(port)
        for number in numbers:
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            sent = time.monotonic()
            status = await connection.ask(requests[number % len(requests)])
            load.outcomes.append(Outcome(status, time.monotonic() - sent, sent - due))
        connection.close()

    await asyncio.gather(*(work() for _ in range(connections)))
    load.seconds = time.monotonic() - began
    return load


async def closed_loop(port: int, requests: list[bytes], seconds: float, connections: int) -> Load:
    """Have so many callers ask again as soon as they are answered."""
    load, began = Load(), time.monotonic()

    async def work(first: int) -> None:
        connection = _Connection(port)
        number = first
        while time.monotonic() - began < seconds:
            sent = time.monotonic()
            status = await connection.ask(requests[number % len(requests)])
            load.outcomes.append(Outcome(status, time.monotonic() - sent))
            number += connections
        connection.close()

    await asyncio.gather(*(work(first) for first in range(connections)))
    load.seconds = time.monotonic() - began
    return load


async def in_turns(
    port: int, requests: list[bytes], alone: Callable[[int], float], seconds: float
) -> tuple[Load, list[float]]:
    """Ask for one image at a time, each right after `alone` took its seconds for it; return what was added as well."""
    load, began, added = Load(), time.monotonic(), []
    connection = _Connection(port)
    number = 0
    while time.monotonic() - began < seconds:
        own = alone(number)
        sent = time.monotonic()
        status = await connection.ask(requests[number % len(requests)])
        load.outcomes.append(Outcome(status, time.monotonic() - sent))
        if number >= len(requests):  # all were seen once, here and there
            added.append(load.outcomes[-1].seconds - own)
        number += 1
    connection.close()
    load.seconds = time.monotonic() - began
    return load, added


async def is_ready(port: int) -> bool:
    """Whether a service judges."""
    connection = _Connection(port)
    status = await connection.ask(b"GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
    connection.close()
    return status == 200


def as_json(load: Load) -> dict[str, object]:
    """Return the figures of a load."""
    return {
        "requests": len(load.outcomes),
        "seconds": round(load.seconds, 2),
        "statuses": json.loads(json.dumps(load.statuses())),
        "ok_per_second": round(load.count(200) / load.seconds, 1),
        "ok_p50_ms": round(1000 * load.quantile(0.5, 200), 2),
        "ok_p99_ms": round(1000 * load.quantile(0.99, 200), 2),
        "refused_p99_ms": round(1000 * load.quantile(0.99, 429), 2),
        "late_p99_ms": round(1000 * sorted(o.late for o in load.outcomes)[int(0.99 * (len(load.outcomes) - 1))], 1),
    }
