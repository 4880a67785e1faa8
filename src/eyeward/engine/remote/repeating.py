"""Once more, for what came and made no sense."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from eyeward.engine.remote.connection import Unreadable

Result = TypeVar("Result")


async def twice(ask: Callable[[int], Awaitable[Result]]) -> Result:
    """Ask, and ask once more when the answer cannot be read; `ask` is told how often it was called before.

    Raises:
        Unreadable: when the second answer cannot be read either.
    """
    try:
        return await ask(0)
    except Unreadable:
        return await ask(1)
