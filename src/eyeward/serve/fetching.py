"""Images that are sent as addresses: fetched a few at a time, while somebody waits, and counted with the bodies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from eyeward.images.fetch import Fetcher
from eyeward.serve.in_flight import InFlight
from eyeward.serve.refusals import DeadlinePassed, Disconnected
from eyeward.serve.uploads import Upload
from eyeward.verdict import Failure

Content = bytes | Failure
"""What an image was sent as, or what came from its address."""


class Fetching:
    """Has the images of requests; for one event loop."""

    def __init__(self, fetcher: Fetcher, at_once: int, in_flight: InFlight) -> None:
        """Take how many are fetched at the same time, whoever asks for them, and where their bytes count."""
        self._fetcher = fetcher
        self._places = asyncio.Semaphore(at_once)
        self._in_flight = in_flight

    @asynccontextmanager
    async def contents(
        self, uploads: Sequence[Upload], deadline: float, gone: Callable[[], Awaitable[None]]
    ) -> AsyncIterator[list[Content]]:
        """Hold the images of a request, in order; past its deadline, or when `gone` returns, fetch no more of them.

        Raises:
            DeadlinePassed: when they are not here by then; `deadline` is as `time.monotonic` counts.
            Disconnected: when nobody waits any more.
            TooBusy: when more bytes would be held than there may be.
        """
        held: list[int] = []
        work = asyncio.ensure_future(self._all(uploads, held))
        watch = asyncio.ensure_future(gone())
        try:
            seconds = max(0.0, deadline - time.monotonic())
            await asyncio.wait((work, watch), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise Disconnected if watch.done() else DeadlinePassed
            await _ended(watch)  # others watch from now on
            yield work.result()
        finally:
            await _ended(work, watch)
            self._in_flight.give_back(sum(held))

    async def _all(self, uploads: Sequence[Upload], held: list[int]) -> list[Content]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._one(upload, held)) for upload in uploads]
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _one(self, upload: Upload, held: list[int]) -> Content:
        if upload.url is None:
            return upload.data or b""
        async with self._places:
            found = await self._fetcher.fetch(upload.url)
        if isinstance(found, Failure):
            return found
        held.append(len(found.data))
        self._in_flight.take(len(found.data))
        return found.data


async def _ended(*tasks: asyncio.Future[Any]) -> None:
    """End tasks, and wait until they have."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
