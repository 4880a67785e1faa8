"""A queue around a guard that sleeps, for the tests of queues."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from eyeward.guard import Scored
from eyeward.serve.queue import JudgingQueue, QueueLimits, Ticket
from eyeward.verdict import Rating
from tests.serve.sleeping import SleepingGuard, question
from tests.serve.world import patiently

QUICK = QueueLimits(waiting=8, together=4, retry_seconds=0.02, probe_seconds=60.0, stop_seconds=60.0)


@contextmanager
def running(
    guard: SleepingGuard,
    limits: QueueLimits = QUICK,
    probe: Callable[[], str | None] = lambda: None,
    judged: Callable[[int, float], None] = lambda size, seconds: None,
) -> Iterator[JudgingQueue]:
    queue = JudgingQueue([guard], probe, limits, judged)
    queue.start()
    patiently(lambda: queue.problem != "The engine was not tried yet.")
    try:
        yield queue
    finally:
        guard.hold.set()
        queue.stop()


def later(seconds: float = 60.0) -> float:
    return time.monotonic() + seconds


def ratings(answers: list[Scored]) -> list[Rating | None]:
    return [scored.verdict.rating for scored in answers]


def held(guard: SleepingGuard, queue: JudgingQueue) -> Ticket:
    """Have the engine busy with one question until `hold` is set."""
    guard.holding = True
    ticket = queue.submit([question(b"first")], later())
    patiently(lambda: guard.under_way == 1)
    return ticket
