"""Requests have the fields of their server's schema, and lose those that it refuses."""

from __future__ import annotations

import pytest

from eyeward.engine.remote.chat import Dialect, user_message, whole_answer
from eyeward.engine.remote.constraints import asked_parts
from eyeward.engine.remote.servers import Constraint, Server, ServerKind
from tests.engine.remote.asking import connected, local_text, prompt
from tests.engine.remote.fake_server import FakeServer

PARTS = asked_parts(prompt(1).form, False, {})


def body(kind: ServerKind, dialect: Dialect | None = None) -> dict[str, object]:
    server = Server(kind, "guard")
    return whole_answer(server, dialect or Dialect.of(server), {"role": "user", "content": []}, PARTS, 50, 0)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (ServerKind.vllm, {"structured_outputs", "max_tokens"}),
        (ServerKind.sglang, {"regex", "max_tokens"}),
        (ServerKind.lmdeploy, {"response_format", "max_tokens"}),
        (ServerKind.llamacpp, {"grammar", "max_tokens"}),
        (ServerKind.openai, {"response_format", "max_completion_tokens"}),
    ],
)
def test_each_kind_is_asked_in_its_own_fields(kind: ServerKind, fields: set[str]) -> None:
    shared = {"model", "messages", "temperature", "logprobs", "top_logprobs", "seed"}
    assert set(body(kind)) == shared | fields


def test_the_prompt_is_one_turn_with_its_parts_in_order() -> None:
    message = user_message(prompt(1), ["data:image/png;base64,x"])
    assert message == {
        "role": "user",
        "content": [
            {"type": "text", "text": "A policy.\n"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,x"}},
        ],
    }


def test_a_refusal_takes_one_field_away_at_a_time() -> None:
    dialect = Dialect.of(Server(ServerKind.openai, "guard"))
    words: list[tuple[str, dict[str, object]]] = [
        ("'maxLength' is not permitted", {"max_length": False}),
        ("Unknown parameter: seed", {"seed": False}),
        ("Unsupported parameter: 'max_completion_tokens'", {"token_limit": "max_tokens"}),
        ("top_logprobs must be <= 5", {"alternatives": 5}),
        ("response_format: this model cannot", {"constraint": None}),
    ]
    for said, changes in words:
        weaker = dialect.without(said)
        assert weaker is not None
        assert {name: getattr(weaker, name) for name in changes} == changes
    assert dialect.without("The image cannot be decoded") is None
    assert dialect.without("logprobs are not available for this model") is None


def test_a_constraint_that_is_refused_becomes_a_schema_then_nothing() -> None:
    first = Dialect.of(Server(ServerKind.llamacpp, "guard"))
    second = first.without("unknown field grammar")
    assert second is not None
    assert second.constraint is Constraint.json_schema
    third = second.without("response_format is not supported")
    assert third is not None
    assert third.constraint is None
    assert not {"grammar", "response_format"} & set(body(ServerKind.llamacpp, third))


def test_vllm_is_asked_to_continue_with_the_label_tokens_by_name() -> None:
    with FakeServer() as server, connected(server) as engine:
        list(engine.judge([prompt(200, explain=True)]))
        judging = [b for b in server.bodies("/v1/chat/completions") if "image_url" in str(b)]
    scored, written = judging[:-1], judging[-1]
    assert [b["messages"][-1]["content"] for b in scored][0] == '{"rating": "'
    for request in scored:
        assert (request["continue_final_message"], request["add_generation_prompt"]) == (True, False)
        assert request["max_tokens"] == 1
        assert request["logprobs"] is True
        assert len(request["logprob_token_ids"]) >= 2
    assert written["messages"][-1]["content"].endswith('"rationale": "')
    assert written["structured_outputs"]["regex"].endswith(r'"\}')
    assert written["max_tokens"] == 256


def test_sglang_is_asked_on_its_own_route_with_the_rendered_prompt() -> None:
    with FakeServer(ServerKind.sglang) as server, connected(server, local_text()) as engine:
        list(engine.judge([prompt(200, explain=True)]))
        judging = [b for b in server.bodies("/generate") if "image_data" in b]
    assert judging[0]["text"] == 'user\nA policy.\n<image>\nassistant\n{"rating": "'
    assert judging[0]["sampling_params"] == {"temperature": 0, "max_new_tokens": 1}
    assert (judging[0]["return_logprob"], judging[0]["logprob_start_len"]) == (True, -1)
    assert len(judging[0]["token_ids_logprob"]) == 2
    assert judging[-1]["sampling_params"]["regex"].endswith(r'"\}')
