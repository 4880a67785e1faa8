"""Says of functions whether they were called by an event loop, which everybody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest


class Watch:
    """Replaces functions by themselves, and remembers who called them."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self.in_loop: list[tuple[str, bool]] = []
        """What was called, and whether by an event loop."""

    def __call__(self, owner: Any, name: str) -> None:
        function: Callable[..., Any] = getattr(owner, name)

        def watched(*arguments: Any, **more: Any) -> Any:
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                self.in_loop.append((name, False))
            else:
                self.in_loop.append((name, True))
            return function(*arguments, **more)

        self._patch.setattr(owner, name, watched)
