"""An image server that answers as it is told, and a gateway before it, both on the loopback."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import uvicorn

from eyeward.annotate.judging import Judge
from eyeward.moderate.gateway.app import gateway_app
from eyeward.moderate.gateway.panel import Panel
from eyeward.moderate.gateway.settings import GatewaySettings
from eyeward.policy import Policy
from tests.evaluate.worlds import guard

Json = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """A request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """An answer; numbers among its pieces are seconds to wait."""

    pieces: Sequence[bytes | float]
    status: int = 200
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def reply(content: object, status: int = 200, **headers: str) -> Reply:
    """Answer with JSON."""
    return Reply((json.dumps(content).encode(),), status, headers={k.replace("_", "-"): v for k, v in headers.items()})


def images(*found: bytes, **others: object) -> Reply:
    """Answer with images in base64."""
    return reply({"created": 1, "data": [{"b64_json": encoded(image)} for image in found], **others})


def events(*contents: Json | bytes) -> Reply:
    """Answer with a stream of events."""
    pieces = [
        content if isinstance(content, bytes) else f"event: {content['type']}\ndata: {json.dumps(content)}\n\n".encode()
        for content in contents
    ]
    return Reply(pieces, kind="text/event-stream")


def encoded(image: bytes) -> str:
    """Return base64."""
    return base64.b64encode(image).decode()


class _Patient(ThreadingHTTPServer):
    """Has all clients of a test wait in line: five, the default, are soon past, and the others find nobody there."""

    request_queue_size = 64


class ImageServer:
    """Answers on threads of its own, and remembers what it was asked. Use it as a context manager."""

    def __init__(self, answer: Callable[[Asked], Reply] | Reply) -> None:
        self.asked: list[Asked] = []
        self.broken = threading.Event()
        """Set when a client went away before the end of an answer."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers, body)
                server.asked.append(asked)
                said = answer if isinstance(answer, Reply) else answer(asked)
                try:
                    self.send_response(said.status)
                    for name, value in {"Content-Type": said.kind, **said.headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    for piece in said.pieces:
                        if isinstance(piece, float):
                            time.sleep(piece)
                        else:
                            self.wfile.write(piece)
                            self.wfile.flush()
                except OSError:
                    server.broken.set()

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = _Patient(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> ImageServer:
        """Start."""
        self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        """Root of its routes."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"


@contextmanager
def served(
    upstream: str, judge: Judge | Panel | None = None, policy: str = "default", **settings: Any
) -> Iterator[str]:
    """Serve a gateway and give the root of its routes; its guard calls bright pictures unsafe."""
    made = GatewaySettings(upstream=upstream, **settings)
    app = gateway_app(made, judge or guard(), Policy.load(policy))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", ws="none", lifespan="on"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
    finally:
        server.should_exit = True
        thread.join(timeout=60)
        assert not thread.is_alive()


def ask(gateway: str, route: str = "/images/generations", **said: Any) -> httpx2.Response:
    """Ask a gateway for an image."""
    said.setdefault("json", {"prompt": "a test"})
    return httpx2.post(f"{gateway}{route}", timeout=60, **said)


def received(response: httpx2.Response) -> list[Json]:
    """Return the events of an answer."""
    found = []
    for block in response.text.split("\n\n"):
        lines = [line.removeprefix("data: ") for line in block.splitlines() if line.startswith("data: ")]
        if lines:
            found.append(json.loads("\n".join(lines)))
    return found
