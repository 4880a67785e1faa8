"""LiteLLM's own generic guardrail, in a process of its own and over real HTTP, where LiteLLM is installed."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from eyeward.serve.keys import Keys
from tests.serve.listening import listening
from tests.serve.test_keys import entry, write
from tests.serve.world import BRIGHT, DARK, Engine, coded, data_url, png, service

HOME = "litellm.proxy.guardrails.guardrail_hooks.generic_guardrail_api.generic_guardrail_api"
PROGRAM = f"""
import asyncio, json, sys
from {HOME} import GenericGuardrailAPI
address, calls = sys.argv[1], json.loads(sys.argv[2])

async def outcome(key, images):
    guardrail = GenericGuardrailAPI(api_base=address, api_key=key, guardrail_name="eyeward", event_hook="pre_call")
    inputs = {{"texts": ["hello"], "images": images}}
    try:
        passed = await guardrail.apply_guardrail(
            inputs=inputs, request_data={{"litellm_call_id": "x", "metadata": {{}}}}, input_type="request"
        )
        return ["passed", passed.get("images", [])]
    except Exception as problem:
        return ["raised", str(problem)]

async def all_of_them():
    return [await outcome(*call) for call in calls]

print(json.dumps(asyncio.run(all_of_them())))
"""

pytestmark = pytest.mark.skipif(
    find_spec("litellm") is None, reason="LiteLLM is not installed here; `make test-clients` has it"
)


def outcomes(address: str, *calls: tuple[str, list[str]]) -> list[tuple[str, object]]:
    """Return what LiteLLM makes of calls, each with a key and images."""
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM, address, json.dumps(calls)], capture_output=True, text=True, timeout=200.0
    )
    assert answer.returncode == 0, answer.stderr
    return [(what, said) for what, said in json.loads(answer.stdout.splitlines()[-1])]


def test_calls_pass_when_each_image_is_safe_and_never_else(tmp_path: Path) -> None:
    dark, bright = coded(png(DARK)), coded(png(BRIGHT))
    key = "ew_gateway"
    keys = Keys(write(tmp_path / "keys.yaml", entry("gateway", key)))
    with listening(service(keys=keys)) as address:
        found = outcomes(
            address,
            (key, [dark, data_url(png(DARK))]),
            (key, []),
            (key, [dark, bright]),
            (key, [dark, coded(b"no image")]),
            (key, [dark, "https://example.org/a.png"]),
            ("other", [dark]),
        )
    assert found[:2] == [("passed", [dark, data_url(png(DARK))]), ("passed", [])]
    assert [what for what, _ in found[2:]] == ["raised"] * 4
    assert all("Image 2" in str(said) for _, said in found[2:5])


def test_nothing_passes_while_the_engine_is_down() -> None:
    with listening(service(Engine(trouble="crash"))) as address:
        assert [what for what, _ in outcomes(address, ("any", [coded(png(DARK))]))] == ["raised"]
