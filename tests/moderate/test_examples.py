"""The examples of moderation run: against the packages where they are installed, else against small fakes."""

from __future__ import annotations

import base64
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import yaml

import eyeward
from eyeward.errors import Withheld
from tests.annotate.world import png
from tests.evaluate.worlds import guard
from tests.moderate.gateway.servers import ImageServer, images, served

EXAMPLES = Path(__file__).parents[2] / "examples"
SAFE, UNSAFE = png(10), png(250)
BLOCKS: dict[str, Callable[[str], dict[str, Any]]] = {
    "image": lambda data: {"type": "image", "base64": data, "mime_type": "image/png"},
    "image_url": lambda data: {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
    "source": lambda data: {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}},
    "media": lambda data: {"type": "media", "mime_type": "image/png", "data": data},
    "file": lambda data: {"type": "file", "mime_type": "image/png", "base64": data},
    "unknown": lambda data: {"type": "hologram", "data": data},
    "without a type": lambda data: {"image": {"format": "png", "source": {"bytes": base64.b64decode(data)}}},
    "of a tool": lambda data: {"type": "tool_result", "content": [{"type": "image", "base64": data}]},
}
"""Content blocks of LangChain, OpenAI, Anthropic, Google and Bedrock, and one that nobody knows."""


def example(path: str) -> ModuleType:
    """Import an example as a program that has it would."""
    spec = importlib.util.spec_from_file_location(Path(path).stem.strip("_"), EXAMPLES / path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eyeward, "load_guard", lambda name, **options: guard())


class ComfyUI:
    """Runs a node as ComfyUI does: by its declared inputs, its function and its declared outputs."""

    def __init__(self, module: ModuleType) -> None:
        ((self.name, self.node),) = module.NODE_CLASS_MAPPINGS.items()
        assert module.NODE_DISPLAY_NAME_MAPPINGS.keys() == {self.name}

    def run(self, **inputs: Any) -> dict[str, Any]:
        """Fill in defaults, refuse what is not offered, and name the outputs."""
        declared = self.node.INPUT_TYPES()["required"]
        said: dict[str, Any] = {}
        for name, (kind, *options) in declared.items():
            if name not in inputs:
                said[name] = options[0]["default"]
                continue
            if isinstance(kind, list):
                assert inputs[name] in kind
            said[name] = inputs.pop(name)
        assert not inputs
        outputs = getattr(self.node(), self.node.FUNCTION)(**said)
        assert len(outputs) == len(self.node.RETURN_TYPES)
        return dict(zip(self.node.RETURN_NAMES, outputs, strict=True))


def test_the_comfyui_node_hides_what_is_unsafe() -> None:
    comfy = ComfyUI(example("comfyui/eyeward_guard/__init__.py"))
    batch = torch.stack([torch.full((8, 8, 3), level) for level in (0.1, 0.9)])
    found = comfy.run(images=batch)
    assert (found["images"].dtype, tuple(found["images"].shape)) == (torch.float32, (2, 8, 8, 3))
    assert torch.equal(found["images"][0], batch[0])
    assert float(found["images"][1].max()) == 0.0
    assert [verdict["rating"] for verdict in json.loads(found["verdicts"])] == ["Safe", "Unsafe"]
    assert found["all_safe"] is False
    assert comfy.run(images=batch[:1], on_unsafe="raise")["all_safe"] is True
    with pytest.raises(Withheld):
        comfy.run(images=batch, on_unsafe="raise")
    reported = comfy.run(images=batch, on_unsafe="report")
    assert torch.equal(reported["images"], batch) and reported["all_safe"] is False


def test_the_comfyui_node_offers_review_an_action_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eyeward, "load_guard", lambda name, **options: guard(band=(0.4, 0.6)))
    comfy = ComfyUI(example("comfyui/eyeward_guard/__init__.py"))
    batch = torch.full((1, 8, 8, 3), 0.5)
    assert float(comfy.run(images=batch)["images"].max()) == 0.0
    assert float(comfy.run(images=batch, on_review="report")["images"].max()) == 0.5


def test_the_configuration_of_litellm_names_the_gateway() -> None:
    config = yaml.safe_load((EXAMPLES / "litellm" / "config.yaml").read_text())
    (model,) = config["model_list"]
    assert model["litellm_params"]["api_base"] == "http://127.0.0.1:8460/v1"  # the port of `eyeward gateway`
    assert model["litellm_params"]["num_retries"] == 0
    assert config["guardrails"][0]["litellm_params"]["guardrail"] == "generic_guardrail_api"


def test_litellm_gets_images_and_errors_through_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # it would look for prices on the network
    litellm = pytest.importorskip("litellm", reason="litellm is not installed here; its configuration is checked above")
    params = yaml.safe_load((EXAMPLES / "litellm" / "config.yaml").read_text())["model_list"][0]["litellm_params"]
    for image, refused in ((SAFE, False), (UNSAFE, True)):
        with ImageServer(images(image)) as server, served(server.address) as gateway:
            said = {**params, "api_base": gateway, "api_key": "mine"}
            if refused:
                with pytest.raises(litellm.exceptions.BadRequestError):
                    litellm.image_generation(prompt="a cat", **said)
            else:
                found = litellm.image_generation(prompt="a cat", **said)
                assert base64.b64decode(found.data[0].b64_json) == SAFE
        assert len(server.asked) == 1


@pytest.mark.parametrize("form", BLOCKS)
def test_a_chain_of_langchain_goes_on_only_with_safe_images(form: str) -> None:
    messages = pytest.importorskip("langchain_core.messages", reason="langchain-core is not installed here")
    runnables = pytest.importorskip("langchain_core.runnables", reason="langchain-core is not installed here")
    step = example("langchain/guarded_images.py").guard_images()
    chain = step | runnables.RunnableLambda(lambda message: "went on")

    def message(image: bytes) -> Any:
        block = BLOCKS[form](base64.b64encode(image).decode())
        return messages.HumanMessage(content=[{"type": "text", "text": "What is this?"}, block])

    assert chain.invoke(message(SAFE)) == "went on"
    assert chain.invoke(messages.HumanMessage(content="only words")) == "went on"
    for stopped in (message(UNSAFE), message(b"no image"), message(b"")):
        with pytest.raises(Withheld):
            chain.invoke(stopped)
    by_address = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    unseen = {"type": "hologram", "contents": "AAAA"}
    a_file = {"type": "file", "file_id": "somewhere"}
    for block in (by_address, unseen, a_file):
        with pytest.raises(Withheld):
            chain.invoke([message(SAFE), messages.HumanMessage(content=[block])])
    made = {"tool_outputs": [BLOCKS[form](base64.b64encode(UNSAFE).decode())]}
    with pytest.raises(Withheld):
        chain.invoke(messages.AIMessage("Here.", additional_kwargs=made))
    call = {"type": "tool_use", "id": "1", "name": "look", "input": {"url": "https://example.org/a.png"}}
    words = messages.AIMessage(content=[{"type": "reasoning", "reasoning": "It may be a cat."}, call])
    assert chain.invoke([words]) == "went on"


@pytest.fixture
def guardrails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Import guardrails-ai, so that it tells nobody."""
    (tmp_path / ".guardrailsrc").write_text("enable_metrics=false\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    return pytest.importorskip("guardrails", reason="guardrails-ai is not installed here")


def test_a_validator_of_guardrails_passes_only_safe_images(guardrails: Any) -> None:
    validator = example("guardrails_ai/safe_image.py").SafeImage(on_fail=guardrails.OnFailAction.NOOP)
    outcomes = {
        "safe": base64.b64encode(SAFE).decode(),
        "address": f"data:image/png;base64,{base64.b64encode(SAFE).decode()}",
        "unsafe": base64.b64encode(UNSAFE).decode(),
        "broken": base64.b64encode(b"no image").decode(),
        "words": "only words",
    }
    found = {name: validator.validate(text, {}).outcome for name, text in outcomes.items()}
    assert found == {"safe": "pass", "address": "pass", "unsafe": "fail", "broken": "fail", "words": "fail"}


def test_the_example_of_langchain_is_a_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("langchain_core", reason="langchain-core is not installed here")
    for name, image in (("safe.png", SAFE), ("unsafe.png", UNSAFE)):
        (tmp_path / name).write_bytes(image)
    example("langchain/guarded_images.py").main([str(tmp_path / "safe.png"), str(tmp_path / "unsafe.png")])
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("safe.png: goes on")
    assert "1 of 1 images may not be shown: Unsafe" in second


def test_the_example_of_guardrails_is_a_program(
    guardrails: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, image in (("safe.png", SAFE), ("unsafe.png", UNSAFE)):
        (tmp_path / name).write_bytes(image)
    example("guardrails_ai/safe_image.py").main([str(tmp_path / "safe.png"), str(tmp_path / "unsafe.png")])
    assert [line.rsplit(": ", 1)[1] for line in capsys.readouterr().out.splitlines()] == ["passes", "fails"]
