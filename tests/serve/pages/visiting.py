"""A browser of a few lines: it keeps cookies, and sends the token and the origin that a page of ours would send."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.testclient import TestClient

from eyeward.serve.app import make_app
from eyeward.serve.pages.site import PageOptions
from eyeward.serve.service import Service
from tests.serve.world import LOCAL, patiently

PAGE = {"accept": "text/html"}
DATA = {"accept": "application/json"}


@dataclass
class Visit:
    """A client that looks at pages."""

    client: TestClient

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers={**PAGE, **headers}, follow_redirects=False)

    def page(self, path: str) -> str:
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return str(answer.text)

    @property
    def token(self) -> str:
        return token_of(self.client.get("/sign-in", headers=PAGE).text)

    def send(self, path: str, data: object = None, token: str | None = None, **more: Any) -> Any:
        """Post as a script of ours does."""
        headers = {**DATA, "x-csrf-token": self.token if token is None else token, "origin": LOCAL}
        given = more if data is None else {"json": data, **more}
        return self.client.post(path, headers=headers, follow_redirects=False, **given)

    def submit(self, path: str, **fields: str) -> Any:
        """Post as a form of ours does."""
        content = urlencode({"csrf": self.token, **fields})
        headers = {**PAGE, "origin": LOCAL, "content-type": "application/x-www-form-urlencoded"}
        return self.client.post(path, content=content, headers=headers, follow_redirects=False)

    def sign_in(self, key: str, **fields: str) -> Any:
        return self.submit("/sign-in", key=key, **fields)


def token_of(page: str) -> str:
    """Return the token that stands in a page."""
    found = re.search(r'<meta name="csrf" content="([0-9a-f]{64})">', page)
    assert found is not None, page
    return found[1]


@contextmanager
def visiting(of: Service, pages: PageOptions | None = None) -> Iterator[Visit]:
    """Serve pages in this process, from when the engine was probed."""
    app = make_app(of, pages or PageOptions())
    with TestClient(app, base_url=LOCAL, raise_server_exceptions=False) as client:
        patiently(lambda: of.queue.problem != "The engine was not tried yet.")
        yield Visit(client)
