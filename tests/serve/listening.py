"""A service behind a real port of this machine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from eyeward.serve.app import make_app
from eyeward.serve.pages.site import PageOptions
from eyeward.serve.service import Service
from tests.serve.world import patiently


@contextmanager
def listening(of: Service, pages: PageOptions | None = None) -> Iterator[str]:
    """Yield its address, from when the engine was probed."""
    opened = socket.create_server(("127.0.0.1", 0))
    port = opened.getsockname()[1]
    app = make_app(of, pages)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="on", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
    thread.start()
    try:
        patiently(lambda: server.started and of.queue.problem != "The engine was not tried yet.")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(60.0)
        opened.close()
