"""`/v1/moderations`, as OpenAI's clients use it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

from eyeward.guard import Scored
from eyeward.serve.moderation_scores import STANDARD, Scores
from eyeward.serve.service import Asked, Gone
from eyeward.serve.settings import ServeSettings, Text
from tests.serve.world import BRIGHT, DARK, DEFAULT, Engine, data_url, png, service, serving

WEAPONS = "O6: Weapons or Substance Abuse"


def image(level: int) -> dict[str, object]:
    return {"type": "image_url", "image_url": {"url": data_url(png(level))}}


TEXT = {"type": "text", "text": "a harmless word"}


def test_an_image_is_scored_in_all_categories_of_the_policy_and_in_the_thirteen() -> None:
    with serving(service()) as client:
        answer = client.post("/v1/moderations", json={"model": "omni-moderation-latest", "input": [image(BRIGHT)]})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["model"] == "fake"
        (result,) = body["results"]
        assert result["flagged"] is True
        assert {*STANDARD, *DEFAULT.labels} <= set(result["categories"])
        assert result["categories"][WEAPONS] is True
        assert result["category_scores"]["illicit"] == pytest.approx(0.75 * BRIGHT / 255)
        assert result["category_applied_input_types"]["illicit"] == ["image"]
        assert result["category_applied_input_types"]["sexual/minors"] == []
        assert result["eyeward"]["verdicts"][0]["rating"] == "Unsafe"


def test_several_images_are_one_input_and_the_worst_counts() -> None:
    with serving(service()) as client:
        (result,) = client.post("/v1/moderations", json={"input": [image(DARK), image(BRIGHT)]}).json()["results"]
        assert result["flagged"] is True
        assert len(result["eyeward"]["verdicts"]) == 2
        (result,) = client.post("/v1/moderations", json={"input": [image(DARK), image(DARK)]}).json()["results"]
        assert result["flagged"] is False


def test_a_policy_may_be_named() -> None:
    with serving(service()) as client:
        (result,) = client.post("/v1/moderations", json={"input": [image(DARK)], "policy": "news"}).json()["results"]
        assert result["eyeward"]["verdicts"][0]["policy"]["name"] == "news"
        assert client.post("/v1/moderations", json={"input": [image(DARK)], "policy": "none"}).status_code == 422


@pytest.mark.parametrize("sent", ["a word", ["a word", "another"], [TEXT], [], [TEXT, TEXT]])
def test_text_alone_is_a_clear_error_and_never_unflagged(sent: Any) -> None:
    for text in Text:
        with serving(service(settings=ServeSettings(text=text))) as client:
            answer = client.post("/v1/moderations", json={"input": sent})
            assert answer.status_code == 400
            assert "text is not judged here" in answer.json()["error"]["message"]
            assert "flagged" not in answer.text


def test_text_beside_an_image_is_refused_or_left_out_and_the_answer_says_so() -> None:
    with serving(service()) as client:
        assert client.post("/v1/moderations", json={"input": [TEXT, image(DARK)]}).status_code == 400
    with serving(service(settings=ServeSettings(text=Text.ignore))) as client:
        answer = client.post("/v1/moderations", json={"input": [TEXT, image(DARK)]})
        (result,) = answer.json()["results"]
        assert all("text" not in kinds for kinds in result["category_applied_input_types"].values())


def test_an_image_that_cannot_be_judged_is_an_error_and_no_result() -> None:
    with serving(service()) as client:
        broken = {"type": "image_url", "image_url": {"url": data_url(b"no image")}}
        answer = client.post("/v1/moderations", json={"input": [image(DARK), broken]})
        assert answer.status_code == 422
        assert answer.json()["error"]["code"] == "unsupported_format"
        assert "Image 2" in answer.json()["error"]["message"]
        address = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
        answer = client.post("/v1/moderations", json={"input": [address]})
        assert answer.json()["error"]["code"] == "fetch_refused"


def test_other_models_are_not_here() -> None:
    with serving(service()) as client:
        assert client.post("/v1/moderations", json={"input": [image(DARK)], "model": "fake"}).status_code == 200
        answer = client.post("/v1/moderations", json={"input": [image(DARK)], "model": "gpt-image-1"})
        assert answer.status_code == 404


def test_keys_of_other_clients_are_not_minded() -> None:
    with serving(service()) as client:
        part = {**image(DARK), "image_url": {"url": data_url(png(DARK)), "detail": "low"}}
        assert client.post("/v1/moderations", json={"input": [part], "user": "x"}).status_code == 200


def test_an_engine_that_is_down_is_an_error() -> None:
    engine = Engine()
    with serving(service(engine)) as client:
        engine.trouble = "crash"
        answer = client.post("/v1/moderations", json={"input": [image(DARK)]})
        assert answer.status_code == 503
        assert "flagged" not in answer.text


def test_texts_and_images_share_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_at: list[float] = []
    deadlines: list[float] = []

    class Texts:
        async def each(self, texts: Sequence[str]) -> list[Scores]:
            asked_at.append(time.monotonic())
            return [Scores(flagged=False) for _ in texts]

        async def close(self) -> None:
            return

    of = service()
    judged = of.judged

    async def seen(asked: Asked, gone: Gone) -> list[list[Scored]]:
        deadlines.append(asked.deadline)
        return await judged(asked, gone)

    monkeypatch.setattr(of, "texts", Texts())
    monkeypatch.setattr(of, "judged", seen)
    with serving(of) as client:
        answer = client.post("/v1/moderations", json={"input": [TEXT, image(BRIGHT)]})
    assert answer.json()["results"][0]["flagged"] is True
    assert deadlines[0] <= asked_at[0] + of.settings.deadline
