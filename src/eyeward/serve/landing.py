"""Brings outcomes of other threads into an event loop, one in each of its rounds.

A batch ends for dozens of requests at once. Each call into the loop from another thread costs a write to a pipe and a
turn of the interpreter; so one call wakes all that have something waiting for them. They are woken one after the other:
were all of them answered in one round, everybody else, those above all who are only to be refused, would wait for that.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress


class Landing:
    """Wakes those who wait in one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take the loop."""
        self.loop = loop
        self._landed: deque[asyncio.Future[None]] = deque()
        self._called = False

    def wake(self, waiter: asyncio.Future[None]) -> None:
        """End a waiter of this loop, unless it has ended; to be called from any thread."""
        self._landed.append(waiter)
        if not self._called:  # two threads may both find it so: then one call finds nothing to do
            self._called = True
            with suppress(RuntimeError):  # the loop is closed, and nobody waits in it
                self.loop.call_soon_threadsafe(self._wake_next)

    def __len__(self) -> int:
        """Return how many are still to be woken."""
        return len(self._landed)

    def _wake_next(self) -> None:
        self._called = False  # before looking: whoever lands from now on calls again
        if self._landed:
            end(self._landed.popleft())
        if self._landed and not self._called:
            self._called = True
            self.loop.call_soon(self._wake_next)


def end(waiter: asyncio.Future[None]) -> None:
    """End a waiter, unless it has ended; to be called in its loop."""
    if not waiter.done():
        waiter.set_result(None)
