"""The gateway: what leaves, what does not, and what is said instead."""

from __future__ import annotations

import base64
import io
import json
import socket
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx2
import numpy as np
import pytest
from PIL import Image

from eyeward.guard import Request
from eyeward.moderate.gateway import answer as answer_module
from eyeward.moderate.gateway import app as app_module
from eyeward.moderate.gateway import desk as desk_module
from eyeward.moderate.gateway.desk import Desk
from eyeward.verdict import ModelRef, Verdict
from tests.annotate.world import png
from tests.evaluate.worlds import guard
from tests.moderate.gateway.servers import Asked, ImageServer, Reply, ask, encoded, images, reply, served
from tests.serve.watching import Watch
from tests.serve.world import bmp

SAFE, UNSAFE, DOUBTFUL = png(10), png(250), png(140)
"""The fake guard calls bright pictures unsafe."""


def jpeg(level: int, size: tuple[int, int] = (24, 16)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (level, level, level)).save(buffer, "JPEG")
    return buffer.getvalue()


def answered(answer: Reply, **settings: Any) -> httpx2.Response:
    with ImageServer(answer) as server, served(server.address, **settings) as gateway:
        return ask(gateway)


def no_image(response: httpx2.Response) -> bool:
    return not any(encoded(image)[20:60] in response.text for image in (SAFE, UNSAFE, DOUBTFUL))


class FailingGuard:
    """Fails at every request."""

    model = ModelRef(name="failing", engine="fake")

    def assess_requests(self, requests: Iterable[Request]) -> Iterator[Verdict]:
        raise RuntimeError("out of memory")


class MistakenGuard:
    """Gives verdicts about another image."""

    model = ModelRef(name="mistaken", engine="fake")

    def assess_requests(self, requests: Iterable[Request]) -> Iterator[Verdict]:
        asked = [Request(SAFE, request.policy, request.explain, request.key) for request in requests]
        yield from guard().assess_requests(asked)


def test_a_verdict_about_another_image_lets_nothing_out() -> None:
    response = answered(images(UNSAFE), judge=MistakenGuard())
    assert (response.status_code, response.json()["error"]["code"]) == (502, "image_not_judged")


def test_a_safe_image_leaves_as_it_came_with_its_verdict() -> None:
    response = answered(images(SAFE, size="8x8", usage={"total_tokens": 7, "input_tokens_details": {"text_tokens": 3}}))
    assert response.status_code == 200
    content = response.json()
    assert (content["created"], content["size"]) == (1, "8x8")
    assert content["usage"] == {"total_tokens": 7, "input_tokens_details": {"text_tokens": 3}}
    (entry,) = content["data"]
    assert base64.b64decode(entry["b64_json"]) == SAFE
    assert (entry["eyeward"]["rating"], entry["eyeward"]["policy"]["name"]) == ("Safe", "default")
    assert response.headers["X-Request-Id"]


def test_an_unsafe_image_is_an_error_as_openai_gives_it() -> None:
    response = answered(images(SAFE, UNSAFE))
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["code"], error["type"], error["param"]) == ("moderation_blocked", "image_generation_user_error", None)
    assert "1 of 2 images" in error["message"]
    assert [verdict["rating"] for verdict in response.json()["eyeward"]] == ["Safe", "Unsafe"]
    assert no_image(response)


def test_a_placeholder_stands_in_the_place_of_what_is_unsafe_and_is_marked() -> None:
    found = [{"b64_json": encoded(image), "revised_prompt": "a wish"} for image in (SAFE, jpeg(250))]
    response = answered(reply({"data": found}), on_unsafe="placeholder")
    assert response.status_code == 200
    first, second = response.json()["data"]
    assert base64.b64decode(first["b64_json"]) == SAFE
    assert "placeholder" not in first
    picture = Image.open(io.BytesIO(base64.b64decode(second["b64_json"])))
    assert (picture.format, picture.size, picture.getextrema()) == ("JPEG", (24, 16), ((0, 0),) * 3)
    assert (second["placeholder"], second["eyeward"]["rating"]) == (True, "Unsafe")
    assert (first["revised_prompt"], "revised_prompt" in second) == ("a wish", False)


def test_a_blurred_picture_keeps_a_few_spots_of_colour() -> None:
    original = Image.effect_noise((64, 64), 90).convert("RGB").point(lambda level: 128 + level // 2)
    buffer = io.BytesIO()
    original.save(buffer, "PNG")
    (entry,) = answered(images(buffer.getvalue()), on_unsafe="blur").json()["data"]
    picture = Image.open(io.BytesIO(base64.b64decode(entry["b64_json"]))).convert("L")
    levels = np.asarray(picture, int)
    low, high = levels.min(), levels.max()
    assert picture.size == (64, 64)
    assert high - low < 40  # the noise is gone
    assert low > 100


@pytest.mark.parametrize(("on_review", "status"), [(None, 400), ("report", 200), ("error", 400)])
def test_what_the_guard_abstains_on_is_treated_like_unsafe_unless_said_otherwise(
    on_review: str | None, status: int
) -> None:
    response = answered(images(DOUBTFUL), judge=guard(band=(0.4, 0.6)), on_review=on_review)
    assert response.status_code == status
    found = response.json()["eyeward"] if status == 400 else [entry["eyeward"] for entry in response.json()["data"]]
    assert [verdict["rating"] for verdict in found] == ["Review"]


def test_reported_images_leave_with_their_verdict() -> None:
    (entry,) = answered(images(UNSAFE), on_unsafe="report").json()["data"]
    assert (base64.b64decode(entry["b64_json"]), entry["eyeward"]["rating"]) == (UNSAFE, "Unsafe")


def test_nothing_leaves_when_the_guard_fails() -> None:
    response = answered(images(SAFE), judge=FailingGuard())
    assert (response.status_code, response.json()["error"]["code"]) == (502, "image_not_judged")
    assert response.headers["X-Should-Retry"] == "false"
    assert no_image(response)


@pytest.mark.parametrize(
    "data",
    [
        [{"b64_json": "!!!"}],
        [{"b64_json": encoded(b"no image at all")}],
        [{"b64_json": encoded(SAFE[:40])}],
        [{}],
        ["text"],
        [{"url": "http://["}],
        [{"b64_json": None, "url": None}],
    ],
)
@pytest.mark.parametrize("on_unsafe", ["error", "report"])
def test_what_cannot_be_judged_does_not_leave(data: list[object], on_unsafe: str) -> None:
    response = answered(reply({"data": data}), on_unsafe=on_unsafe)
    if on_unsafe == "report" and response.status_code == 200:  # bytes that are no picture, with their error
        assert response.json()["data"][0]["eyeward"]["status"] == "error"
    else:
        assert (response.status_code, response.json()["error"]["code"]) == (502, "image_not_judged")


def test_an_image_that_cannot_be_judged_becomes_a_placeholder_where_one_is_wanted() -> None:
    (entry,) = answered(reply({"data": [{"b64_json": "!!!"}]}), on_unsafe="blur").json()["data"]
    picture = Image.open(io.BytesIO(base64.b64decode(entry["b64_json"])))
    assert picture.getextrema() == ((0, 0),) * 3
    assert entry["eyeward"]["status"] == "error"


@pytest.mark.parametrize("content", [{}, {"data": []}, {"data": None}, {"data": {}}, []])
def test_an_answer_without_images_is_an_error_and_never_an_empty_list(content: object) -> None:
    response = answered(reply(content))
    assert (response.status_code, response.json()["error"]["code"]) == (502, "upstream_answer")


def test_only_known_fields_leave() -> None:
    hidden = encoded(UNSAFE)
    response = answered(
        reply(
            {
                "created": 5,
                "images": [hidden],
                "quality": hidden,
                "usage": {"total_tokens": 1, "picture": hidden},
                "data": [
                    {
                        "b64_json": encoded(SAFE),
                        "url": "http://127.0.0.1:1/other.png",
                        "thumbnail": hidden,
                        "revised_prompt": f"a test, see https://example.org/a.png or {hidden * 3}",
                    }
                ],
            }
        )
    )
    assert response.status_code == 200
    assert "images" not in response.json()
    (entry,) = response.json()["data"]
    assert sorted(entry) == ["b64_json", "eyeward", "revised_prompt"]
    assert entry["revised_prompt"] == "a test, see [left out] or [left out]"
    assert hidden[:60] not in response.text
    assert response.json()["usage"] == {"total_tokens": 1}


def test_more_images_than_allowed_are_an_error() -> None:
    response = answered(images(SAFE, SAFE, SAFE), most_images=2)
    assert response.json()["error"]["code"] == "upstream_answer"


def test_images_by_address_are_fetched_from_the_image_server_and_come_as_bytes() -> None:
    def answer(asked: Asked) -> Reply:
        if asked.method == "GET":
            return Reply((SAFE,), kind="image/png")
        return reply({"data": [{"url": f"http://{asked.headers['host']}/made/1.png"}]})

    with ImageServer(answer) as server, served(server.address) as gateway:
        (entry,) = ask(gateway).json()["data"]
    assert base64.b64decode(entry["b64_json"]) == SAFE
    assert "url" not in entry
    assert [(asked.method, asked.path) for asked in server.asked][1] == ("GET", "/made/1.png")


def test_an_unsafe_image_by_address_does_not_leave_and_its_address_neither() -> None:
    def answer(asked: Asked) -> Reply:
        if asked.method == "GET":
            return Reply((UNSAFE,), kind="image/png")
        return reply({"data": [{"url": f"http://{asked.headers['host']}/made/1.png"}]})

    with ImageServer(answer) as server, served(server.address) as gateway:
        response = ask(gateway)
    assert response.status_code == 400
    assert "/made/1.png" not in response.text


@pytest.mark.parametrize(
    "address",
    ["https://elsewhere.example.org/secret.png", "http://127.0.0.2/secret.png", "file:///etc/secret.png"],
)
def test_images_elsewhere_are_refused_without_telling_their_address(address: str) -> None:
    response = answered(reply({"data": [{"url": address}]}))
    assert (response.status_code, response.json()["error"]["code"]) == (502, "image_not_judged")
    assert response.json()["eyeward"][0]["error"]["type"] == "fetch_refused"
    assert "secret" not in response.text


def test_data_addresses_are_images() -> None:
    address = f"data:image/png;base64,{encoded(SAFE)}"
    (entry,) = answered(reply({"data": [{"url": address}]})).json()["data"]
    assert base64.b64decode(entry["b64_json"]) == SAFE
    assert answered(reply({"data": [{"url": f"data:image/png;base64,{encoded(UNSAFE)}"}]})).status_code == 400


def test_errors_of_the_image_server_pass_without_images() -> None:
    error = {"message": f"bad prompt, see data:image/png;base64,{encoded(UNSAFE)}", "code": "bad", "type": "user_error"}
    response = answered(reply({"error": error, "data": [{"b64_json": encoded(UNSAFE)}]}, 400))
    assert response.status_code == 400
    assert response.json() == {
        "error": {"message": "bad prompt, see [left out]", "type": "user_error", "param": None, "code": "bad"}
    }


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (reply({"error": {"message": "slow down"}}, 429, Retry_After="7"), 429, "upstream_error"),
        (Reply((b"<html>",), 500, "text/html"), 500, "upstream_error"),
        (Reply((), 302, headers={"Location": "http://127.0.0.1:1/"}), 502, "upstream_answer"),
        (Reply((b"<html>",), kind="text/html"), 502, "upstream_answer"),
        (Reply(images(SAFE).pieces, headers={"Content-Encoding": "gzip"}), 502, "upstream_answer"),
        (Reply((b'{"data": [',), headers={"Content-Length": "100"}), 502, "upstream_answer"),
        (Reply((b" " * 5000,)), 502, "upstream_answer"),
    ],
)
def test_other_answers_are_errors_with_a_code(answer: Reply, status: int, code: str) -> None:
    response = answered(answer, most_answer_bytes=4000)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    if status == 429:
        assert response.headers["Retry-After"] == "7"


def test_an_image_server_that_is_not_there_is_an_error() -> None:
    with served("http://127.0.0.1:9/v1") as gateway:
        response = ask(gateway)
    assert (response.status_code, response.json()["error"]["code"]) == (502, "upstream_unavailable")


def test_a_slow_image_server_is_given_up_at_the_deadline() -> None:
    response = answered(Reply((5.0, b"{}")), deadline=0.3)
    assert (response.status_code, response.json()["error"]["code"]) == (504, "deadline")


def test_requests_are_sent_on_as_they_came() -> None:
    with ImageServer(images(SAFE)) as server, served(server.address) as gateway:
        ask(gateway, json={"prompt": "x", "n": 2}, headers={"Authorization": "Bearer mine", "Cookie": "a=b"})
        files = {"image": ("a.png", SAFE, "image/png")}
        edit = ask(gateway, "/images/edits?api-version=1", json=None, data={"prompt": "y"}, files=files)
    assert edit.status_code == 200
    first, second = server.asked
    assert (first.path, first.body) == ("/v1/images/generations", b'{"prompt":"x","n":2}')
    assert (first.headers["authorization"], first.headers["accept-encoding"]) == ("Bearer mine", "identity")
    assert "cookie" not in first.headers
    assert second.path == "/v1/images/edits?api-version=1"
    assert second.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert SAFE in second.body


def test_keys_of_clients_are_checked_and_stay_here() -> None:
    with (
        ImageServer(images(SAFE)) as server,
        served(server.address, key="ours", upstream_key="theirs") as gateway,
    ):
        assert ask(gateway).status_code == 401
        assert ask(gateway, headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert ask(gateway, headers={"Authorization": "Bearer ours"}).status_code == 200
    assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer theirs"]


SENDERS = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Host": "evil.example"},
]


@pytest.mark.parametrize("headers", SENDERS)
def test_without_a_key_no_page_in_a_browser_has_images_made(headers: dict[str, str]) -> None:
    with (
        ImageServer(images(SAFE)) as server,
        served(server.address, upstream_key="paid for") as gateway,
    ):
        for route in ("/images/generations", "/images/edits"):
            answer = ask(gateway, route, json=None, content=b'{"prompt": "x"}', headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_allowed")
        ours = {"Origin": gateway.removesuffix("/v1")}
        assert ask(gateway, headers=ours).status_code == 200
    assert len(server.asked) == 1


def test_without_a_key_nothing_is_told_to_another_name_of_this_machine() -> None:
    with ImageServer(images(SAFE)) as server, served(server.address) as gateway:
        for what in ("health", "ready", "metrics"):
            address = f"{gateway.removesuffix('/v1')}/{what}"
            assert httpx2.get(address, headers={"Host": "evil.example"}).status_code == 403
            assert httpx2.get(address, timeout=60).status_code == 200


def test_with_a_key_the_key_decides_and_not_where_it_comes_from() -> None:
    with ImageServer(images(SAFE)) as server, served(server.address, key="ours") as gateway:
        for headers in SENDERS:
            assert ask(gateway, headers={"Authorization": "Bearer ours", **headers}).status_code == 200


def test_a_mistake_of_the_gateway_is_an_error_without_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    def mistaken(self: Desk, *inputs: object) -> object:
        raise KeyError("no such thing")

    monkeypatch.setattr(Desk, "_entry", mistaken)
    response = answered(images(SAFE))
    assert (response.status_code, response.json()["error"]["code"]) == (500, "internal")
    assert response.headers["X-Should-Retry"] == "false"
    assert no_image(response)


def test_the_key_of_a_client_is_not_sent_on_where_it_is_ours() -> None:
    with ImageServer(images(SAFE)) as server, served(server.address, key="ours") as gateway:
        assert ask(gateway, headers={"Authorization": "Bearer ours"}).status_code == 200
    assert "authorization" not in server.asked[0].headers


def test_nothing_else_of_the_image_server_is_served() -> None:
    with ImageServer(images(UNSAFE)) as server, served(server.address) as gateway:
        for route in ("/images/variations", "/models", "/images/generations/../models"):
            assert ask(gateway, route).json()["error"]["code"] == "not_found"
        assert httpx2.get(f"{gateway}/images/generations").status_code == 405
        assert httpx2.get(gateway.removesuffix("/v1") + "/health").json() == {"status": "ok"}
    assert server.asked == []


def test_a_request_that_is_too_large_is_refused() -> None:
    with ImageServer(images(SAFE)) as server, served(server.address, most_request_bytes=1000) as gateway:
        assert ask(gateway, json={"prompt": "x" * 2000}).status_code == 413
    assert server.asked == []


def test_more_requests_than_allowed_are_told_to_come_later() -> None:
    going, release = threading.Event(), threading.Event()

    def answer(asked: Asked) -> Reply:
        going.set()
        release.wait(60)
        return images(SAFE)

    with ImageServer(answer) as server, served(server.address, most_under_way=1) as gateway:
        first: list[int] = []
        thread = threading.Thread(target=lambda: first.append(ask(gateway).status_code))
        thread.start()
        assert going.wait(60)
        busy = ask(gateway)
        release.set()
        thread.join()
        after = ask(gateway)
    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "1")
    assert (first, after.status_code) == ([200], 200)


def test_work_for_a_client_that_went_away_is_given_up() -> None:
    going = threading.Event()

    def answer(asked: Asked) -> Reply:
        going.set()
        slowly: list[bytes | float] = [0.1, b" "] * 600
        return Reply(slowly)

    with ImageServer(answer) as server, served(server.address, most_under_way=1) as gateway:
        parts = urlsplit(gateway)
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as client:
            head = "POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            client.sendall(f"{head}Content-Length: 2\r\n\r\n{{}}".encode())
            assert going.wait(60)
        assert server.broken.wait(30)


def test_every_request_leaves_one_line_in_the_log_without_its_content(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level("INFO", logger="eyeward.gateway"),
        ImageServer(images(SAFE)) as server,
        served(server.address) as gateway,
    ):
        ask(gateway, json={"prompt": "a secret wish"})
    (line,) = [record.getMessage() for record in caplog.records if record.name == "eyeward.gateway"]
    assert '"status": 200' in line
    assert "secret" not in line


def test_an_error_under_the_status_200_is_an_error() -> None:
    response = answered(reply({"error": {"message": "no", "code": "bad_prompt"}}))
    assert (response.status_code, response.json()["error"]["code"]) == (502, "bad_prompt")


def test_every_client_gets_its_own_image_and_verdict() -> None:
    def answer(asked: Asked) -> Reply:
        return images(png(json.loads(asked.body)["level"]))

    def wish(level: int) -> tuple[int, int, bytes | None]:
        response = ask(gateway, json={"level": level})
        data = response.json().get("data")
        return level, response.status_code, base64.b64decode(data[0]["b64_json"]) if data else None

    with ImageServer(answer) as server, served(server.address) as gateway, ThreadPoolExecutor(16) as clients:
        found = list(clients.map(wish, range(4, 256, 4)))
    for level, status, image in found:
        assert (status, image) == ((400, None) if level > 127 else (200, png(level)))


def test_others_need_not_wait_while_large_images_are_taken_apart_and_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(monkeypatch)
    watch(answer_module, "decoded")
    watch(desk_module, "_sha256")
    watch(app_module, "parsed")
    assert answered(images(bmp(10, 320))).status_code == 200
    assert sorted(watch.in_loop) == [("_sha256", False), ("decoded", False), ("parsed", False)]
