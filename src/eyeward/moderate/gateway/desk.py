"""Where images are judged and replaced: those of all clients together, beside the loop that serves."""

from __future__ import annotations

import asyncio
import base64
import io
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from PIL import Image

from eyeward.errors import ErrorType, ImageError
from eyeward.guard import Request
from eyeward.images import DecodedImage, Format, Limits, decode
from eyeward.images.formats import sniff
from eyeward.images.hashes import sha256_of_bytes
from eyeward.moderate.gateway.answer import Item, not_fetched
from eyeward.moderate.gateway.panel import Panel, Scoring
from eyeward.moderate.gateway.refusal import Json, withheld
from eyeward.moderate.gateway.settings import GatewaySettings
from eyeward.moderate.hiding import blank, blurred
from eyeward.moderate.judging import answered, questions
from eyeward.moderate.ruling import Action
from eyeward.policy import Policy
from eyeward.serve.queue import JudgingQueue, QueueLimits
from eyeward.serve.refusals import EngineDown, Refused, Stopping
from eyeward.verdict import Failure, Note, Verdict

if TYPE_CHECKING:
    from eyeward.serve.metrics import Metrics

_SIZE = (512, 512)
"""Width and height of a placeholder for something that is no picture."""
_SAVED_AS = {Format.jpeg: "JPEG", Format.webp: "WEBP"}
_FIRST_PROBE_SECONDS = 60.0
Found = TypeVar("Found")


class Desk:
    """A panel under one policy, and what is done with what it flags."""

    def __init__(self, panel: Panel, policy: Policy, settings: GatewaySettings, metrics: Metrics | None = None) -> None:
        """Take the panel; its limits are those of the images."""
        self.limits: Limits = panel.limits
        self.knows_answers = panel.knows_answers
        self._policy = policy
        self._settings = settings
        self._metrics = metrics
        self._model = panel.judges[0].model
        limits = QueueLimits(
            waiting=settings.most_under_way * settings.most_images,  # all have been made, and paid for
            together=panel.together,
            probe_limit=min(10.0, settings.deadline),
            stall_seconds=2 * min(settings.deadline, panel.seconds or settings.deadline),
            stop_seconds=min(60.0, settings.deadline),
        )
        told = (lambda size, seconds: None) if metrics is None else metrics.batch
        judges = [Scoring(judge) for judge in panel.judges]
        self.queue = JudgingQueue(judges, panel.probe, limits, told, panel.turn)
        self._threads = ThreadPoolExecutor(2, "eyeward-desk")

    def start(self) -> None:
        """Begin to judge; return when the engine was tried, at the latest after a minute."""
        self.queue.start()
        self.queue.wait_for_probe(_FIRST_PROBE_SECONDS)

    def close(self) -> None:
        """Judge what was taken in, and nothing any more."""
        self.queue.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def fetch(self, address: str, host: str) -> bytes | Failure:
        """Return the image at an address, by the rules of safe fetching."""
        found = await self._settings.fetcher(host, self.limits).fetch(address)
        return not_fetched(found, host) if isinstance(found, Failure) else found.data

    async def moderated(self, items: Sequence[Item]) -> list[Json]:
        """Return the entries of an answer, in order, each with its verdict.

        Raises:
            Refusal: when an image may not leave and no other may stand in its place.
        """
        verdicts = await self._judged(items)
        return await self._beside(lambda: self._moderated(items, verdicts))

    async def partial(self, item: Item) -> Json | None:
        """Return a half-finished image with its verdict; None for one that is not Safe."""
        verdicts = await self._judged([item])
        return await self._beside(lambda: self._partial(item, verdicts[0]))

    async def _beside(self, work: Callable[[], Found]) -> Found:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _moderated(self, items: Sequence[Item], verdicts: Sequence[Verdict]) -> list[Json]:
        actions = [self._settings.ruling.action(verdict) for verdict in verdicts]
        lost = [isinstance(item.image, Failure) for item in items]
        unreported = any(gone and action is Action.report for gone, action in zip(lost, actions, strict=True))
        if Action.refuse in actions or unreported:
            raise withheld(verdicts)
        return [
            self._entry(item, verdict, action) for item, verdict, action in zip(items, verdicts, actions, strict=True)
        ]

    def _partial(self, item: Item, verdict: Verdict) -> Json | None:
        report = self._settings.ruling.action(verdict) is Action.report and isinstance(item.image, bytes)
        return self._entry(item, verdict, None) if report or not verdict.flagged else None

    async def _judged(self, items: Sequence[Item]) -> list[Verdict]:
        images = [item.image for item in items]
        asked = questions(self._policy, images, self._settings.explain)
        verdicts = answered(self._policy, self._model, images, asked, await self._said(asked))
        judged = [(image, v.sha256) for image, v in zip(images, verdicts, strict=True) if v.error is None]
        checked: bool = not judged or await self._beside(lambda: all(said == _sha256(image) for image, said in judged))
        if not checked:
            failure = Failure(type=ErrorType.internal, message="The verdict is about another image.")
            verdicts = answered(self._policy, self._model, images, asked, failure)
        self._count(verdicts)
        return verdicts

    async def _said(self, asked: Sequence[Request]) -> list[Verdict] | Failure:
        """Have images judged with those of others; when whoever waits is cancelled, they are dropped."""
        try:
            ticket = self.queue.submit(asked, time.monotonic() + self._settings.deadline)
            return [scored.verdict for scored in await asyncio.wrap_future(ticket.future)]
        except Refused as reason:
            down = isinstance(reason, EngineDown | Stopping)
            return Failure(type=ErrorType.engine_unavailable if down else ErrorType.deadline, message=str(reason))

    def _count(self, verdicts: Sequence[Verdict]) -> None:
        if self._metrics is None:
            return
        for verdict in verdicts:
            self._metrics.verdict(verdict)
            if Note.hash_match.value in verdict.notes:
                self._metrics.match()

    def _entry(self, item: Item, verdict: Verdict, action: Action | None) -> Json:
        shown: Json = {"eyeward": verdict.model_dump(mode="json")}
        if action in (Action.blank, Action.blur):
            return {"b64_json": _encoded(self._placeholder(item.image, action)), **shown, "placeholder": True}
        assert isinstance(item.image, bytes)
        return {"b64_json": _encoded(item.image), **item.words, **shown}

    def _placeholder(self, image: bytes | Failure, action: Action) -> bytes:
        picture = decode(image, self.limits) if isinstance(image, bytes) else image
        if not isinstance(picture, DecodedImage):
            return _saved(blank(_SIZE), "PNG")
        seen = picture.frames[0].pixels
        return _saved(blurred(seen) if action is Action.blur else blank(seen.size), _format(image))


def _sha256(image: bytes | Failure) -> str | None:
    return sha256_of_bytes(image) if isinstance(image, bytes) else None


def _format(image: bytes | Failure) -> str:
    """Return in which format a placeholder comes: that of the image, where clients expect it."""
    try:
        return _SAVED_AS.get(sniff("The image", image), "PNG") if isinstance(image, bytes) else "PNG"
    except ImageError:
        return "PNG"


def _saved(picture: Image.Image, form: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form)
    return buffer.getvalue()


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
