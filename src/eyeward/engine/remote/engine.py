"""Asks a server: one asynchronous client behind a synchronous engine."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from PIL import Image

from eyeward.engine.protocol import Capabilities, Prompt, RawAnswer
from eyeward.engine.remote.connection import Connection, RequestFailed
from eyeward.engine.remote.continuing import ContinuedChat, LocalText, NativeGeneration
from eyeward.engine.remote.detection import detect
from eyeward.engine.remote.encoding import data_url
from eyeward.engine.remote.loop import LoopThread
from eyeward.engine.remote.servers import Scoring, Server
from eyeward.engine.remote.settings import RemoteSettings
from eyeward.engine.remote.stepwise import Continuation, StepwiseAnswers, Unfaithful
from eyeward.engine.remote.whole import WholeAnswers
from eyeward.errors import ErrorType, UsageError
from eyeward.verdict import Failure

AHEAD = 4
"""Items that are started for each that may be under way, so that a slow one does not hold up those behind it."""
_IMAGES_PER_PROMPT = 8


class RemoteEngine:
    """One model on one server. Many prompts are under way at once; answers come in order, each exactly once."""

    def __init__(self, settings: RemoteSettings, local: LocalText | None = None) -> None:
        """Connect, and find out what the server can do.

        Raises:
            UsageError: when no server answers, the key is not known, or it is not clear which model is meant.
        """
        self._settings = settings
        self._places = asyncio.Semaphore(settings.concurrency)
        self._connection = Connection(settings)
        self._encoders = ThreadPoolExecutor(2, thread_name_prefix="eyeward-encode")
        self._loop = LoopThread()
        self._close = weakref.finalize(self, _close, self._loop, self._connection, self._encoders)
        try:
            self._loop.run(self._connect(local))
        except RequestFailed as error:
            self.close()
            raise UsageError(str(error)) from None
        except BaseException:
            self.close()
            raise

    async def _connect(self, local: LocalText | None) -> None:
        self.server: Server = await detect(self._connection, self._settings)
        scoring = self.server.abilities.scoring
        found: Continuation | None = None
        if scoring is Scoring.continued_chat:
            found = await ContinuedChat.find(self._connection, self._settings, self.server)
        elif scoring is Scoring.native:
            found = await NativeGeneration.find(self._connection, self._settings, local)
        self._steps = None if found is None else StepwiseAnswers(found)
        self._whole = WholeAnswers(self._connection, self._settings, self.server)

    @property
    def scoring(self) -> Scoring:
        """Where the probabilities come from, as far as the form of the answer allows."""
        return Scoring.alternatives if self._steps is None else self.server.abilities.scoring

    @property
    def capabilities(self) -> Capabilities:
        """What this engine can do with its model."""
        return Capabilities(
            label_scores=self._steps is not None,
            constrained_text=False,
            shared_prefix=self.server.abilities.shared_prefix,
            images_per_prompt=_IMAGES_PER_PROMPT,
            context_length=self.server.context_length,
            prompts_at_once=AHEAD * self._settings.concurrency,
        )

    def judge(self, prompts: Sequence[Prompt]) -> Iterator[RawAnswer]:
        """Yield one answer per prompt, in order; what goes wrong is in the answer.

        A few prompts are read ahead of the answers. Closing the iterator stops what is under way.
        """
        waiting: deque[Future[RawAnswer]] = deque()
        try:
            for prompt in prompts:
                waiting.append(self._loop.submit(self._answer(prompt)))
                if len(waiting) >= AHEAD * self._settings.concurrency:
                    yield waiting[0].result()
                    waiting.popleft()
            while waiting:
                yield waiting[0].result()
                waiting.popleft()
        finally:
            for future in waiting:
                future.cancel()

    def close(self) -> None:
        """Close all connections; the engine cannot be used afterwards."""
        self._close()

    async def _answer(self, prompt: Prompt) -> RawAnswer:
        async with self._places:
            try:
                async with asyncio.timeout(self._settings.item_seconds):
                    return await self._ask(prompt)
            except TimeoutError:
                message = (
                    f"The server did not answer within {self._settings.item_seconds:g} s; lower the concurrency, raise "
                    "item_seconds, or give the server more room."
                )
                failure = Failure(type=ErrorType.deadline, message=message)
            except RequestFailed as error:
                failure = error.failure
            except Exception as error:
                message = f"The remote engine failed: {type(error).__name__}: {self._connection.clean(str(error))}."
                failure = Failure(type=ErrorType.internal, message=message)
            return RawAnswer(error=failure)

    async def _ask(self, prompt: Prompt) -> RawAnswer:
        sent = await self._encoded(prompt.images)
        if self._steps is not None:
            try:
                return await self._steps.answer(prompt, sent)
            except Unfaithful:
                pass
        return await self._whole.answer(prompt, sent)

    async def _encoded(self, images: Sequence[Image.Image]) -> list[str]:
        loop = asyncio.get_running_loop()
        settings = self._settings
        return [
            await loop.run_in_executor(self._encoders, data_url, image, settings.largest_side, settings.image_format)
            for image in images
        ]


def _close(loop: LoopThread, connection: Connection, encoders: ThreadPoolExecutor) -> None:
    loop.close(connection.close)
    encoders.shutdown(wait=False, cancel_futures=True)
