"""A service on the loopback that gives the answers it is told to, one after another, and keeps what it was sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Json = dict[str, Any]


@dataclass(frozen=True)
class Response:
    """A status and a body; text is sent as it is."""

    body: Json | str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class FakeService:
    """Use it as a context manager. `answer` is told the body of a POST and how many came before."""

    answer: Callable[[Json, int], Response]
    routes: Mapping[str, Json] = field(default_factory=dict)
    """What GET gives."""
    requests: list[tuple[str, Json, str | None]] = field(default_factory=list)
    """Path, body and authorization of each POST."""

    def __enter__(self) -> Self:
        """Start."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        """Its root."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = service.routes.get(self.path)
                self._send(Response(found) if found is not None else Response({"detail": "Not Found"}, 404))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    number = len(service.requests)
                    service.requests.append((self.path, body, self.headers.get("Authorization")))
                self._send(service.answer(body, number))

            def _send(self, response: Response) -> None:
                content = (response.body if isinstance(response.body, str) else json.dumps(response.body)).encode()
                self.send_response(response.status)
                for name, value in {**response.headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
