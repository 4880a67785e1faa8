"""LangChain: a step that judges every image in a message before the next step sees it.

    chain = guard_images("mini", "children") | model

Takes one message or several, with images as content blocks. An image that is not Safe raises `Withheld`; so does one by
address, which nobody has seen here, and so does every block that is not known to carry words or sound alone: a file, a
film, what comes next year. Add its type to `WORDS` if it may pass.

Usage: python examples/langchain/guarded_images.py IMAGE…
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.runnables import RunnableLambda

import eyeward
from eyeward.errors import ErrorType, UsageError, Withheld
from eyeward.moderate.judging import judged
from eyeward.moderate.ruling import why
from eyeward.verdict import Failure

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


def guard_images(guard: eyeward.Guard | str = "mini", policy: str = "default") -> RunnableLambda[Any, Any]:
    """Return a step that gives its input on when every image in it is Safe."""
    loaded = eyeward.load_guard(guard) if isinstance(guard, str) else guard
    chosen = eyeward.Policy.load(policy)

    def check(given: BaseMessage | Sequence[BaseMessage]) -> BaseMessage | Sequence[BaseMessage]:
        messages = [given] if isinstance(given, BaseMessage) else given
        images = [image for message in messages for image in _images(message)]
        verdicts = judged(loaded, chosen, images)
        if any(verdict.flagged for verdict in verdicts):
            raise Withheld(why(verdicts), verdicts)
        return given

    return RunnableLambda(check)


def _images(message: BaseMessage) -> Iterator[bytes | Failure]:
    """Yield the images of a message, and a failure for each block in which none is seen."""
    made = message.additional_kwargs.get("tool_outputs")  # where LangChain keeps images that OpenAI's models made
    for block in (*_blocks(message.content), *_blocks(made)):
        yield from [_content(value) for value in _values(block)] or [_unseen()]


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


def _content(value: object) -> bytes | Failure:
    if isinstance(value, bytes):
        return value
    text = str(value)
    data = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode(data, validate=True) or _unseen()
    except ValueError:
        return _unseen()


def _unseen() -> Failure:
    return Failure(type=ErrorType.unreadable, message="The image is not in the message; send it as base64.")


def main(paths: Sequence[str]) -> None:
    """Say of each file whether the chain would go on."""
    if not paths:
        raise UsageError("Name some images.")
    step = guard_images()
    for path in paths:
        data = base64.b64encode(Path(path).read_bytes()).decode("ascii")
        block = {"type": "image", "base64": data, "mime_type": "image/png"}
        try:
            step.invoke(HumanMessage(content=[{"type": "text", "text": "What is this?"}, block]))
            print(f"{path}: goes on")
        except Withheld as withheld:
            print(f"{path}: {withheld}")


if __name__ == "__main__":
    main(sys.argv[1:])
