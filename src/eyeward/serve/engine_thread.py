"""A thread of its own for all that computes: what loads a model and what asks it.

OpenMP, below PyTorch, keeps a team of threads for every thread that ever computed. As soon as there are more of them
than processors, they no longer stay awake between two steps of a model, and one image takes half as long again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

Result = TypeVar("Result")


class EngineThread:
    """Does one thing after the other, in the same thread; a process that ends does not wait for it."""

    def __init__(self) -> None:
        """Start it."""
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=self._run, name="eyeward-engine", daemon=True).start()

    def do(self, work: Callable[[], Result]) -> Result:
        """Return or raise what work does in the thread; not to be called there, nor after `end`."""
        done: Future[Result] = Future()

        def run() -> None:
            try:
                done.set_result(work())
            except BaseException as problem:
                done.set_exception(problem)

        self._waiting.put(run)
        return done.result()

    def end(self) -> None:
        """End when all that waits is done."""
        self._waiting.put(None)

    def _run(self) -> None:
        while (work := self._waiting.get()) is not None:
            work()
