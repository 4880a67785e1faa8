"""One engine under several guards, so that the images of one batch are read while another batch is judged."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

from eyeward.engine.protocol import Capabilities, Engine, Prompt, RawAnswer
from eyeward.serve.engine_thread import EngineThread


class TakingTurns:
    """Has an engine asked in one thread, whoever asks, and by one of them at a time."""

    def __init__(self, engine: Engine, thread: EngineThread | None = None) -> None:
        """Take the engine; nobody else may ask it. `thread` is the one that loaded it, if it was one of its own."""
        self._engine = engine
        self._thread = thread or EngineThread()
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
            answers = self._thread.do(lambda: list(self._engine.judge(prompts)))
        return iter(answers)

    def close(self) -> None:
        """End what the engine holds open, if anything."""
        close = getattr(self._engine, "close", None)
        if close is not None:
            close()
        self._thread.end()
