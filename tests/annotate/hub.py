"""A Hugging Face Hub of its own on this machine, with one dataset to read: what `hf://` asks for, over real HTTP."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

REPO = "datasets/somebody/pictures"


@dataclass
class Hub:
    """What is there, and what was asked."""

    files: dict[str, bytes]
    endpoint: str = ""
    ranges: list[str] = field(default_factory=list)
    """The pieces of files that were asked for."""


@contextmanager
def running(files: Mapping[str, bytes]) -> Iterator[Hub]:
    """Start one on a free port, and stop it."""
    hub = Hub(dict(files))

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            if path.startswith(f"/{REPO}/resolve/main/"):
                self._send_file(path.removeprefix(f"/{REPO}/resolve/main/"))
            elif path.startswith(f"/api/{REPO}/tree/main"):
                recursive = "recursive=true" in self.path.lower()
                self._send(200, _tree(hub.files, path.removeprefix(f"/api/{REPO}/tree/main").strip("/"), recursive))
            elif path in (f"/api/{REPO}", f"/api/{REPO}/revision/main"):
                about = {"id": REPO.removeprefix("datasets/"), "sha": "0" * 40, "private": False, "siblings": []}
                self._send(200, {**about, "downloads": 0, "likes": 0, "gated": False, "disabled": False, "tags": []})
            else:
                self._send(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})

        def _send_file(self, name: str) -> None:
            wanted = self.headers.get("Range") or f"bytes=0-{len(hub.files[name]) - 1}"
            hub.ranges.append(wanted)
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            piece = hub.files[name][int(first) : int(last) + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(hub.files[name])}")
            self.send_header("Content-Length", str(len(piece)))
            self.end_headers()
            self.wfile.write(piece)

        def _send(self, status: int, content: object, headers: Mapping[str, str] | None = None) -> None:
            text = json.dumps(content).encode()
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _tree(files: Mapping[str, bytes], below: str, recursive: bool) -> list[dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for name, content in files.items():
        for folder in PurePosixPath(name).parents:
            if str(folder) != ".":
                found[str(folder)] = {"type": "directory", "path": str(folder), "oid": "1" * 40, "size": 0}
        oid = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        found[name] = {"type": "file", "path": name, "oid": oid, "size": len(content)}
    inside = {path: entry for path, entry in found.items() if not below or path.startswith(f"{below}/")}
    depth = len(PurePosixPath(below).parts)
    return [entry for path, entry in inside.items() if recursive or len(PurePosixPath(path).parts) == depth + 1]
