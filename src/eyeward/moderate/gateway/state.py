"""What others may ask about a gateway: is it there, can it judge, how does it do?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from eyeward.moderate.gateway.app import Gateway


def state_routes(gateway: Gateway) -> list[Route]:
    """Return the routes beside those of images."""

    async def health(request: Request) -> Response:
        gateway.check_sender(request)
        return JSONResponse({"status": "ok"})

    async def ready(request: Request) -> Response:
        gateway.check_sender(request)
        sound = gateway.desk.queue.problem is None
        probe = "known answers" if gateway.desk.knows_answers else "can be judged"
        return JSONResponse({"ready": sound, "probe": probe}, 200 if sound else 503)

    async def metrics(request: Request) -> Response:
        gateway.check_sender(request)
        gateway.check_key(request)
        return Response(gateway.metrics.page(), media_type=gateway.metrics.content_type)

    return [Route("/health", health), Route("/ready", ready), Route("/metrics", metrics)]
