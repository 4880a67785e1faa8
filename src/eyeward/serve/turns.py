"""One engine under several guards, so that the images of one batch are read while another batch is judged."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

from eyeward.engine.protocol import Capabilities, Engine, Prompt, RawAnswer


class TakingTurns:
    """Has an engine asked by one thread at a time, whoever asks."""

    def __init__(self, engine: Engine) -> None:
        """Take the engine; nobody else may ask it."""
        self._engine = engine
        self._turn = threading.RLock()

    @property
    def capabilities(self) -> Capabilities:
        """What the engine can do."""
        return self._engine.capabilities

    def turn(self) -> AbstractContextManager[object]:
        """Wait for the turn when it is entered, and keep it until it is left; the same thread may ask meanwhile."""
        return self._turn

    def judge(self, prompts: Sequence[Prompt]) -> Iterator[RawAnswer]:
        """Wait for the turn, then ask."""
        with self._turn:
            answers = list(self._engine.judge(prompts))
        return iter(answers)

    def close(self) -> None:
        """End what the engine holds open, if anything."""
        close = getattr(self._engine, "close", None)
        if close is not None:
            close()
