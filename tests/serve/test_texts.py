"""Text beside images goes to a service that judges text; when it does not answer, nothing passes."""

from __future__ import annotations

from typing import Any

import pytest

from eyeward.serve.moderation_scores import STANDARD
from eyeward.serve.service import Service
from eyeward.serve.settings import ServeSettings, Text
from eyeward.serve.texts import KEY_VARIABLE, TextModerator
from tests.engine.remote.fake_service import FakeService, Json, Response
from tests.serve.test_moderations import TEXT, image
from tests.serve.world import BRIGHT, DARK, PROBES, Engine, guard, serving

BAD = {"type": "text", "text": "a bad word"}


def result(text: str) -> Json:
    bad = "bad" in text
    return {
        "flagged": bad,
        "categories": dict.fromkeys(STANDARD, False) | {"harassment": bad},
        "category_scores": dict.fromkeys(STANDARD, 0.01) | {"harassment": 0.9 if bad else 0.1},
        "category_applied_input_types": dict.fromkeys(STANDARD, ["text"]),
    }


def judging(body: Json, number: int) -> Response:
    return Response({"id": "x", "model": "text", "results": [result(text) for text in body["input"]]})


def with_texts(address: str, text: Text = Text.refuse) -> Service:
    texts = TextModerator(f"{address}#text-model", 20.0)
    return Service(guard(Engine()), PROBES, texts=texts, settings=ServeSettings(text=text))


def moderated(client: Any, sent: Any) -> Any:
    answer = client.post("/v1/moderations", json={"input": sent})
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def test_texts_alone_are_judged_there_each_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    with FakeService(judging) as other, serving(with_texts(other.address)) as client:
        assert [r["flagged"] for r in moderated(client, ["a word", "a bad word"])] == [False, True]
        assert [r["flagged"] for r in moderated(client, "a bad word")] == [True]
        path, body, key = other.requests[0]
        assert (path, body["input"], body["model"], key) == (
            "/v1/moderations",
            ["a word", "a bad word"],
            "text-model",
            "Bearer secret",
        )


def test_of_text_and_images_in_one_input_the_worse_counts() -> None:
    with FakeService(judging) as other, serving(with_texts(other.address)) as client:
        for sent, flagged in (
            ([TEXT, image(DARK)], False),
            ([BAD, image(DARK)], True),
            ([TEXT, image(BRIGHT)], True),
            ([TEXT, BAD, TEXT], True),
        ):
            (found,) = moderated(client, sent)
            assert found["flagged"] is flagged
        assert found["category_applied_input_types"]["harassment"] == ["text"]
        (found,) = moderated(client, [TEXT, image(DARK)])
        assert found["category_applied_input_types"]["harassment"] == ["image", "text"]
        assert found["category_scores"]["harassment"] == 0.1
        assert all("data:" not in str(body) for _, body, _ in other.requests), "images stay here"


@pytest.mark.parametrize(
    "answer",
    [
        Response({}, 500),
        Response({}, 401),
        Response("no json"),
        Response({}),
        Response({"results": []}),
        Response({"results": [{"flagged": "no"}]}),
        Response({"results": [result("a"), result("b")]}),
    ],
)
def test_without_an_answer_that_can_be_read_nothing_passes(answer: Response) -> None:
    with FakeService(lambda body, number: answer) as other, serving(with_texts(other.address)) as client:
        for sent in ("a word", [TEXT, image(DARK)]):
            found = client.post("/v1/moderations", json={"input": sent})
            assert found.status_code == 503
            assert "flagged" not in found.text


def test_a_service_that_is_not_there_lets_nothing_pass_even_where_text_could_be_left_out() -> None:
    with FakeService(judging) as other:
        address = other.address
    with serving(with_texts(address, Text.ignore)) as client:
        assert client.post("/v1/moderations", json={"input": [TEXT, image(DARK)]}).status_code == 503
        assert client.post("/v1/moderations", json={"input": [image(DARK)]}).status_code == 200
