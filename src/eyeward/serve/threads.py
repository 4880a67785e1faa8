"""Work beside the event loop: large pieces of it in a thread, that of one part of the service in threads of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from eyeward.serve.refusals import TooBusy

Result = TypeVar("Result")
LARGE = 256 << 10
"""Bytes from which work on them is done in a thread, so that others need not wait for it."""


async def beside(size: int, work: Callable[[], Result]) -> Result:
    """Do work on so many bytes: at once when they are few, in a thread when they are many."""
    return work() if size < LARGE else await asyncio.to_thread(work)


class Threads:
    """A few threads, and a line of bounded length before them: however long their work takes, no other part waits.

    Safe to use from several event loops.
    """

    def __init__(self, name: str, most: int, waiting: int) -> None:
        """Take what the threads are called, how much is done at the same time, and how much may wait for that."""
        self._pool = ThreadPoolExecutor(most, name)
        self._places = threading.BoundedSemaphore(most + waiting)

    async def do(self, work: Callable[[], Result]) -> Result:
        """Do work in a thread, and return or raise what it does. Work that has begun ends, whoever waits for it.

        Raises:
            TooBusy: when too much waits already.
        """
        if not self._places.acquire(blocking=False):
            raise TooBusy
        try:
            future = self._pool.submit(work)
        except BaseException:
            self._places.release()
            raise
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)

    def close(self, wait: bool) -> None:
        """Take nothing any more, and drop what has not begun; `wait` for what has."""
        self._pool.shutdown(wait, cancel_futures=True)
