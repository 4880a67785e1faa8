"""The routes of the gateway: those of OpenAI's images, and nothing else of the image server."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import math
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING, TypeAlias

from eyeward.annotate.judging import Judge
from eyeward.errors import MissingExtra
from eyeward.moderate.gateway.answer import items_of, known_fields
from eyeward.moderate.gateway.desk import Desk
from eyeward.moderate.gateway.panel import Panel
from eyeward.moderate.gateway.refusal import Json, Refusal
from eyeward.moderate.gateway.settings import GatewaySettings
from eyeward.moderate.gateway.sse import read_events, written, written_refusal
from eyeward.moderate.gateway.stream import moderated_events
from eyeward.moderate.gateway.upstream import Upstream, its_error, parsed, pieces, read
from eyeward.policy import Policy
from eyeward.serve.origin import problem_with_sender
from eyeward.serve.threads import beside

if TYPE_CHECKING:
    import httpx2
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from eyeward.serve.metrics import Metrics

    Sent: TypeAlias = "Response | _ClosedAfter"

ROUTES = ("/images/generations", "/images/edits")
_CLIENT_GONE = 499
log = logging.getLogger("eyeward.gateway")
"""One line of JSON a request, without a word or a pixel of its content."""


def gateway_app(settings: GatewaySettings, judge: Judge | Panel, policy: Policy) -> Starlette:
    """Return the gateway as an ASGI application; a guard by itself is asked by one thread, and never probed.

    Raises:
        MissingExtra: when Starlette is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.responses import JSONResponse
        from starlette.routing import Route

        from eyeward.moderate.gateway.state import state_routes
        from eyeward.serve.metrics import Metrics
    except ModuleNotFoundError as missing:
        raise MissingExtra("serve", "The gateway") from missing
    panel = judge if isinstance(judge, Panel) else Panel.of(judge)
    gateway = Gateway(settings, panel, policy, Metrics())

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await asyncio.to_thread(gateway.desk.start)
        yield
        await gateway.close()

    async def refused(request: Request, refusal: Exception) -> Response:
        assert isinstance(refusal, Refusal)
        return JSONResponse(refusal.body(), refusal.status, refusal.headers)

    async def unknown(request: Request, problem: Exception) -> Response:
        known = ", ".join(f"POST /v1{route}" for route in ROUTES)
        refusal = Refusal(getattr(problem, "status_code", 404), "not_found", f"This gateway serves {known} only.")
        return JSONResponse(refusal.body(), refusal.status)

    routes = [Route(f"/v1{route}", gateway.endpoint(route), methods=["POST"]) for route in ROUTES]
    return Starlette(
        routes=[*routes, *state_routes(gateway)],
        lifespan=lifespan,
        exception_handlers={404: unknown, 405: unknown, Refusal: refused},
    )


class Gateway:
    """One image server, one guard, one policy."""

    def __init__(self, settings: GatewaySettings, panel: Panel, policy: Policy, metrics: Metrics) -> None:
        """Connect to nothing yet."""
        self.settings = settings
        self.metrics = metrics
        self.desk = Desk(panel, policy, settings, metrics)
        self._upstream = Upstream(settings)
        self.under_way = 0
        metrics.watch(
            depth=lambda: self.desk.queue.depth,
            ready=lambda: float(self.desk.queue.problem is None),
            under_way=lambda: self.under_way,
        )

    async def close(self) -> None:
        """Close connections; judge nothing any more."""
        await self._upstream.close()
        await asyncio.to_thread(self.desk.close)

    def endpoint(self, route: str) -> Callable[[Request], Awaitable[Sent]]:
        """Return what answers requests to a route."""

        async def answer(request: Request) -> Sent:
            from starlette.responses import JSONResponse

            turn = _Turn(self, route)
            try:
                return await self._answered(request, route, turn)
            except Refusal as refusal:
                turn.end(refusal.status, refusal.code)
                return JSONResponse(refusal.body(), refusal.status, {**refusal.headers, **turn.headers})
            except BaseException as problem:
                turn.end(500, type(problem).__name__)
                if not isinstance(problem, Exception):
                    raise
                failed = Refusal(500, "internal", f"The gateway failed: {type(problem).__name__}.")
                return JSONResponse(failed.body(), 500, {**failed.headers, **turn.headers})

        return answer

    async def _answered(self, request: Request, route: str, turn: _Turn) -> Sent:
        from starlette.responses import Response

        self.check_sender(request)
        self.check_key(request)
        if self.under_way > self.settings.most_under_way:
            message = f"{self.settings.most_under_way} requests are under way; ask again later."
            raise Refusal(429, "too_many_requests", message, headers={"Retry-After": "1"})
        self._check_guard()
        body = await self._body(request)
        work = asyncio.ensure_future(self._within_deadline(self._forward(request, route, body, turn), turn))
        gone = asyncio.ensure_future(_gone(request))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            turn.end(_CLIENT_GONE, "client_gone")
            return Response(status_code=_CLIENT_GONE)
        finally:
            for task in (work, gone):
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task

    def check_sender(self, request: Request) -> None:
        """Refuse what a page in a browser sends, where nobody has to show a key: images are made, and paid for.

        Raises:
            Refusal: when that is so.
        """
        problem = None if self.settings.key is not None else problem_with_sender(request.method, request.headers)
        if problem is not None:
            raise Refusal(403, "not_allowed", problem)

    def check_key(self, request: Request) -> None:
        """Refuse who does not show the key, where there is one.

        Raises:
            Refusal: when that is so.
        """
        if self.settings.key is None:
            return
        shown = request.headers.get("authorization", "").encode()
        wanted = f"Bearer {self.settings.key.get_secret_value()}".encode()
        if not hmac.compare_digest(hashlib.sha256(shown).digest(), hashlib.sha256(wanted).digest()):
            raise Refusal(401, "invalid_api_key", "Show the key of this gateway as a bearer token.")

    def _check_guard(self) -> None:
        """Have no image made that nobody could judge."""
        problem = self.desk.queue.problem
        if problem is not None:
            message = f"No image is made while none can be judged. {problem}"
            wait = math.ceil(self.desk.queue.limits.retry_seconds)
            raise Refusal(503, "guard_unavailable", message, headers={"Retry-After": str(wait)})

    async def _body(self, request: Request) -> bytes:
        most = self.settings.most_request_bytes
        body = bytearray()
        try:
            async with asyncio.timeout(self.settings.deadline):
                async for piece in request.stream():
                    body += piece
                    if len(body) > most:
                        raise Refusal(413, "too_large", f"The request is larger than {most:,} bytes, the limit.")
        except TimeoutError:
            raise Refusal(408, "deadline", "The request did not arrive in time.") from None
        return bytes(body)

    async def _within_deadline(self, work: Awaitable[Sent], turn: _Turn) -> Sent:
        try:
            async with asyncio.timeout_at(turn.ends):
                return await work
        except TimeoutError:
            raise self._too_late() from None

    def _too_late(self) -> Refusal:
        return Refusal(504, "deadline", f"No image was made and judged within {self.settings.deadline:g} seconds.")

    async def _forward(self, request: Request, route: str, body: bytes, turn: _Turn) -> Sent:
        from starlette.responses import JSONResponse, StreamingResponse

        response = await self._upstream.send(route, request.url.query, request.headers, body)
        if not response.headers.get("Content-Type", "").lower().startswith("text/event-stream"):
            try:
                content = await self._moderated(response)
            finally:
                await response.aclose()
            answer = await asyncio.to_thread(JSONResponse, content, headers=turn.headers)  # megabytes of images
            turn.end(200, "ok")
            return answer
        events = self._events(response)
        try:
            first = await anext(events)  # what goes wrong before anything has left is a status, not an event
        except BaseException:
            await events.aclose()
            await response.aclose()
            raise
        stream = self._stream(first, events, turn)

        async def close() -> None:
            turn.end(200, "client_gone")  # unless it has ended otherwise
            for generator in (stream, events):
                await generator.aclose()
            await response.aclose()

        streamed = StreamingResponse(stream, media_type="text/event-stream", headers=turn.headers)
        return _ClosedAfter(streamed, close)

    async def _moderated(self, response: httpx2.Response) -> Json:
        settings, desk = self.settings, self.desk
        body = await read(response, settings.most_answer_bytes)
        content = await beside(len(body), lambda: parsed(body))
        if "data" not in content and content.get("error"):
            raise its_error(content)
        items = await items_of(content, settings.most_images, desk.limits, desk.fetch)
        data = await desk.moderated(items)
        return {"created": int(time.time()), **known_fields(content), "data": data}

    async def _events(self, response: httpx2.Response) -> AsyncGenerator[Json]:
        most = self.settings.most_answer_bytes
        async with (
            aclosing(pieces(response, most)) as body,
            aclosing(read_events(body, most)) as incoming,
            aclosing(moderated_events(incoming, self.desk, self.settings)) as events,
        ):
            async for event in events:
                yield event

    async def _stream(self, first: Json, events: AsyncGenerator[Json], turn: _Turn) -> AsyncGenerator[bytes]:
        event: Json | None = first
        try:
            while event is not None:
                yield await asyncio.to_thread(written, event)
                async with asyncio.timeout_at(turn.ends):  # around no yield: it would end whoever takes the events
                    event = await anext(events, None)
            turn.end(200, "ok")
            return
        except Refusal as refusal:
            problem = refusal
        except TimeoutError:
            problem = self._too_late()
        except Exception as unforeseen:
            problem = Refusal(500, "internal", f"The gateway failed: {type(unforeseen).__name__}.")
        turn.end(200, problem.code)
        yield written_refusal(problem)


class _ClosedAfter:
    """A response, and what is to be done when it was sent, or could not be."""

    def __init__(self, response: Response, close: Callable[[], Awaitable[None]]) -> None:
        self._response = response
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send."""
        try:
            await self._response(scope, receive, send)
        finally:
            await self._close()


class _Turn:
    """One request, from its first byte to the last of its answer; logged once."""

    def __init__(self, gateway: Gateway, route: str) -> None:
        self._gateway = gateway
        self._route = route
        self._started = time.monotonic()
        self._open = True
        self.ends = asyncio.get_running_loop().time() + gateway.settings.deadline
        self.headers = {"X-Request-Id": uuid.uuid4().hex}
        gateway.under_way += 1

    def end(self, status: int, said: str) -> None:
        """Count it out."""
        if not self._open:
            return
        self._open = False
        self._gateway.under_way -= 1
        seconds = round(time.monotonic() - self._started, 4)
        self._gateway.metrics.request(f"/v1{self._route}", status, seconds)
        line = {"id": self.headers["X-Request-Id"], "route": self._route, "status": status, "said": said}
        log.info(json.dumps({**line, "seconds": seconds}))


async def _gone(request: Request) -> None:
    """Wait until the client goes away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
