"""A clock that can be put on, so that a wait of minutes is none; and a batch that outlasts a probe by it."""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager
from dataclasses import replace
from types import SimpleNamespace

import pytest

from eyeward.guard import Request
from eyeward.serve import queue as queue_module
from eyeward.serve.queue import JudgingQueue, Ticket
from tests.serve.world import BRIGHT, DARK, DEFAULT, Engine, patiently, png


class Clock:
    """What the queue takes for the time: the real one, and what was added to it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._ahead = 0.0
        patch.setattr(queue_module, "time", SimpleNamespace(monotonic=self.now))

    def now(self) -> float:
        return time.monotonic() + self._ahead

    def put_on(self, seconds: float) -> None:
        self._ahead += seconds


def outlast_a_probe(queue: JudgingQueue, engine: Engine, patch: pytest.MonkeyPatch) -> list[Ticket]:
    """Have a batch be under way while a probe waits for it, for ten times as long as a probe may take.

    The queue is not started yet. Return what was asked: for a bright picture and a dark one.
    """
    clock, turn, waits = Clock(patch), queue._turn, threading.Event()
    queue.limits = replace(queue.limits, together=1, probe_limit=1e3, probe_seconds=1e4, stall_seconds=1e6)
    queue.start()
    patiently(lambda: queue.problem is None)

    def seen() -> AbstractContextManager[object]:
        waits.set()
        return turn()

    patch.setattr(queue, "_turn", seen)
    engine.hold, judged = threading.Event(), len(engine.batches)
    tickets = [queue.submit([Request(png(BRIGHT), DEFAULT)], clock.now() + 1e6)]
    patiently(lambda: len(engine.batches) > judged)
    clock.put_on(1.1e4)  # it is time for a probe, and the next question wakes who makes it
    tickets.append(queue.submit([Request(png(DARK), DEFAULT)], clock.now() + 1e6))
    assert waits.wait(60.0)
    clock.put_on(1e4)
    problem = queue.problem
    engine.hold.set()
    assert problem is None
    return tickets
