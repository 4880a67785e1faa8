"""Threads for one part of the service alone: however long its work takes, no other part waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from eyeward.serve.refusals import TooBusy

Result = TypeVar("Result")


class Threads:
    """A few threads, and a line of bounded length before them. Safe to use from several event loops."""

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
