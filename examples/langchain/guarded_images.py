"""LangChain: a step that judges every image in a message before the next step sees it.

    chain = guard_images("mini", "children") | model

Takes one message or several, with images as content blocks: LangChain's own (`{"type": "image", "base64": …}`) and
OpenAI's (`{"type": "image_url", "image_url": {"url": "data:image/png;base64,…"}}`). An image that is not Safe raises
`Withheld`; so does one by address, which nobody has seen here.

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
    for block in message.content if isinstance(message.content, list) else []:
        if not isinstance(block, dict) or "image" not in str(block.get("type", "")):
            continue
        address = block.get("url") or block.get("image_url") or ""
        address = address.get("url", "") if isinstance(address, dict) else address
        data = block.get("base64") or block.get("data") or ""
        if not data and str(address).startswith("data:"):
            data = str(address).partition(",")[2]
        try:
            yield base64.b64decode(str(data), validate=True) or _unseen()
        except ValueError:
            yield _unseen()


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
