"""What every request passes first and last: a name for it, its limits, a line in the log, a count.

It stands outside of the application, so that whatever goes wrong inside ends as an answer without a verdict.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eyeward.serve.answers import error_response
from eyeward.serve.in_flight import InFlight
from eyeward.serve.logs import log
from eyeward.serve.metrics import Metrics
from eyeward.serve.origin import LOOKING, problem_with_sender
from eyeward.serve.refusals import BadRequest, Disconnected, NotAllowed, Refused, TooBusy, TooLarge, TooSlow
from eyeward.serve.settings import ServeSettings

_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_NAMES = random.Random()
"""Names need be unique, and are no secret; asking the system for each hands the interpreter to threads that judge."""
_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
}


@dataclass
class _Passage:
    """One request on its way."""

    id: str
    began: float
    loop_end: float
    """When its body has to be here, as the event loop counts."""
    status: int = 0
    read: int = 0
    """Bytes of its body that are here."""
    whole: bool = False
    """Whether all of it is."""
    route: str = "none"


class Gate:
    """Wraps the application."""

    def __init__(
        self,
        app: ASGIApp,
        settings: ServeSettings,
        metrics: Metrics,
        in_flight: InFlight,
        local_only: bool,
        admit: Mapping[str, Callable[[Request], None]],
    ) -> None:
        """Take the limits; with `local_only`, what other names of hosts or pages of other addresses ask is refused.

        `admit` refuses posts to a path before anything else is done with them: when there is no room, that is most.
        """
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._local_only = local_only
        self._admit = admit
        self._in_flight = in_flight
        self.under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        end = asyncio.get_running_loop().time() + self._settings.deadline
        passage = _Passage(_id(headers), time.monotonic(), end)
        scope.setdefault("state", {})["request_id"] = passage.id
        self.under_way += 1

        async def receive_bounded() -> Message:
            if passage.whole:
                return await receive()
            try:
                async with asyncio.timeout_at(passage.loop_end):
                    message = await receive()
            except TimeoutError:
                raise TooSlow from None
            if message["type"] != "http.request":
                raise Disconnected
            passage.whole = not message.get("more_body", False)
            self._hold(passage, len(message.get("body", b"")))
            return message

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                passage.status = message["status"]
                out = MutableHeaders(scope=message)
                out["x-request-id"] = passage.id
                for name, value in _HEADERS.items():
                    out.setdefault(name, value)
            await send(message)

        try:
            self._enter(scope, headers, passage)
            await self._app(scope, receive_bounded, send_named)
        except Refused as reason:
            self._metrics.refused(reason)
            await error_response(reason, passage.id)(scope, receive, send_named)
        except Exception:
            log("failed", logging.ERROR, exc_info=True, request_id=passage.id)
            if not passage.status:
                await error_response(Refused("Something went wrong in this service; nothing was judged."), passage.id)(
                    scope, receive, send_named
                )
        finally:
            self.under_way -= 1
            self._in_flight.give_back(passage.read)
            self._note(scope, passage)

    def _enter(self, scope: Scope, headers: Headers, passage: _Passage) -> None:
        """Refuse what is too large or too much before anything of it is read.

        Raises:
            Refused: when that is so.
        """
        problem = problem_with_sender(scope["method"], headers) if self._local_only else None
        if problem is not None:
            raise NotAllowed(problem)
        if scope["method"] in LOOKING:
            return
        announced = headers.get("content-length")
        if announced is not None and not (announced.isdecimal() and len(announced) <= 18):
            raise BadRequest("The length of the body is no number.")
        if announced is not None and int(announced) > self._settings.body_bytes:
            raise self._too_large()
        if self.under_way > self._settings.concurrency:
            raise TooBusy
        admit = self._admit.get(scope["path"])
        if admit is not None and scope["method"] == "POST":
            passage.route = scope["path"]
            admit(Request(scope))

    def _hold(self, passage: _Passage, length: int) -> None:
        """Count what was read of a body.

        Raises:
            Refused: when it is too much, alone or with those of others.
        """
        if passage.read + length > self._settings.body_bytes:
            raise self._too_large()
        passage.read += length
        self._in_flight.take(length)

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The body is larger than {self._settings.body_bytes:,} bytes, the limit.")

    def _note(self, scope: Scope, passage: _Passage) -> None:
        seconds = time.monotonic() - passage.began
        route = getattr(scope.get("route"), "path", passage.route)
        self._metrics.request(route, passage.status, seconds)
        fields = scope.get("state", {}).get("log", {})
        log(
            "request",
            held=True,
            request_id=passage.id,
            method=scope["method"],
            route=route,
            status=passage.status,
            seconds=round(seconds, 4),
            body_bytes=passage.read,
            **fields,
        )


def _id(headers: Headers) -> str:
    """Return the name that the caller gave a request, if it may stand in a log, or a new one."""
    given = headers.get("x-request-id", "")
    return given if _ID.fullmatch(given) else f"req_{_NAMES.getrandbits(96):024x}"
