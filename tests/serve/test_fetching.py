"""Images that are sent as addresses: judged like others, fetched within the limits of request and service."""

from __future__ import annotations

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

import pytest

from eyeward.images.fetch import Fetcher, FetchLimits, FetchRules
from eyeward.serve.queue import QueueLimits
from eyeward.serve.refusals import QueueFull
from eyeward.serve.service import Service
from eyeward.serve.settings import ServeSettings
from tests.moderate.gateway.servers import Asked, ImageServer, Reply
from tests.serve.listening import listening
from tests.serve.world import BRIGHT, DARK, assess, bmp, coded, patiently, png, service, serving

DRIPPING = Reply([0.1, b" "] * 6000, kind="image/png")
"""Ten minutes."""


def reaching(server: ImageServer, settings: ServeSettings | None = None) -> Service:
    """Return a service that fetches from a server, under a name, for as long as somebody waits."""
    rules = FetchRules(
        hosts=frozenset(("images.example.org",)),
        schemes=frozenset(("http",)),
        ports=frozenset((urlsplit(server.address).port or 0,)),
        also_allowed=(ip_network("127.0.0.0/8"),),
    )
    fetcher = Fetcher(rules, FetchLimits(seconds=3600.0), resolve=lambda host, port: ("127.0.0.1",))
    return service(fetcher=fetcher, settings=settings)


def at(server: ImageServer, path: str = "/a.png") -> dict[str, str]:
    return {"url": f"http://images.example.org:{urlsplit(server.address).port}{path}", "name": path}


def test_what_is_fetched_is_judged_among_what_was_sent() -> None:
    def answer(asked: Asked) -> Reply:
        return Reply((png(BRIGHT if "bright" in asked.path else DARK),), kind="text/html")

    with ImageServer(answer) as server:
        of = reaching(server)
        sent = [at(server, "/dark"), {"base64": coded(png(BRIGHT)), "name": "sent"}, at(server, "/bright")]
        with serving(of) as client:
            verdicts = client.post("/v1/assess", json={"images": sent}).json()["verdicts"]
    assert [(verdict["image"], verdict["rating"]) for verdict in verdicts] == [
        ("/dark", "Safe"),
        ("sent", "Unsafe"),
        ("/bright", "Unsafe"),
    ]
    assert of.in_flight.held == 0


def test_an_image_that_cannot_be_fetched_is_an_error_of_its_own() -> None:
    with ImageServer(Reply((b"no",), status=404)) as server, serving(reaching(server)) as client:
        sent = [at(server), {"base64": coded(png(DARK))}]
        answer = client.post("/v1/assess", json={"images": sent}).json()
    assert answer["flagged"] is True
    assert [verdict["rating"] for verdict in answer["verdicts"]] == [None, "Safe"]
    assert answer["verdicts"][0]["error"]["type"] == "fetch_failed"


def test_a_host_that_takes_longer_than_the_deadline_is_left() -> None:
    with ImageServer(DRIPPING) as server, serving(reaching(server)) as client:
        answer = client.post("/v1/assess", json={"images": [at(server)], "deadline_seconds": 0.3})
        assert (answer.status_code, answer.json()["error"]["type"]) == (504, "deadline")
        assert server.broken.wait(60.0)


def test_nothing_is_fetched_for_a_client_that_went_away() -> None:
    with ImageServer(DRIPPING) as server:
        of = reaching(server)
        sent = json.dumps({"images": [at(server)]}).encode()
        head = f"POST /v1/assess HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(sent)}\r\n\r\n".encode()
        with listening(of) as address:
            parts = urlsplit(address)
            with socket.create_connection((parts.hostname or "", parts.port or 0)) as caller:
                caller.sendall(head + sent)
                patiently(lambda: server.asked)
            assert server.broken.wait(60.0)
            patiently(lambda: of.in_flight.held == 0)


def test_no_more_are_fetched_at_the_same_time_than_the_service_says() -> None:
    lock, release = threading.Lock(), threading.Event()
    open_now, most = [0], [0]

    def answer(asked: Asked) -> Reply:
        with lock:
            open_now[0] += 1
            most[0] = max(most[0], open_now[0])
        release.wait(60.0)
        with lock:
            open_now[0] -= 1
        return Reply((png(DARK),), kind="image/png")

    settings = ServeSettings(deadline=60.0, fetches=3, queue=QueueLimits(probe_seconds=60.0))
    with (
        ImageServer(answer) as server,
        serving(reaching(server, settings)) as client,
        ThreadPoolExecutor(3) as callers,
    ):
        sent = {"images": [at(server)] * 4}
        asked = callers.map(lambda _: client.post("/v1/assess", json=sent).status_code, range(3))
        patiently(lambda: len(server.asked) == 3)
        assert not release.wait(0.2), "time for a fourth"
        release.set()
        assert list(asked) == [200] * 3
    assert most == [3]
    assert len(server.asked) == 12


def test_fetched_images_count_with_the_bodies() -> None:
    large = bmp(DARK, 60)
    settings = ServeSettings(body_bytes=15_000, bytes_in_flight=15_000, queue=QueueLimits(probe_seconds=60.0))
    with ImageServer(Reply((large,), kind="image/bmp")) as server:
        of = reaching(server, settings)
        with serving(of) as client:
            answer = client.post("/v1/assess", json={"images": [at(server)] * 2})
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
            patiently(lambda: of.in_flight.held == 0)
            assert client.post("/v1/assess", json={"images": [at(server)]}).status_code == 200
            assert assess(client, DARK).status_code == 200
            assert of.in_flight.held == 0


def test_nothing_is_fetched_that_there_is_no_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(questions: int, *more: Any) -> None:
        if questions > 1:
            raise QueueFull(3.0)

    with ImageServer(DRIPPING) as server:
        of = reaching(server)
        with serving(of) as client:
            monkeypatch.setattr(of.queue, "check", full)
            answer = client.post("/v1/assess", json={"images": [at(server)] * 2, "deadline_seconds": 5})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    assert server.asked == []
