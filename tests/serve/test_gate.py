"""What every request passes: a name, limits, hosts, a line in the log that holds nothing of what was sent."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from eyeward.images.hashes import sha256_of_bytes
from eyeward.images.known import KnownHashes
from eyeward.serve import bodies, logs
from eyeward.serve.app import make_app
from eyeward.serve.keys import Keys
from eyeward.serve.refusals import QueueFull
from eyeward.serve.settings import ServeSettings
from tests.serve.listening import listening
from tests.serve.world import BRIGHT, DARK, Engine, assess, coded, patiently, png, service, serving


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What is logged, as objects."""
    stream = io.StringIO()
    monkeypatch.setattr(logs, "MOST_HELD", 0)
    before = [(logging.getLogger(n), logging.getLogger(n).handlers, logging.getLogger(n).propagate) for n in LOGGERS]
    logs.write_to(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    for logger, handlers, propagate in before:
        logger.handlers, logger.propagate = handlers, propagate


LOGGERS = ("eyeward.serve", "uvicorn")


def test_a_request_has_a_name_of_its_own_or_the_one_it_brings() -> None:
    with serving(service()) as client:
        first, second = (client.get("/health").headers["x-request-id"] for _ in range(2))
        assert first != second
        assert client.get("/health", headers={"x-request-id": "mine-7"}).headers["x-request-id"] == "mine-7"
        for strange in ("a b", "x" * 65, 'a"b'):
            assert client.get("/health", headers={"x-request-id": strange}).headers["x-request-id"] != strange


def test_a_line_of_the_log_says_what_happened_and_nothing_of_what_was_sent(lines: Any) -> None:
    with serving(service()) as client:
        sent = {"images": [{"base64": coded(png(BRIGHT)), "name": "private-name.png"}], "explain": True}
        client.post("/v1/assess", json=sent, headers={"x-request-id": "mine"})
        client.post("/v1/assess", json={"images": [{"url": "https://private-host.example.org/a.png?token=1"}]})
    requests = [line for line in lines() if line["event"] == "request"]
    assert requests[0]["request_id"] == "mine"
    assert (requests[0]["route"], requests[0]["status"], requests[0]["ratings"]) == ("/v1/assess", 200, ["Unsafe"])
    assert (requests[0]["key"], requests[0]["images"]) == ("nobody", 1)
    assert requests[0]["seconds"] > 0
    whole = json.dumps(lines())
    for secret in ("private-name", "private-host", "token", coded(png(BRIGHT))[:40], "Because"):
        assert secret not in whole
    assert [line["event"] for line in lines()][0] == "engine_up"


def test_the_line_of_a_request_says_how_many_of_its_images_are_known(lines: Any) -> None:
    digest = sha256_of_bytes(png(DARK))
    with serving(service(known=KnownHashes(frozenset((digest,))))) as client:
        assess(client, DARK, BRIGHT, policies=["default", "children"])
        assess(client, BRIGHT)
    known, other = [line for line in lines() if line["event"] == "request"]
    assert (known["hash_matches"], known["key"], known["ratings"]) == (1, "nobody", ["Unsafe"] * 4)
    assert "hash_matches" not in other
    assert digest not in json.dumps(lines())


def test_what_goes_wrong_inside_is_logged_without_its_words_and_answered_without_a_verdict(
    lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = service()

    def broken(*arguments: object) -> None:
        raise RuntimeError("secret words")

    with serving(of) as client:
        monkeypatch.setattr(of.queue, "submit", broken)
        answer = assess(client, DARK)
        assert answer.status_code == 500
        assert answer.json()["error"]["type"] == "internal"
        assert "Safe" not in answer.text
    (failed,) = [line for line in lines() if line["event"] == "failed"]
    assert failed["exception"] == "RuntimeError"
    assert failed["where"].startswith("test_gate.py:")
    assert "secret words" not in json.dumps(lines())


def test_a_body_past_the_limit_is_refused_whether_it_says_its_length_or_not() -> None:
    settings = ServeSettings(body_bytes=1000)
    with serving(service(settings=settings)) as client:
        answer = client.post("/v1/assess", content=b"x" * 1001, headers={"content-type": "application/json"})
        assert answer.status_code == 413
        assert "1,000 bytes" in answer.json()["error"]["message"]

        def pieces() -> Iterator[bytes]:
            yield from [b"x" * 500] * 3

        for kind in ("application/json", "multipart/form-data; boundary=x"):
            answer = client.post("/v1/assess", content=pieces(), headers={"content-type": kind})
            assert answer.status_code == 413, kind
        assert client.put("/v1/policies/x", content=b"x" * 1001).status_code == 413


def test_bodies_that_are_too_large_together_are_refused_and_given_back() -> None:
    of = service(settings=ServeSettings(body_bytes=100_000, bytes_in_flight=100_000))
    with serving(of) as client:
        gate: Any = client.app
        of.in_flight.held = 99_990
        answer = assess(client, DARK)
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "1"
        of.in_flight.held = 0
        assert assess(client, DARK).status_code == 200
        assert of.in_flight.held == 0
        assert gate.under_way == 0


@pytest.mark.parametrize("path", ["/v1/assess", "/v1/moderations"])
def test_when_there_is_no_room_nothing_of_a_body_is_read(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    of = service()

    def full(*arguments: object) -> None:
        raise QueueFull(3.0)

    monkeypatch.setattr(of.queue, "check", full)
    sent: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("the body is read")

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": [(b"host", b"localhost")]}
    asyncio.run(make_app(of)(scope, receive, send))
    assert sent[0]["status"] == 429
    assert (b"retry-after", b"3") in sent[0]["headers"]


FORM = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n' + png(DARK) + b"\r\n--x--\r\n"


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("application/json", json.dumps({"images": [{"base64": coded(png(DARK))}]}).encode()),
        ("multipart/form-data; boundary=x", FORM),
    ],
)
def test_when_room_goes_while_a_body_comes_in_nothing_of_it_is_taken_apart(
    kind: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = service()
    for name in ("_asked", "_form", "read_record"):
        monkeypatch.setattr(bodies, name, lambda *given: pytest.fail("the body is taken apart"))

    def full(*arguments: object) -> None:
        raise QueueFull(3.0)

    monkeypatch.setattr(of.queue, "check", lambda *arguments: None)
    half = len(content) // 2
    sent: list[Any] = []

    async def receive() -> Any:
        if not sent:
            sent.append("half of the body")
            return {"type": "http.request", "body": content[:half], "more_body": True}
        monkeypatch.setattr(of.queue, "check", full)
        return {"type": "http.request", "body": content[half:], "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"content-type", kind.encode())]
    scope = {"type": "http", "method": "POST", "path": "/v1/assess", "query_string": b"", "headers": headers}
    asyncio.run(make_app(of)(scope, receive, send))
    assert sent[1]["status"] == 429
    assert (b"retry-after", b"3") in sent[1]["headers"]


@pytest.mark.parametrize("sent_first", [0, 1000, 300_000])
def test_a_connection_goes_on_after_a_body_that_nobody_read(sent_first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    of = service()

    def full(*arguments: object) -> None:
        raise QueueFull(3.0)

    content = b"x" * 300_000
    with listening(of) as address:
        monkeypatch.setattr(of.queue, "check", full)
        parts = urlsplit(address)
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as caller:
            caller.settimeout(60.0)
            answers = caller.makefile("rb")
            head = f"POST /v1/assess HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n\r\n".encode()
            for _ in range(2):
                caller.sendall(head + content[:sent_first])
                assert _read_answer(answers) == 429
                caller.sendall(content[sent_first:])
            caller.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert _read_answer(answers) == 200


def _read_answer(answers: Any) -> int:
    status = int(answers.readline().split()[1])
    length = 0
    while (line := answers.readline()) != b"\r\n":
        name, _, value = line.partition(b":")
        assert name.lower() != b"connection"
        length = int(value) if name.lower() == b"content-length" else length
    assert len(answers.read(length)) == length
    return status


def test_more_requests_than_are_taken_in_are_refused() -> None:
    with serving(service(settings=ServeSettings(concurrency=5))) as client:
        gate: Any = client.app
        gate.under_way = 5
        assert assess(client, DARK).status_code == 429
        assert client.get("/health").status_code == 200, "who looks after the service still may"
        gate.under_way = 0
        assert assess(client, DARK).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example.org", "127.0.0.1.example.org", "10.0.0.1", "", "[::2]:80", "localhost.evil"]
)
def test_without_keys_only_the_names_of_this_machine_are_answered_to(host: str) -> None:
    with serving(service()) as client:
        assert client.get("/v1/models", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "127.8.8.8", "[::1]:8080", "[::1]"])
def test_the_names_of_this_machine(host: str) -> None:
    with serving(service()) as client:
        assert client.get("/v1/models", headers={"host": host}).status_code == 200


FOREIGN = [{"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]


@pytest.mark.parametrize("headers", FOREIGN)
def test_without_keys_no_page_of_another_address_has_anything_judged(headers: dict[str, str]) -> None:
    engine = Engine()
    with serving(service(engine)) as client:
        probed = len(engine.batches)
        answer = client.post("/v1/assess", files={"image": ("a.png", png(DARK))}, headers=headers)
        assert (answer.status_code, answer.json()["error"]["type"]) == (403, "not_allowed")
        assert client.put("/v1/policies/mine", content=b"name: mine", headers=headers).status_code == 403
        assert client.get("/v1/models", headers=headers).status_code == 200
        assert len(engine.batches) == probed
        ours = {"origin": "http://127.0.0.1"}
        assert client.post("/v1/assess", files={"image": ("a.png", png(DARK))}, headers=ours).status_code == 200


def test_with_keys_the_key_decides_and_not_the_page(tmp_path: Any) -> None:
    from tests.serve.test_keys import entry, write

    keys = Keys(write(tmp_path / "keys.yaml", entry("web", "ew_web")))
    with serving(service(keys=keys), "ew_web") as client:
        for headers in FOREIGN:
            answer = client.post("/v1/assess", files={"image": ("a.png", png(DARK))}, headers=headers)
            assert answer.status_code == 200


def test_with_keys_any_name_will_do(tmp_path: Any) -> None:
    from tests.serve.test_keys import entry, write

    keys = Keys(write(tmp_path / "keys.yaml", entry("web", "ew_web")))
    with serving(service(keys=keys), "ew_web") as client:
        assert client.get("/v1/models", headers={"host": "guard.example.org"}).status_code == 200


@pytest.mark.parametrize("length", ["-1", "1e3", "x", "1,000"])
def test_a_length_that_is_no_number_is_refused(length: str) -> None:
    with serving(service()) as client:
        answer = client.post("/v1/assess", content=b"{}", headers={"content-length": length})
        assert answer.status_code == 400


def test_what_is_not_there_is_an_error_of_the_same_form() -> None:
    with serving(service()) as client:
        for answer, status in ((client.get("/nothing"), 404), (client.get("/v1/assess"), 405)):
            assert answer.status_code == status
            assert set(answer.json()) == {"error", "request_id"}
        assert client.get("/v1/assess").headers["allow"] == "POST"


def test_the_page_of_the_api_names_every_route_and_every_record() -> None:
    with serving(service()) as client:
        page = client.get("/openapi.json").json()
        assert {
            "/v1/assess",
            "/v1/moderations",
            "/beta/litellm_basic_guardrail_api",
            "/v1/policies",
            "/v1/policies/{name}",
            "/v1/models",
            "/health",
            "/ready",
            "/metrics",
        } == set(page["paths"])
        text = json.dumps(page)
        for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
            assert name in page["components"]["schemas"], name
        assert client.get("/docs").status_code == 200


def test_the_gate_lets_the_lifespan_through() -> None:
    of = service()
    with serving(of):
        assert of.queue.problem is None
    assert of.queue.problem == "All workers have ended."


def test_a_body_that_trickles_in_or_never_ends_is_refused_in_time() -> None:
    of = service(settings=ServeSettings(deadline=0.3))
    with listening(of) as address:
        parts = urlsplit(address)
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as caller:
            caller.sendall(b"POST /v1/assess HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
            caller.settimeout(60.0)
            assert caller.recv(1000).startswith(b"HTTP/1.1 408")


def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_failure(lines: Any) -> None:
    with listening(service()) as address:
        parts = urlsplit(address)
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as caller:
            caller.sendall(b"POST /v1/assess HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
        patiently(lambda: [line for line in lines() if line["event"] == "request"])
    assert [line["status"] for line in lines() if line["event"] == "request"] == [499]
    assert [line for line in lines() if line["event"] == "failed"] == []
