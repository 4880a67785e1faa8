"""Where images are judged and replaced: on one thread, beside the one that serves."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from PIL import Image

from eyeward.annotate.judging import Judge
from eyeward.errors import ErrorType, ImageError
from eyeward.images import DecodedImage, Format, Limits, decode
from eyeward.images.formats import sniff
from eyeward.images.hashes import sha256_of_bytes
from eyeward.moderate.gateway.answer import Item, not_fetched
from eyeward.moderate.gateway.refusal import Json, withheld
from eyeward.moderate.gateway.settings import GatewaySettings
from eyeward.moderate.hiding import blank, blurred
from eyeward.moderate.judging import judged
from eyeward.moderate.ruling import Action
from eyeward.policy import Policy
from eyeward.verdict import Failure, Verdict

_SIZE = (512, 512)
"""Width and height of a placeholder for something that is no picture."""
_SAVED_AS = {Format.jpeg: "JPEG", Format.webp: "WEBP"}
Found = TypeVar("Found")


class Desk:
    """A guard under one policy, and what is done with what it flags."""

    def __init__(self, guard: Judge, policy: Policy, settings: GatewaySettings) -> None:
        """Take the guard; its limits are those of the images."""
        self.limits: Limits = getattr(guard, "limits", Limits())
        self._guard = guard
        self._policy = policy
        self._settings = settings
        self._thread = ThreadPoolExecutor(1, "eyeward-guard")

    def close(self) -> None:
        """Judge nothing any more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def fetch(self, address: str, host: str) -> bytes | Failure:
        """Return the image at an address, by the rules of safe fetching."""
        found = await self._settings.fetcher(host, self.limits).fetch(address)
        return not_fetched(found, host) if isinstance(found, Failure) else found.data

    async def moderated(self, items: Sequence[Item]) -> list[Json]:
        """Return the entries of an answer, in order, each with its verdict.

        Raises:
            Refusal: when an image may not leave and no other may stand in its place.
        """
        return await self._beside(lambda: self._moderated(items))

    async def partial(self, item: Item) -> Json | None:
        """Return a half-finished image with its verdict; None for one that is not Safe."""
        return await self._beside(lambda: self._partial(item))

    async def _beside(self, work: Callable[[], Found]) -> Found:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _moderated(self, items: Sequence[Item]) -> list[Json]:
        verdicts = self._judged(items)
        actions = [self._settings.ruling.action(verdict) for verdict in verdicts]
        lost = [isinstance(item.image, Failure) for item in items]
        unreported = any(gone and action is Action.report for gone, action in zip(lost, actions, strict=True))
        if Action.refuse in actions or unreported:
            raise withheld(verdicts)
        return [
            self._entry(item, verdict, action) for item, verdict, action in zip(items, verdicts, actions, strict=True)
        ]

    def _partial(self, item: Item) -> Json | None:
        (verdict,) = self._judged([item])
        report = self._settings.ruling.action(verdict) is Action.report and isinstance(item.image, bytes)
        return self._entry(item, verdict, None) if report or not verdict.flagged else None

    def _judged(self, items: Sequence[Item]) -> list[Verdict]:
        verdicts = judged(self._guard, self._policy, [item.image for item in items], self._settings.explain)
        for item, verdict in zip(items, verdicts, strict=True):
            if verdict.sha256 is not None and verdict.sha256 != _sha256(item.image):
                failure = Failure(type=ErrorType.internal, message="The verdict is about another image.")
                return [
                    Verdict.failed(failure, image=one.image, policy=one.policy, model=one.model) for one in verdicts
                ]
        return verdicts

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
