"""Streams through the gateway: half-finished images, finished ones, errors, silence."""

from __future__ import annotations

import base64
from typing import Any

import httpx2
import pytest

from eyeward.moderate.gateway.desk import Desk
from tests.annotate.world import png
from tests.moderate.gateway.servers import ImageServer, Json, Reply, ask, encoded, events, received, served

SAFE, UNSAFE, OTHER = png(10), png(250), png(30)


def partial(image: bytes, number: int = 0, stem: str = "image_generation") -> Json:
    return {
        "type": f"{stem}.partial_image",
        "b64_json": encoded(image),
        "partial_image_index": number,
        "created_at": 1,
        "size": "8x8",
    }


def completed(image: bytes, stem: str = "image_generation", **others: object) -> Json:
    return {"type": f"{stem}.completed", "b64_json": encoded(image), "created_at": 2, "usage": {"a": 1}, **others}


def streamed(answer: Reply, **settings: Any) -> httpx2.Response:
    with ImageServer(answer) as server, served(server.address, **settings) as gateway:
        return ask(gateway, json={"prompt": "x", "stream": True, "partial_images": 2})


def kinds(response: httpx2.Response) -> list[str]:
    return [event["type"] for event in received(response)]


@pytest.mark.parametrize("stem", ["image_generation", "image_edit"])
def test_the_finished_image_leaves_and_half_finished_ones_stay(stem: str) -> None:
    response = streamed(events(partial(OTHER, stem=stem), completed(SAFE, stem), b"data: [DONE]\n\n"))
    assert response.headers["Content-Type"].startswith("text/event-stream")
    (event,) = received(response)
    assert (event["type"], event["created_at"], event["usage"]) == (f"{stem}.completed", 2, {"a": 1})
    assert base64.b64decode(event["b64_json"]) == SAFE
    assert event["eyeward"]["rating"] == "Safe"


def test_an_unsafe_finished_image_is_an_error_with_a_status_when_nothing_has_left() -> None:
    response = streamed(events(partial(UNSAFE), completed(UNSAFE)))
    assert (response.status_code, response.json()["error"]["code"]) == (400, "moderation_blocked")
    assert encoded(UNSAFE)[20:60] not in response.text


def test_half_finished_images_are_judged_one_by_one_where_that_is_wanted() -> None:
    answer = events(partial(SAFE, 0), partial(UNSAFE, 1), partial(OTHER, 2), completed(SAFE))
    response = streamed(answer, partials="judge")
    found = received(response)
    assert [event.get("partial_image_index") for event in found] == [0, 2, None]
    assert all(event["eyeward"]["rating"] == "Safe" for event in found)
    assert encoded(UNSAFE)[20:60] not in response.text


def test_an_unsafe_finished_image_behind_others_is_an_error_event() -> None:
    response = streamed(events(partial(SAFE), completed(UNSAFE)), partials="judge")
    assert response.status_code == 200
    assert kinds(response) == ["image_generation.partial_image", "error"]
    assert received(response)[1]["error"]["code"] == "moderation_blocked"
    assert encoded(UNSAFE)[20:60] not in response.text


def test_a_placeholder_may_stand_in_its_place() -> None:
    (event,) = received(streamed(events(completed(UNSAFE)), on_unsafe="placeholder"))
    assert (event["type"], event["placeholder"]) == ("image_generation.completed", True)
    assert base64.b64decode(event["b64_json"]) != UNSAFE


def test_events_and_fields_that_nobody_knows_stay() -> None:
    unknown = {"type": "image_generation.preview", "b64_json": encoded(UNSAFE)}
    response = streamed(events(unknown, b": a comment\n\n", completed(SAFE, preview=encoded(UNSAFE))))
    assert kinds(response) == ["image_generation.completed"]
    assert encoded(UNSAFE)[20:60] not in response.text


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (events(), "upstream_answer"),
        (events(partial(SAFE)), "upstream_answer"),
        (events(b"data: [DONE]\n\n"), "upstream_answer"),
        (events(b"data: no json\n\n"), "upstream_answer"),
        (events(b'event: error\ndata: {"message": "no", "code": "bad"}\n\n'), "bad"),
        (events(b'data: {"error": {"message": "no", "code": "bad"}}\n\n'), "bad"),
        (events(b"data: " + b"x" * 9000), "upstream_answer"),
        (events({"type": "image_generation.completed"}), "image_not_judged"),
        (events({"type": "image_generation.completed", "b64_json": "!!"}), "image_not_judged"),
    ],
)
def test_a_stream_without_a_finished_image_is_an_error(answer: Reply, code: str) -> None:
    response = streamed(answer, most_answer_bytes=8000)
    assert response.status_code == 502
    assert response.json()["error"]["code"] == code


def test_a_stream_that_breaks_off_says_so() -> None:
    answer = events(partial(SAFE), completed(SAFE))
    cut = Reply(answer.pieces[:1], kind=answer.kind, headers={"Content-Length": "100000"})
    found = received(streamed(cut, partials="judge"))
    assert [event["type"] for event in found] == ["image_generation.partial_image", "error"]


def test_a_mistake_of_the_gateway_in_a_stream_is_an_error_event(monkeypatch: pytest.MonkeyPatch) -> None:
    def mistaken(self: Desk, *inputs: object) -> object:
        raise KeyError("no such thing")

    monkeypatch.setattr(Desk, "_moderated", mistaken)
    response = streamed(events(partial(SAFE), completed(UNSAFE)), partials="judge")
    assert kinds(response) == ["image_generation.partial_image", "error"]
    assert received(response)[1]["error"]["code"] == "internal"


def test_the_deadline_holds_in_the_middle_of_a_stream() -> None:
    first = events(partial(SAFE)).pieces[0]
    going_on: list[bytes | float] = [0.1, b": still there\n\n"] * 600
    slow = Reply([first, *going_on], kind="text/event-stream")
    found = received(streamed(slow, partials="judge", deadline=3.0))
    assert [event["type"] for event in found] == ["image_generation.partial_image", "error"]
    assert found[1]["error"]["code"] == "deadline"


def test_a_client_that_leaves_a_stream_frees_its_place() -> None:
    first = events(partial(SAFE)).pieces[0]
    going_on: list[bytes | float] = [0.1, b": still there\n\n"] * 600
    endless = Reply([first, *going_on], kind="text/event-stream")
    with (
        ImageServer(endless) as server,
        served(server.address, partials="judge", most_under_way=1) as gateway,
    ):
        with httpx2.stream("POST", f"{gateway}/images/generations", json={}) as response:
            assert response.status_code == 200
            next(response.iter_raw())
        assert server.broken.wait(30)
        with httpx2.stream("POST", f"{gateway}/images/generations", json={}) as again:
            assert again.status_code == 200
