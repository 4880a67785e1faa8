"""A small S3, as far as a run asks one: conditional puts, ends of objects, lists in pages, deletes; its bad days."""

from __future__ import annotations

import hashlib
import html
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

BUCKET = "bucket"
OUT = f"s3://{BUCKET}/run"
_PAGE = 7
"""Keys that a list shows at once."""


class Trouble(Enum):
    """What goes wrong with a request."""

    refused = auto()
    """It is not done, and 503 is said."""
    lost = auto()
    """It is done, and 500 is said."""
    cut = auto()
    """It is done, and the connection breaks before anything is said."""


@dataclass(frozen=True)
class Stored:
    """An object."""

    data: bytes
    modified: float

    @property
    def e_tag(self) -> str:
        """Return what changes with the content."""
        return f'"{hashlib.md5(self.data).hexdigest()}"'


class FakeS3(ThreadingHTTPServer):
    """A bucket on this machine."""

    def __init__(self) -> None:
        """Listen on a free port."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lock = threading.Lock()
        self.objects: dict[str, Stored] = {}
        self.requests: list[tuple[str, str]] = []
        """Methods and keys."""
        self.troubles: Iterator[Trouble | None] = repeat(None)
        """Of one request after the other."""
        self.is_conditional = True
        """Whether it looks at conditions of puts."""
        self.refuses_conditions = False
        """Whether it says that it does not know such things."""
        self.ahead = 0.0
        """Seconds that its clock is ahead."""

    @property
    def environment(self) -> dict[str, str]:
        """Return what leads clients here."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.server_address[1]}",
            "AWS_REGION": "us-east-1",
            "AWS_SKIP_SIGNATURE": "true",
            "NO_PROXY": "127.0.0.1",
        }

    @property
    def written(self) -> dict[str, bytes]:
        """Return all that a run promises to write the same, as `world.written` does."""
        names = {key.removeprefix("run/"): stored.data for key, stored in self.objects.items()}
        return {name: data for name, data in names.items() if name.endswith((".safety.parquet", "run.json"))}

    @property
    def finished(self) -> int:
        """Count the finished shards."""
        return sum(name.endswith(".safety.parquet") for name in self.written)

    @property
    def momentary(self) -> list[str]:
        """Return what should not be there once a run is over."""
        return sorted(key for key in self.objects if "/.claims/" in key)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that were killed."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: FakeS3

    def do_PUT(self) -> None:
        with self._request() as go:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            if go:
                self._put(data)

    def do_GET(self) -> None:
        with self._request() as go:
            if go and self._query.get("list-type"):
                self._list()
            elif go:
                self._get()

    do_HEAD = do_GET

    def do_DELETE(self) -> None:
        with self._request() as go:
            if go:
                self.server.objects.pop(self._key, None)
                self._answer(204)

    def do_POST(self) -> None:
        with self._request() as go:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if go:
                assert "delete" in self._query
                keys = [html.unescape(key) for key in re.findall("<Key>(.*?)</Key>", body)]
                for key in keys:
                    self.server.objects.pop(key, None)
                told = "".join(f"<Deleted><Key>{html.escape(key)}</Key></Deleted>" for key in keys)
                self._answer(200, f"<DeleteResult>{told}</DeleteResult>".encode())

    @contextmanager
    def _request(self) -> Iterator[bool]:
        address = urlsplit(self.path)
        bucket, _, self._key = unquote(address.path).removeprefix("/").partition("/")
        self._query = parse_qs(address.query, keep_blank_values=True)
        with self.server.lock:
            self.server.requests.append((self.command, self._key))
            trouble = next(self.server.troubles)
            self._lost, self._cut = trouble is Trouble.lost, trouble is Trouble.cut
            if bucket != BUCKET:
                yield False
                self._fail(404, "NoSuchBucket")
            elif trouble is Trouble.refused:
                yield False
                self._fail(503, "SlowDown")
            else:
                yield True

    def _put(self, data: bytes) -> None:
        there = self.server.objects.get(self._key)
        wanted = self.headers.get("If-Match")
        if self.server.refuses_conditions and self.headers.get("If-None-Match"):
            self._fail(501, "NotImplemented")
        elif self.server.is_conditional and self.headers.get("If-None-Match") == "*" and there is not None:
            self._fail(412, "PreconditionFailed")
        elif self.server.is_conditional and wanted is not None and there is None:
            self._fail(404, "NoSuchKey")
        elif self.server.is_conditional and wanted is not None and there is not None and there.e_tag != wanted:
            self._fail(412, "PreconditionFailed")
        else:
            self.server.objects[self._key] = stored = Stored(data, time.time() + self.server.ahead)
            self._answer(200, headers={"ETag": stored.e_tag})

    def _get(self) -> None:
        there = self.server.objects.get(self._key)
        if there is None:
            self._fail(404, "NoSuchKey")
            return
        headers = {"ETag": there.e_tag, "Last-Modified": formatdate(there.modified, usegmt=True)}
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if wanted is None:
            self._answer(200, there.data, headers)
            return
        size = len(there.data)
        first = int(wanted[1]) if wanted[1] else max(0, size - int(wanted[2]))
        last = min(size, int(wanted[2]) + 1) if wanted[1] and wanted[2] else size
        headers["Content-Range"] = f"bytes {first}-{last - 1}/{size}"
        self._answer(206, there.data[first:last], headers)

    def _list(self) -> None:
        prefix = self._query.get("prefix", [""])[0]
        after = self._query.get("continuation-token", [""])[0]
        keys = sorted(key for key in self.server.objects if key.startswith(prefix) and key > after)
        shown = "".join(self._shown(key) for key in keys[:_PAGE])
        more = len(keys) > _PAGE
        token = f"<NextContinuationToken>{html.escape(keys[_PAGE - 1])}</NextContinuationToken>" if more else ""
        listed = f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{shown}"
        self._answer(200, f"<ListBucketResult>{listed}</ListBucketResult>".encode())

    def _shown(self, key: str) -> str:
        stored = self.server.objects[key]
        modified = datetime.fromtimestamp(stored.modified, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return (
            f"<Contents><Key>{html.escape(key)}</Key><LastModified>{modified}</LastModified>"
            f"<ETag>{html.escape(stored.e_tag)}</ETag><Size>{len(stored.data)}</Size></Contents>"
        )

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        if self._cut:
            self.close_connection = True
            return
        if self._lost:
            self._lost = False
            self._fail(500, "InternalError")
            return
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _fail(self, status: int, code: str) -> None:
        self._lost = False
        self._answer(status, f"<Error><Code>{code}</Code><Message>No.</Message></Error>".encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[FakeS3]:
    """Serve an empty bucket."""
    server = FakeS3()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
