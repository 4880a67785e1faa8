"""LiteLLM's generic guardrail: a call goes on only when each of its images is Safe."""

from __future__ import annotations

from typing import Any

import pytest

from tests.serve.world import BRIGHT, DARK, GREY, Engine, coded, data_url, png, service, serving

PATH = "/beta/litellm_basic_guardrail_api"


def asked(*images: str, **more: Any) -> dict[str, Any]:
    """Return a request as LiteLLM sends it."""
    return {
        "input_type": "request",
        "litellm_call_id": "c",
        "litellm_trace_id": None,
        "structured_messages": [{"role": "user", "content": "hello"}],
        "images": list(images),
        "tools": None,
        "texts": ["hello"],
        "request_data": {"user_api_key_alias": "a"},
        "additional_provider_specific_params": {},
        **more,
    }


def test_safe_images_let_a_call_pass() -> None:
    with serving(service()) as client:
        answer = client.post(PATH, json=asked(coded(png(DARK)), data_url(png(DARK))))
        assert answer.json() == {"action": "NONE", "blocked_reason": None}


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (coded(png(BRIGHT)), "Image 2 is Unsafe under the policy default: O6: Weapons or Substance Abuse."),
        (coded(png(GREY)), "Image 2 is Review"),
        (coded(b"no image"), "Image 2 was not judged"),
        ("https://example.org/a.png", "Image 2 was not judged"),
    ],
)
def test_an_image_that_is_not_safe_blocks_and_says_why(image: str, reason: str) -> None:
    with serving(service()) as client:
        answer = client.post(PATH, json=asked(coded(png(DARK)), image)).json()
        assert answer["action"] == "BLOCKED"
        assert reason in answer["blocked_reason"]


def test_the_policy_is_chosen_in_the_parameters_of_the_provider() -> None:
    with serving(service()) as client:
        more: dict[str, Any] = {"additional_provider_specific_params": {"policy": "news"}}
        assert "policy news" in client.post(PATH, json=asked(coded(png(BRIGHT)), **more)).json()["blocked_reason"]
        for policy in ("none", 3):
            more = {"additional_provider_specific_params": {"policy": policy}}
            assert client.post(PATH, json=asked(coded(png(DARK)), **more)).status_code == 422


def test_a_call_without_images_has_nothing_to_judge_even_while_the_engine_is_down() -> None:
    engine = Engine(trouble="crash")
    with serving(service(engine)) as client:
        assert client.post(PATH, json=asked()).json()["action"] == "NONE"
        assert client.post(PATH, json=asked(images=None)).json()["action"] == "NONE"
        answer = client.post(PATH, json=asked(coded(png(DARK))))
        assert answer.status_code == 503
        assert "NONE" not in answer.text


def test_a_key_may_come_as_litellm_sends_it(tmp_path: Any) -> None:
    from eyeward.serve.keys import Keys
    from tests.serve.test_keys import entry, write

    keys = Keys(write(tmp_path / "keys.yaml", entry("gateway", "ew_gateway")))
    with serving(service(keys=keys)) as client:
        assert client.post(PATH, json=asked()).status_code == 401
        assert client.post(PATH, json=asked(), headers={"x-api-key": "ew_gateway"}).status_code == 200
