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

TOGETHER = 16
"""Images in one request, as many as the service takes."""


class ImageModeration(AgentMiddleware[Any, Any]):
    """Ends an agent's run at the first image that is not Safe.

    What the service does not judge is an error of `openai`, and the run fails; so does an image by address, unless the
    service may fetch from that host. All messages are looked at each time, those of earlier turns and of tools as well.
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
    """Yield the images of a message, as OpenAI's moderation takes them."""
    for block in message.content if isinstance(message.content, list) else []:
        if isinstance(block, dict) and "image" in str(block.get("type", "")):
            yield {"type": "image_url", "image_url": {"url": _address(block)}}


def _address(block: dict[str, Any]) -> str:
    """Return an image as a `data:` address, or its own address; an empty one, which is refused, where there is neither.

    Knows the blocks of LangChain, of OpenAI and of Anthropic.
    """
    source = block["source"] if isinstance(block.get("source"), dict) else block
    data = source.get("base64") or source.get("data")
    if data:
        return f"data:image/png;base64,{data}"  # what it is, the service sees by itself
    address = block.get("image_url") or source.get("url") or ""
    return str(address.get("url", "") if isinstance(address, dict) else address)


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
