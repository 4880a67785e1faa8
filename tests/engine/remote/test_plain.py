"""Plain answers over chat: read strictly, scored where the labels stand, never guessed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
from PIL import Image

import eyeward
from eyeward.engine.protocol import ImageSegment, Prompt, RawAnswer
from eyeward.engine.remote.connection import Unreadable
from eyeward.engine.remote.engine import RemoteEngine
from eyeward.engine.remote.plain import read_plain
from eyeward.engine.remote.settings import RemoteSettings
from eyeward.engine.scored_labels import YesNo, form_of, scores_in
from eyeward.errors import ErrorType
from eyeward.guard.profiles.llama_guard import ANSWER, HAZARD, UNSAFE
from eyeward.guard.profiles.llama_guard import form_of as hazards
from eyeward.policy import Policy
from eyeward.verdict import Rating
from tests.engine.remote.fake_service import FakeService, Response

FORM = hazards(("S1", "S2", "S10"))
YES_NO = form_of(("O1",), YesNo("Yes", "No"))
PICTURE = Image.new("RGB", (8, 8), "red")
OTHERS: dict[str, dict[str, Any]] = {"/v1/models": {"data": [{"id": "guard", "owned_by": "somebody"}]}}
VLLM: dict[str, dict[str, Any]] = {
    "/v1/models": {"data": [{"id": "guard", "owned_by": "vllm"}]},
    "/version": {"version": "0.32.0"},
}


def completion(*steps: Mapping[str, float]) -> Response:
    """Return a chat completion; each step names tokens with their probabilities, the one that was written first."""

    def named(token: str, p: float) -> dict[str, Any]:
        return {"token": token, "logprob": math.log(p), "bytes": list(token.encode())}

    content = [
        {**named(*next(iter(step.items()))), "top_logprobs": [named(token, p) for token, p in step.items()]}
        for step in steps
    ]
    text = "".join(next(iter(step)) for step in steps)
    choice = {
        "message": {"role": "assistant", "content": text},
        "finish_reason": "stop",
        "logprobs": {"content": content},
    }
    return Response({"choices": [choice]})


UNSAFE_ANSWER = completion({"unsafe": 0.8, "safe": 0.2}, {"\n": 1.0}, {"S": 1.0}, {"10": 0.7, "1": 0.2, "2": 0.1})
SAFE_ANSWER = completion({"safe": 0.9, "unsafe": 0.1})


def asked(*responses: Response, form: Any = FORM, routes: Any = OTHERS) -> tuple[RawAnswer, list[dict[str, Any]]]:
    with FakeService(lambda body, number: responses[min(number, len(responses) - 1)], routes) as service:
        engine = RemoteEngine(RemoteSettings(address=service.address, model="guard", attempts=1, key=None))
        service.requests.clear()
        (answer,) = engine.judge([Prompt((ImageSegment(0),), (PICTURE,), form)])
        engine.close()
    return answer, [body for _, body, _ in service.requests]


def shares(logs: Mapping[str, float]) -> dict[str, float]:
    return {label: math.exp(log) for label, log in logs.items()}


def test_the_word_and_the_first_code_are_scored_where_they_stand() -> None:
    answer, bodies = asked(UNSAFE_ANSWER)
    assert answer.error is None
    assert shares(answer.scores_of(ANSWER)) == pytest.approx({"unsafe": 0.8, "safe": 0.2})
    codes = answer.scores_of(HAZARD, **{ANSWER: UNSAFE})
    assert shares(codes) == pytest.approx({"S10": 0.7, "S1": 0.2, "S2": 0.1})
    assert answer.written == {ANSWER: "unsafe", HAZARD: "S10"}
    (body,) = bodies
    assert "response_format" not in body


def test_blanks_before_the_answer_and_further_codes_behind_it_do_not_matter() -> None:
    answer, _ = asked(
        completion({"\n\n": 1.0}, {"unsafe": 0.75, "safe": 0.25}, {"\n": 1.0}, {"S": 1.0}, {"1": 1.0}, {",S10": 1.0})
    )
    assert answer.error is None
    assert shares(answer.scores_of(ANSWER))["unsafe"] == pytest.approx(0.75)
    assert shares(answer.scores_of(HAZARD, **{ANSWER: UNSAFE}))["S1"] == pytest.approx(1.0)


def test_a_safe_answer_leaves_categories_even_where_the_server_cannot_be_held_to_a_form() -> None:
    answer, bodies = asked(SAFE_ANSWER)
    assert shares(answer.scores_of(ANSWER))["safe"] == pytest.approx(0.9)
    assert shares(answer.scores_of(HAZARD, **{ANSWER: UNSAFE})) == pytest.approx(
        dict.fromkeys(("S1", "S2", "S10"), 1 / 3)
    )
    assert len(bodies) == 1


def test_a_server_that_can_be_held_to_a_form_is_asked_what_an_unsafe_answer_would_name() -> None:
    answers = {False: SAFE_ANSWER, True: UNSAFE_ANSWER}
    with FakeService(lambda body, number: answers["structured_outputs" in body], VLLM) as service:
        engine = RemoteEngine(RemoteSettings(address=service.address, model="guard", attempts=1, key=None))
        service.requests.clear()
        (answer,) = engine.judge([Prompt((ImageSegment(0),), (PICTURE,), FORM)])
        engine.close()
        bodies = [body for path, body, _ in service.requests if path == "/v1/chat/completions"]
    assert answer.written[ANSWER] == "safe"
    assert shares(answer.scores_of(ANSWER))["safe"] == pytest.approx(0.9)
    assert shares(answer.scores_of(HAZARD, **{ANSWER: UNSAFE}))["S10"] == pytest.approx(0.7)
    assert bodies[-1]["structured_outputs"]["regex"] == r"(unsafe\n(S1|S2|S10))"


def test_yes_and_no_are_scored_against_each_other() -> None:
    answer, _ = asked(completion({"No": 0.6, "Yes": 0.2, "The": 0.2}), form=YES_NO)
    assert scores_in(YES_NO, answer, YesNo("Yes", "No")) == pytest.approx({"O1": 0.25})
    explained, _ = asked(completion({"Yes": 0.9, "No": 0.1}, {", the image": 1.0}), form=YES_NO)
    assert scores_in(YES_NO, explained, YesNo("Yes", "No")) == pytest.approx({"O1": 0.9})


@pytest.mark.parametrize(
    "text", ["I cannot help with that.", "unsafe", "unsafe\nS14", "unsafely\nS1", "safe\nS1", "unsafe\nS1 or not", ""]
)
def test_what_is_no_answer_is_an_error_and_never_safe(text: str) -> None:
    with pytest.raises(Unreadable):
        read_plain(text, FORM.parts)
    response = completion({text: 1.0}) if text else Response({"choices": [{"message": {"content": ""}}]})
    answer, bodies = asked(response)
    assert answer.error is not None
    assert (answer.error.type, answer.scores, len(bodies)) == (ErrorType.unparsable_answer, (), 2)


@pytest.mark.parametrize(("seen", "rating"), [(0.7, Rating.Safe), (0.4, None)])
def test_what_was_not_seen_is_an_error_where_it_could_decide(seen: float, rating: Rating | None) -> None:
    with FakeService(lambda body, number: completion({"safe": seen}), OTHERS) as service:
        guard = eyeward.load_guard(f"llama_guard:{service.address}#guard", self_check="off")
        verdict = guard.assess(PICTURE, Policy.load("default").only("O1"))
        assert isinstance(guard.engine, RemoteEngine)
        guard.engine.close()
    assert verdict.rating is rating
    if verdict.error is None:
        assert verdict.uncertainty == pytest.approx(0.3)
    else:
        assert verdict.error.type is ErrorType.unparsable_answer


def test_an_answer_without_probabilities_is_an_error() -> None:
    answer, _ = asked(Response({"choices": [{"message": {"content": "safe"}, "finish_reason": "stop"}]}))
    assert answer.error is not None
    assert answer.error.type is ErrorType.unparsable_answer


def test_a_llama_guard_behind_a_server_is_a_guard_by_its_address() -> None:
    with FakeService(lambda body, number: UNSAFE_ANSWER, OTHERS) as service:
        guard = eyeward.load_guard(f"llama_guard:{service.address}#guard")
        verdict = guard.assess(PICTURE, "default")
        assert isinstance(guard.engine, RemoteEngine)
        guard.engine.close()
        content = service.requests[-1][1]["messages"][0]["content"]
    assert (verdict.rating, verdict.category) == (Rating.Unsafe, Policy.load("default").category("O1").label)
    assert [part["type"] for part in content] == ["image_url"]


def test_a_shieldgemma_behind_a_server_is_asked_once_a_category() -> None:
    with FakeService(lambda body, number: completion({"Yes": 0.7, "No": 0.3}), OTHERS) as service:
        guard = eyeward.load_guard("google/shieldgemma-2-4b-it", engine=service.address)
        service.requests.clear()
        verdict = guard.assess(PICTURE, "default")
        assert isinstance(guard.engine, RemoteEngine)
        guard.engine.close()
        asked_about = {body["messages"][0]["content"][1]["text"].split(":")[0] for _, body, _ in service.requests}
    assert verdict.p_unsafe == pytest.approx(0.7)
    assert len(asked_about) == 9
