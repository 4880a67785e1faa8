"""The web hook: what it is sent, and that nothing about it is silent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from eyeward.errors import UsageError
from eyeward.evaluate.monitor.telling import check_address, tell
from eyeward.evaluate.monitor.watching import watch
from tests.evaluate.monitor.streams import window

FOUND = watch([window("a", {"NA": 500})], [window("b", {"NA": 200, "O6": 300})])


@contextmanager
def hook(status: int) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Listen on this machine, and remember what came."""
    heard: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(status)
            self.send_header("location", "http://127.0.0.1:9/elsewhere")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/alarms", heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_alarms_are_posted_as_json_without_any_image() -> None:
    with hook(204) as (address, heard):
        assert tell(address, FOUND) is None
    (body,) = heard
    assert set(body) == {"eyeward", "policy", "windows", "alarms"}
    assert body["windows"] == 1 and isinstance(body["alarms"], list)
    assert {"window", "kind", "what", "sentence"} == set(body["alarms"][0])


@pytest.mark.parametrize("status", [302, 404, 500])
def test_an_answer_that_is_no_yes_is_told_and_no_redirect_is_followed(status: int) -> None:
    with hook(status) as (address, heard):
        said = tell(address, FOUND)
    assert said == f"The web hook answered {status}; it may not have taken the alarms." and len(heard) == 1


def test_nobody_there_is_told() -> None:
    with hook(200) as (address, _):
        pass
    said = tell(address, FOUND)
    assert said is not None and said.startswith("The web hook could not be told: ")


@pytest.mark.parametrize("address", ["ftp://host/x", "host/x", "http://", "file:///etc/passwd"])
def test_what_is_no_address_is_refused_before_anything_is_computed(address: str) -> None:
    with pytest.raises(UsageError, match="begins with http:// or https://"):
        check_address(address)
