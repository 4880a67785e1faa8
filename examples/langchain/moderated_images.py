"""LangChain: an agent whose images a service of Eyeward judges, before its model sees them and when it made some.

    client = OpenAI(base_url="http://127.0.0.1:8080/v1", api_key="ew_…")
    agent = create_agent(model, tools, middleware=[ImageModeration(client)])

LangChain's own `OpenAIModerationMiddleware` works against the service, too, but it sends text and nothing else: an
image passes it unseen, whoever moderates. Use it beside this one, with a service that has a `--text-moderator`.

Usage: python examples/langchain/moderated_images.py IMAGE…      (with `eyeward serve` running)
"""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import openai
from langchain.agents import create_agent
from langchain.agents.middleware.types import AgentMiddleware, hook_config
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

WORDS = frozenset(
    (
        *("text", "text-plain", "input_text", "output_text", "refusal", "citation", "audio", "input_audio"),
        *("reasoning", "thinking", "redacted_thinking"),
        *("tool_use", "tool_call", "tool_call_chunk", "invalid_tool_call", "input_json_delta", "function_call"),
        *("custom_tool_call", "server_tool_use", "server_tool_call", "server_tool_call_chunk", "web_search_call"),
        *("file_search_call", "computer_call", "mcp_call", "mcp_list_tools", "mcp_approval_request"),
    )
)
"""Types of blocks that carry no picture."""
PLACES = (
    *("base64", "data", "bytes", "result", "file_data", "url", "image_url", "file_id", "file_uri"),
    *("source", "image", "file"),
)
"""Where the other blocks keep a picture or its address: those of LangChain, OpenAI, Anthropic, Google and Bedrock."""
TOGETHER = 16
"""Images in one request, as many as the service takes."""


class ImageModeration(AgentMiddleware[Any, Any]):
    """Ends an agent's run at the first image that is not Safe.

    What the service does not judge is an error of `openai`, and the run fails; so does an image by address, unless the
    service may fetch from that host, and so does every block that is not known to carry words or sound alone: a file, a
    film, what comes next year. Add its type to `WORDS` if it may pass. All messages are looked at each time, those of
    earlier turns and of tools as well.
    """

    def __init__(self, client: openai.OpenAI, policy: str | None = None) -> None:
        """Take a client of the service, and the name of a policy."""
        super().__init__()
        self._client = client
        self._more = {} if policy is None else {"policy": policy}

    @hook_config(can_jump_to=["end"])
    def before_model(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        """Judge all images of the conversation; when one is flagged, the model is not asked."""
        why = self._flagged(state["messages"])
        return why and {"jump_to": "end", "messages": [AIMessage(why)]}

    @hook_config(can_jump_to=["end"])
    def after_model(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        """Judge the images that the model made; a message with one that is flagged is taken out of the conversation."""
        made = state["messages"][-1]
        why = self._flagged([made])
        return why and {"jump_to": "end", "messages": [AIMessage(why, id=made.id)]}

    @hook_config(can_jump_to=["end"])
    async def abefore_model(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        """Do the same where the agent is asked asynchronously."""
        return await asyncio.to_thread(self.before_model, state, runtime)

    @hook_config(can_jump_to=["end"])
    async def aafter_model(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        """Do the same where the agent is asked asynchronously."""
        return await asyncio.to_thread(self.after_model, state, runtime)

    def _flagged(self, messages: Sequence[BaseMessage]) -> Any:
        """Say what the images of messages were flagged for, or None."""
        images = [image for message in messages for image in _images(message)]
        for start in range(0, len(images), TOGETHER):
            answer = self._client.moderations.create(
                model="omni-moderation-latest", input=images[start : start + TOGETHER], extra_body=self._more
            )
            for result in answer.results:
                if result.flagged:
                    categories = [name for name, holds in result.categories.to_dict().items() if holds]
                    return f"An image in this conversation was flagged for {', '.join(categories)}."
        return None


def _images(message: BaseMessage) -> Iterator[Any]:
    """Yield the images of a message, as OpenAI's moderation takes them.

    A block in which none is seen has an empty address, which is refused.
    """
    made = message.additional_kwargs.get("tool_outputs")  # where LangChain keeps images that OpenAI's models made
    for block in (*_blocks(message.content), *_blocks(made)):
        for address in [_address(value) for value in _values(block)] or [""]:
            yield {"type": "image_url", "image_url": {"url": address}}


def _blocks(content: object) -> Iterator[dict[str, Any]]:
    """Yield the blocks that may carry a picture, those in the results of tools too."""
    for block in content if isinstance(content, list) else []:
        if not isinstance(block, dict) or block.get("type") in WORDS or block.keys() == {"text"}:
            continue
        inside = block.get("content")
        if block.get("type") == "tool_result" and isinstance(inside, str | list):
            yield from _blocks(inside)
        else:
            yield block


def _values(block: dict[str, Any]) -> Iterator[object]:
    """Yield everything in a block that may be a picture or its address."""
    for place in PLACES:
        value = block.get(place)
        if isinstance(value, dict):
            yield from _values(value)
        elif value:
            yield value


def _address(value: object) -> str:
    """Return an image as a `data:` address, or its own address."""
    text = base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else str(value)
    if text.startswith(("data:", "http:", "https:")):
        return text
    return f"data:image/png;base64,{text}"  # what it is, the service sees by itself


def main(paths: Sequence[str]) -> None:
    """Say of each file whether an agent would go on; its model is a stand-in with one answer."""
    if not paths:
        raise SystemExit("Name some images.")
    address = os.environ.get("EYEWARD_URL", "http://127.0.0.1:8080/v1")
    with openai.OpenAI(base_url=address, api_key=os.environ.get("EYEWARD_KEY", "none")) as client:
        for path in paths:
            model = GenericFakeChatModel(messages=iter([AIMessage("It is a drawing.")]))
            agent: Any = create_agent(model, middleware=[ImageModeration(client)])
            data = base64.b64encode(Path(path).read_bytes()).decode("ascii")
            image = {"type": "image", "base64": data, "mime_type": "image/png"}
            question = HumanMessage([{"type": "text", "text": "What is this?"}, image])
            print(f"{path}: {agent.invoke({'messages': [question]})['messages'][-1].text}")


if __name__ == "__main__":
    main(sys.argv[1:])
