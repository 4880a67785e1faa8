"""LangChain's own moderation, and our example for images, against the service over real HTTP."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import openai
import pytest

from eyeward.serve.service import Service
from tests.engine.remote.fake_service import FakeService
from tests.serve.listening import listening
from tests.serve.test_texts import judging, with_texts
from tests.serve.world import BRIGHT, DARK, Engine, coded, data_url, png, service

agents = pytest.importorskip("langchain.agents", reason="langchain is not installed here")
theirs = pytest.importorskip("langchain_openai.middleware", reason="langchain-openai is not installed here")
messages = pytest.importorskip("langchain_core.messages", reason="langchain-core is not installed here")
models = pytest.importorskip("langchain_core.language_models.fake_chat_models", reason="langchain-core is not here")

EXAMPLE = Path(__file__).parents[2] / "examples" / "langchain" / "moderated_images.py"
TEXT = {"type": "text", "text": "What is this?"}


def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location(EXAMPLE.stem, EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def client_of(address: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0)


def said(middleware: Any, *given: Any, answer: Any = "went on") -> Any:
    """Return the messages that an agent ends with; its model gives this answer."""
    model = models.GenericFakeChatModel(messages=iter([messages.AIMessage(answer)]))
    agent = agents.create_agent(model, middleware=[middleware])
    return agent.invoke({"messages": [messages.HumanMessage(content) for content in given]})["messages"]


def image(level: int) -> dict[str, Any]:
    return {"type": "image", "base64": coded(png(level)), "mime_type": "image/png"}


@pytest.fixture(scope="module")
def moderation() -> Iterator[Any]:
    with listening(service()) as address, client_of(address) as client:
        yield example().ImageModeration(client)


def test_langchains_own_moderation_judges_texts_through_the_service() -> None:
    with (
        FakeService(judging) as other,
        listening(with_texts(other.address)) as address,
        client_of(address) as client,
    ):
        middleware = theirs.OpenAIModerationMiddleware(client=client)
        assert said(middleware, "a word")[-1].text == "went on"
        assert "harassment" in said(middleware, "a bad word")[-1].text
        assert "harassment" in said(middleware, "a word", answer="a bad answer")[-1].text
        with pytest.raises(theirs.OpenAIModerationError):
            said(theirs.OpenAIModerationMiddleware(client=client, exit_behavior="error"), "a bad word")


def test_langchains_own_moderation_fails_where_nobody_judges_texts() -> None:
    with (
        listening(service()) as address,
        client_of(address) as client,
        pytest.raises(openai.BadRequestError, match="text is not judged here"),
    ):
        said(theirs.OpenAIModerationMiddleware(client=client), "a word")


def test_langchains_own_moderation_never_sees_an_image_whoever_moderates() -> None:
    """The page on the service says so; when this fails, LangChain has changed, and page and example may be shorter."""
    engine = Engine()
    with listening(service(engine)) as address, client_of(address) as client:
        asked = len(engine.batches)
        middleware = theirs.OpenAIModerationMiddleware(client=client, check_output=False)
        assert said(middleware, [image(BRIGHT)])[-1].text == "went on"
        assert len(engine.batches) == asked


@pytest.mark.parametrize(
    "unsafe",
    [
        image(BRIGHT),
        {"type": "image_url", "image_url": {"url": data_url(png(BRIGHT))}},
        {"type": "image", "source_type": "base64", "data": coded(png(BRIGHT)), "mime_type": "image/png"},
        {"type": "input_image", "image_url": data_url(png(BRIGHT))},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": coded(png(BRIGHT))}},
        {"type": "media", "mime_type": "image/png", "data": coded(png(BRIGHT))},
        {"type": "media", "mime_type": "image/png", "data": png(BRIGHT)},
        {"type": "file", "mime_type": "image/png", "base64": coded(png(BRIGHT))},
        {"type": "file", "file": {"filename": "a.png", "file_data": data_url(png(BRIGHT))}},
        {"type": "hologram", "data": coded(png(BRIGHT))},
        {"image": {"format": "png", "source": {"bytes": png(BRIGHT)}}},
        {"type": "tool_result", "tool_use_id": "1", "content": [TEXT, image(BRIGHT)]},
        {"type": "image", "base64": coded(png(DARK)), "url": data_url(png(BRIGHT))},
    ],
)
def test_with_our_example_the_model_is_asked_about_safe_images_only(moderation: Any, unsafe: dict[str, Any]) -> None:
    assert said(moderation, [TEXT, image(DARK)])[-1].text == "went on"
    assert said(moderation, "only words")[-1].text == "went on"
    ended = said(moderation, [TEXT, image(DARK)], [TEXT, unsafe])
    assert "O6: Weapons or Substance Abuse" in ended[-1].text
    assert "went on" not in str(ended)


def test_one_unsafe_image_among_many_is_found(moderation: Any) -> None:
    assert said(moderation, [image(DARK)] * 17)[-1].text == "went on"
    assert "flagged" in said(moderation, [image(DARK)] * 17 + [image(BRIGHT)])[-1].text


@pytest.mark.parametrize(
    "unseen",
    [
        {"type": "image", "base64": coded(b"no image"), "mime_type": "image/png"},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "image", "file_id": "somewhere"},
        {"type": "file", "mime_type": "application/pdf", "base64": coded(b"%PDF-1.7")},
        {"type": "media", "mime_type": "image/png", "file_uri": "gs://somewhere/a.png"},
        {"type": "hologram", "contents": coded(png(DARK))},
        {"type": "tool_result", "content": {"png": coded(png(DARK))}},
    ],
)
def test_with_our_example_an_image_that_nobody_judged_fails_the_run(moderation: Any, unseen: dict[str, Any]) -> None:
    with pytest.raises(openai.APIStatusError):
        said(moderation, [TEXT, unseen])


def test_with_our_example_an_engine_that_is_down_fails_the_run() -> None:
    with (
        listening(service(Engine(trouble="crash"))) as address,
        client_of(address) as client,
        pytest.raises(openai.InternalServerError),
    ):
        said(example().ImageModeration(client), [image(DARK)])


def test_an_image_that_the_model_made_is_taken_out_unless_it_is_safe(moderation: Any) -> None:
    kept = said(moderation, "Draw something.", answer=[{"type": "text", "text": "Here."}, image(DARK)])
    assert len(kept) == 2 and coded(png(DARK)) in str(kept[-1].content)
    ended = said(moderation, "Draw something.", answer=[{"type": "text", "text": "Here."}, image(BRIGHT)])
    assert len(ended) == 2 and "flagged" in ended[-1].text
    assert coded(png(BRIGHT)) not in str(ended)


def test_an_image_that_a_model_of_openai_made_is_seen_beside_the_content(moderation: Any) -> None:
    made = [{"type": "image_generation_call", "id": "1", "status": "completed", "result": coded(png(BRIGHT))}]
    message = messages.AIMessage("Here.", additional_kwargs={"tool_outputs": made})
    model = models.GenericFakeChatModel(messages=iter([message]))
    agent: Any = agents.create_agent(model, middleware=[moderation])
    ended = agent.invoke({"messages": [messages.HumanMessage("Draw something.")]})["messages"]
    assert "flagged" in ended[-1].text
    assert coded(png(BRIGHT)) not in str(ended)


@pytest.mark.parametrize(
    "words",
    [
        {"type": "reasoning", "reasoning": "It may be a cat."},
        {"type": "text-plain", "mime_type": "text/plain", "text": "A page."},
        {"type": "tool_use", "id": "1", "name": "look", "input": {"url": "https://example.org/a.png"}},
        {"type": "tool_result", "tool_use_id": "1", "content": "only words"},
    ],
)
def test_blocks_of_words_are_no_images(moderation: Any, words: dict[str, Any]) -> None:
    assert said(moderation, [TEXT, words, image(DARK)])[-1].text == "went on"


def test_the_policy_may_be_named() -> None:
    of: Service = service()
    with listening(of) as address, client_of(address) as client:
        assert said(example().ImageModeration(client, "news"), [image(DARK)])[-1].text == "went on"
        with pytest.raises(openai.UnprocessableEntityError, match="no policy"):
            said(example().ImageModeration(client, "none"), [image(DARK)])


def test_an_agent_that_is_asked_asynchronously_is_held_up_as_well(moderation: Any) -> None:
    def asked(level: int) -> Any:
        model = models.GenericFakeChatModel(messages=iter([messages.AIMessage("went on")]))
        agent = agents.create_agent(model, middleware=[moderation])
        given = {"messages": [messages.HumanMessage([TEXT, image(level)])]}
        return asyncio.run(agent.ainvoke(given))["messages"][-1].text

    assert asked(DARK) == "went on"
    assert "flagged" in asked(BRIGHT)


def test_the_example_is_a_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, level in (("safe.png", DARK), ("unsafe.png", BRIGHT)):
        (tmp_path / name).write_bytes(png(level))
    with listening(service()) as address:
        monkeypatch.setenv("EYEWARD_URL", f"{address}/v1")
        example().main([str(tmp_path / "safe.png"), str(tmp_path / "unsafe.png")])
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("safe.png: It is a drawing.")
    assert "flagged" in second
