"""The contract with a moderation service: what is sent, what is read, and that nothing odd is taken for an answer."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from PIL import Image
from pydantic import SecretStr

from eyeward.engine.protocol import ImageSegment, Prompt, RawAnswer
from eyeward.engine.remote.connection import Unreadable
from eyeward.engine.remote.moderations import ModerationsEngine, read_moderation
from eyeward.engine.remote.settings import RemoteSettings
from eyeward.engine.scored_labels import form_of, scores_in
from eyeward.errors import ErrorType
from tests.engine.remote.fake_service import FakeService, Response
from tests.engine.remote.moderation_answers import SEEN, moderation

FORM = form_of(SEEN)
PROMPT = Prompt((ImageSegment(0),), (Image.new("RGB", (8, 6), (200, 30, 30)),), FORM)


@contextmanager
def engine_on(answer: Callable[[dict[str, Any], int], Response]) -> Iterator[tuple[ModerationsEngine, FakeService]]:
    with FakeService(answer) as service:
        settings = RemoteSettings(
            address=service.address,
            model="omni-moderation-latest",
            key=SecretStr("secret-key"),
            attempts=3,
            first_wait=0.005,
            longest_wait=0.01,
            concurrency=4,
        )
        engine = ModerationsEngine(settings)
        try:
            yield engine, service
        finally:
            engine.close()


def asked(answer: Callable[[dict[str, Any], int], Response]) -> tuple[RawAnswer, int]:
    with engine_on(answer) as (engine, service):
        (found,) = engine.judge([PROMPT])
        return found, len(service.requests)


def test_an_image_is_sent_alone_and_scores_come_back() -> None:
    with engine_on(lambda body, number: Response(moderation(("violence",)))) as (engine, service):
        (answer,) = engine.judge([PROMPT])
    assert scores_in(FORM, answer) == pytest.approx({**dict.fromkeys(SEEN, 1e-5), "violence": 0.97})
    assert answer.written == {**dict.fromkeys(SEEN, "no"), "violence": "yes"}
    ((path, body, authorization),) = service.requests
    assert (path, authorization) == ("/v1/moderations", "Bearer secret-key")
    assert list(body) == ["model", "input"]
    ((part),) = body["input"]
    assert part["type"] == "image_url"
    assert part["image_url"]["url"].startswith("data:image/png;base64,")


def test_answers_stand_in_the_order_of_their_images() -> None:
    def answer(body: dict[str, Any], number: int) -> Response:
        return Response(moderation((SEEN[len(body["input"][0]["image_url"]["url"]) % 2],)))

    pictures = [Image.effect_noise((8 + size, 8), 50).convert("RGB") for size in range(9)]
    with engine_on(answer) as (engine, service):
        answers = list(engine.judge([Prompt((ImageSegment(0),), (picture,), FORM) for picture in pictures]))
        alone = [next(engine.judge([Prompt((ImageSegment(0),), (picture,), FORM)])) for picture in pictures]
    assert [answer.written for answer in answers] == [answer.written for answer in alone]
    assert len(service.requests) == 18


@pytest.mark.parametrize("status", [429, 500])
def test_a_busy_service_is_asked_again(status: int) -> None:
    answer, times = asked(
        lambda body, number: Response(moderation()) if number else Response({"error": {"message": "wait"}}, status)
    )
    assert (answer.error, times) == (None, 2)


def test_a_service_that_stays_busy_is_an_error() -> None:
    answer, times = asked(lambda body, number: Response({"error": "no"}, 429))
    assert answer.error is not None
    assert (answer.error.type, times) == (ErrorType.engine_unavailable, 3)
    assert answer.scores == ()


def test_a_refused_key_is_an_error_that_does_not_show_it() -> None:
    answer, times = asked(lambda body, number: Response({"error": {"message": "secret-key is wrong"}}, 401))
    assert answer.error is not None
    assert (answer.error.type, times) == (ErrorType.engine_unavailable, 1)
    assert "EYEWARD_API_KEY" in answer.error.message
    assert "secret-key" not in answer.error.message


@pytest.mark.parametrize("body", ['{"results": [', "[]", '{"results": []}', json.dumps({"results": [{}, {}]})])
def test_a_broken_response_is_asked_for_once_more_and_then_an_error(body: str) -> None:
    answer, times = asked(lambda body_sent, number: Response(body))
    assert answer.error is not None
    assert (answer.error.type, times) == (ErrorType.unparsable_answer, 2)
    healed, _ = asked(lambda body_sent, number: Response(body) if number == 0 else Response(moderation()))
    assert healed.error is None


def changed(key: str, **values: Any) -> dict[str, Any]:
    answer = moderation()
    answer["results"][0][key] = {**answer["results"][0][key], **values}
    return answer


def without(key: str, label: str | None = None) -> dict[str, Any]:
    answer = moderation()
    result = answer["results"][0]
    if label is None:
        del result[key]
    else:
        del result[key][label]
    return answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (without("category_applied_input_types"), "category_applied_input_types"),
        (without("category_applied_input_types", "violence"), "did not look for violence"),
        (without("category_scores", "sexual"), "did not look for sexual"),
        (changed("category_applied_input_types", violence=["text"]), "did not look for violence"),
        (changed("category_scores", violence=None), "did not look for violence"),
        (changed("category_scores", violence=1.5), "no probability"),
        (changed("category_scores", violence=-0.1), "no probability"),
        (changed("category_scores", violence=math.nan), "is none"),
        (changed("categories", **{"weapons/new": True}), "flags the image for weapons/new"),
        (moderation(flagged=True), "for no category"),
    ],
)
def test_a_response_that_leaves_something_open_is_refused(answer: dict[str, Any], said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        read_moderation(answer, SEEN)


def test_written_is_what_the_service_decides_and_not_what_is_likelier() -> None:
    answer = changed("category_scores", violence=0.3, sexual=0.6)
    answer["results"][0]["categories"] |= {"violence": True, "sexual": False}
    assert read_moderation(answer, SEEN).written == {**dict.fromkeys(SEEN, "no"), "violence": "yes"}
    answer["results"][0]["categories"]["sexual"] = None  # no decision is given
    assert read_moderation(answer, SEEN).written["sexual"] == "yes"


def test_scores_of_categories_that_were_not_looked_for_are_never_read() -> None:
    answer = read_moderation(changed("category_scores", hate=0.0, illicit=0.9), SEEN)
    assert {scores.slot for scores in answer.scores} == set(SEEN)
    assert answer.error is None
