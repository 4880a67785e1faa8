"""Requests that schemathesis draws from the schema of the API, those that fit it and those that do not.

They go to the whole application, around a guard that judges by brightness; some of the strings and files in them are
exchanged for real pictures and names, or nothing would ever be judged.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.python.asgi import get_client, shutdown_lifespans
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance
from starlette.testclient import TestClient

from eyeward.serve.app import make_app
from eyeward.serve.policies import PolicyBook
from tests.serve.world import BRIGHT, DARK, LOCAL, coded, data_url, patiently, png, service

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
ADDRESSES = frozenset(("url", "images"))
NAMES = {"policy": "default", "policies": "news", "model": "omni-moderation-latest"}


def answers(count: int, kept: Path) -> Counter[tuple[str, int]]:
    """Send about so many requests and count their answers, by operation and status; `kept` is where policies go.

    Raises:
        FailureGroup: when an answer is an error of the service, or is not as its schema says.
    """
    of = service(book=PolicyBook(kept))
    app: Any = make_app(of)
    described = TestClient(app, base_url=LOCAL).get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(described, config=schemathesis.Config())
    schema.app = app
    schema.hook(map_body)
    found: Counter[tuple[str, int]] = Counter()
    found_there: list[Any] = list(schema.get_all_operations())
    operations = [result.ok() for result in found_there]
    drawn = [each for each in operations if each.method.upper() != "GET" or "{" in each.path]
    # those without a body first: some cannot be missed, and the others take over what was meant for them
    drawn.sort(key=lambda operation: operation.method.upper() != "GET")
    pairs = [(operation, mode) for operation in drawn for mode in schemathesis.GenerationMode]

    def ask(case: Any) -> None:
        response = case.call_and_validate(base_url=LOCAL, checks=CHECKS)
        found[case.operation.label, response.status_code] += 1

    try:
        with get_client(app):  # which starts it, for all requests that follow
            patiently(lambda: of.queue.problem is None)
        for operation in operations:
            if operation not in drawn:
                ask(operation.Case())
        for place, (operation, mode) in enumerate(pairs):
            share = settings(
                max_examples=max(1, -(-(count - found.total()) // (len(pairs) - place))),
                deadline=None,
                database=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            )
            with suppress(Unsatisfiable):
                share(given(case=operation.as_strategy(generation_mode=mode))(ask))()
    finally:
        shutdown_lifespans()
    return found


def map_body(context: Any, body: Any) -> Any:
    """Exchange what stands where an image belongs for a picture, and names for known ones, when its length is even."""
    return _with_pictures(body)


def _with_pictures(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        if value.get("type") == "text" and len(str(value.get("text"))) % 2 == 0:
            return {"type": "image_url", "image_url": {"url": data_url(png(DARK))}}
        return {name: _with_pictures(item, str(name)) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_pictures(item, key) for item in value]
    if not isinstance(value, str | bytes) or len(value) % 2:
        return value
    picture = png(BRIGHT if len(value) % 4 else DARK)
    if key == "image":
        return picture
    if key == "base64":
        return coded(picture)
    if key == "input":
        return [{"type": "image_url", "image_url": {"url": data_url(picture)}}]
    return data_url(picture) if key in ADDRESSES else NAMES.get(key, value)
