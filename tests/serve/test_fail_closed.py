"""Whatever goes wrong, no answer says Safe: every way to ask, against every trouble there is."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from eyeward.serve.queue import QueueLimits
from eyeward.serve.settings import ServeSettings
from tests.serve.world import BRIGHT, DARK, Engine, coded, data_url, png, service, serving


def ask_assess(client: TestClient, image: bytes) -> Any:
    return client.post("/v1/assess", json={"images": [{"base64": coded(image)}]})


def ask_form(client: TestClient, image: bytes) -> Any:
    return client.post("/v1/assess", files=[("image", ("a.png", image))])


def ask_moderations(client: TestClient, image: bytes) -> Any:
    part = {"type": "image_url", "image_url": {"url": data_url(image)}}
    return client.post("/v1/moderations", json={"input": [part]})


def ask_guardrail(client: TestClient, image: bytes) -> Any:
    return client.post("/beta/litellm_basic_guardrail_api", json={"images": [coded(image)], "texts": []})


@pytest.fixture(scope="module")
def sound() -> Iterator[TestClient]:
    with serving(service()) as client:
        yield client


WAYS: list[Callable[[TestClient, bytes], Any]] = [ask_assess, ask_form, ask_moderations, ask_guardrail]


def passes(answer: Any) -> bool:
    """Whether a client that reads an answer as it is meant would show the image."""
    if answer.status_code != 200:
        assert "Safe" not in answer.text
        assert '"flagged"' not in answer.text
        assert '"action"' not in answer.text
        return False
    body = answer.json()
    if "action" in body:
        return bool(body["action"] == "NONE")
    if "results" in body:
        return not all(result["flagged"] or any(result["categories"].values()) for result in body["results"])
    ratings = [verdict["rating"] for verdict in body["verdicts"]]
    assert body["flagged"] is (set(ratings) != {"Safe"})
    return not body["flagged"]


@pytest.mark.parametrize("way", WAYS)
def test_only_what_the_guard_calls_safe_passes(way: Callable[[TestClient, bytes], Any]) -> None:
    with serving(service()) as client:
        assert passes(way(client, png(DARK)))
        assert not passes(way(client, png(BRIGHT)))
        for broken in (b"", b"no image", png(DARK)[:40], png(DARK)[:45]):
            assert not passes(way(client, broken))


@pytest.mark.parametrize("trouble", ["crash", "unavailable", "deadline", "unparsable", "few", "slow"])
@pytest.mark.parametrize("way", WAYS)
def test_nothing_passes_while_something_is_wrong_with_the_engine(
    way: Callable[[TestClient, bytes], Any], trouble: str
) -> None:
    engine = Engine()
    settings = ServeSettings(deadline=0.1 if trouble == "slow" else 60.0, queue=QueueLimits(retry_seconds=0.05))
    with serving(service(engine, settings=settings)) as client:
        engine.trouble, engine.hold = trouble, threading.Event() if trouble == "slow" else None
        for _ in range(3):
            answer = way(client, png(DARK))
            assert not passes(answer)
            assert answer.status_code in (200, 422, 429, 503, 504)
        if engine.hold is not None:
            engine.hold.set()


@pytest.mark.parametrize(("trouble", "status"), [("patchy unavailable", 503), ("patchy deadline", 504)])
@pytest.mark.parametrize("way", WAYS)
def test_an_image_that_a_sound_engine_did_not_answer_is_an_error_to_ask_again(
    way: Callable[[TestClient, bytes], Any], trouble: str, status: int
) -> None:
    with serving(service(Engine(trouble=trouble))) as client:
        answer = way(client, png(7))
        assert answer.status_code == status
        assert not passes(answer)
        assert passes(way(client, png(DARK)))


@pytest.mark.parametrize("way", WAYS)
def test_nothing_passes_while_the_service_stops(way: Callable[[TestClient, bytes], Any]) -> None:
    of = service()
    with serving(of) as client:
        of.queue.stop()
        assert way(client, png(DARK)).status_code == 503
        assert not passes(way(client, png(DARK)))


@pytest.mark.parametrize("part", ["service.judged", "queue.submit", "book.find", "metrics.verdict", "keys.principal"])
@pytest.mark.parametrize("way", WAYS)
def test_nothing_passes_when_a_part_of_the_service_fails(
    way: Callable[[TestClient, bytes], Any], part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = service()
    owner, _, name = part.partition(".")
    target = of if owner == "service" else getattr(of, owner)

    def broken(*arguments: object, **more: object) -> None:
        raise ValueError("broken")

    with serving(of) as client:
        monkeypatch.setattr(target, name, broken)
        answer = way(client, png(DARK))
        assert answer.status_code == 500
        assert not passes(answer)


@given(
    body=st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=10) | st.integers(),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["images", "base64", "url", "input", "type", "image_url", "policies", "text", "model"]
                    ),
                    inner,
                    max_size=3,
                )
            ),
            max_leaves=8,
        ).map(lambda value: json.dumps(value).encode()),
    ),
    path=st.sampled_from(["/v1/assess", "/v1/moderations"]),
    kind=st.sampled_from(["application/json", "multipart/form-data; boundary=x", "", "text/plain"]),
)
def test_no_body_makes_an_error_of_the_service_or_passes(sound: TestClient, body: bytes, path: str, kind: str) -> None:
    answer = sound.post(path, content=body, headers={"content-type": kind})
    assert answer.status_code < 500, answer.text
    assert not passes(answer)
