"""Many items under way at one server, behind a synchronous iterator: each is answered exactly once, in order."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from PIL import Image

from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.engine.remote.connection import Connection, RequestFailed
from eyeward.engine.remote.encoding import data_url
from eyeward.engine.remote.loop import LoopThread
from eyeward.engine.remote.settings import RemoteSettings
from eyeward.errors import ErrorType
from eyeward.verdict import Failure

AHEAD = 4
"""Items that are started for each that may be under way, so that a slow one does not hold up those behind it."""
Result = TypeVar("Result")


class UnderWay:
    """One connection on an event loop of its own; what goes wrong with an item is in its answer."""

    def __init__(self, settings: RemoteSettings) -> None:
        self._settings = settings
        self._places = asyncio.Semaphore(settings.concurrency)
        self.connection = Connection(settings)
        self._encoders = ThreadPoolExecutor(2, thread_name_prefix="eyeward-encode")
        self._loop = LoopThread()
        self._close = weakref.finalize(self, _close, self._loop, self.connection, self._encoders)

    @property
    def prompts_at_once(self) -> int:
        """How many prompts keep the server busy."""
        return AHEAD * self._settings.concurrency

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run something on the loop and wait for it."""
        return self._loop.run(coroutine)

    def answers(
        self, prompts: Sequence[Prompt], ask: Callable[[Prompt, Sequence[str]], Awaitable[RawAnswer]]
    ) -> Iterator[RawAnswer]:
        """Yield what `ask` makes of each prompt and of its images as they are sent, in order.

        A few prompts are read ahead of the answers. Closing the iterator stops what is under way.
        """
        waiting: deque[Future[RawAnswer]] = deque()
        try:
            for prompt in prompts:
                waiting.append(self._loop.submit(self._answer(prompt, ask)))
                if len(waiting) >= self.prompts_at_once:
                    yield waiting[0].result()
                    waiting.popleft()
            while waiting:
                yield waiting[0].result()
                waiting.popleft()
        finally:
            for future in waiting:
                future.cancel()

    def close(self) -> None:
        """Close all connections; nothing can be asked afterwards."""
        self._close()

    async def _answer(self, prompt: Prompt, ask: Callable[[Prompt, Sequence[str]], Awaitable[RawAnswer]]) -> RawAnswer:
        async with self._places:
            try:
                async with asyncio.timeout(self._settings.item_seconds):
                    return await ask(prompt, await self._encoded(prompt.images))
            except TimeoutError:
                message = (
                    f"The server did not answer within {self._settings.item_seconds:g} s; lower the concurrency, raise "
                    "item_seconds, or give the server more room."
                )
                failure = Failure(type=ErrorType.deadline, message=message)
            except RequestFailed as error:
                failure = error.failure
            except Exception as error:
                message = f"The remote engine failed: {type(error).__name__}: {self.connection.clean(str(error))}."
                failure = Failure(type=ErrorType.internal, message=message)
            return RawAnswer(error=failure)

    async def _encoded(self, images: Sequence[Image.Image]) -> list[str]:
        loop = asyncio.get_running_loop()
        settings = self._settings
        sizes = settings.largest_side, settings.image_format, settings.shorter_side, settings.most_pixels
        return [await loop.run_in_executor(self._encoders, data_url, image, *sizes) for image in images]


def _close(loop: LoopThread, connection: Connection, encoders: ThreadPoolExecutor) -> None:
    loop.close(connection.close)
    encoders.shutdown(wait=False, cancel_futures=True)
