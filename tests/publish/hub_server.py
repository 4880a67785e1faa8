"""A Hub of its own on this machine: the few requests of `huggingface_hub` that publishing makes, over real HTTP."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0" * 40


@dataclass
class HubServer:
    """What is there, and what came in."""

    repos: dict[str, bool] = field(default_factory=dict)
    """Whether each is private, by `datasets/owner/name`."""
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refuse: int | None = None
    """The status that everything is answered with."""
    asked: list[str] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    endpoint: str = ""


@contextmanager
def running() -> Iterator[HubServer]:
    """Start one on a free port, and stop it."""
    state = HubServer()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            self._answer(*_get(state, self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer(*_post(state, self.path, body))

        def _answer(self, status: int, content: object) -> None:
            state.asked.append(f"{self.command} {self.path}")
            state.tokens.add(self.headers.get("Authorization"))
            if state.refuse is not None:
                status, content = state.refuse, {"error": "no"}
            text = json.dumps(content).encode()
            self.send_response(status)
            if status == 404:
                self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _get(state: HubServer, path: str) -> tuple[int, object]:
    repo = path.partition("?")[0].removeprefix("/api/").split("/revision/")[0]
    if repo not in state.repos:
        return 404, {"error": "Repository not found"}
    name = repo.partition("/")[2]
    counts = {"downloads": 0, "likes": 0, "gated": False, "disabled": False, "tags": [], "siblings": []}
    return 200, {"id": name, "author": "somebody", "private": state.repos[repo], "sha": COMMIT, **counts}


def _post(state: HubServer, path: str, body: bytes) -> tuple[int, object]:
    if path == "/api/repos/create":
        wanted = json.loads(body)
        repo = f"{wanted.get('type', 'model')}s/{wanted['organization']}/{wanted['name']}"
        state.repos[repo] = bool(wanted.get("private")) or wanted.get("visibility") == "private"
        return 200, {"url": f"{state.endpoint}/{repo.removeprefix('models/')}", "id": "1"}
    if path == "/api/validate-yaml":
        return 200, {"errors": [], "warnings": []}
    repo = "/".join(path.removeprefix("/api/").split("/")[:3])
    if repo not in state.repos:
        return 404, {"error": "Repository not found"}
    if "/preupload/" in path:
        names = [file["path"] for file in json.loads(body)["files"]]
        return 200, {"files": [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]}
    if "/commit/" in path:
        kept = state.files.setdefault(repo, {})
        for line in body.decode().splitlines():
            entry = json.loads(line)
            if entry["key"] == "file":
                kept[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
        url = f"{state.endpoint}/{repo}/commit/{COMMIT}"
        return 200, {"success": True, "commitUrl": url, "commitOid": COMMIT, "hookOutput": ""}
    return 400, {"error": f"nobody expected {path}"}
