"""What there is and how it does: models, health, readiness, metrics."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from eyeward.serve.answers import note, record_response
from eyeward.serve.keys import Role
from eyeward.serve.schema import ModelList, ModelOut
from eyeward.serve.service import Service


def state_routes(service: Service) -> APIRouter:
    """Make the routes."""
    router = APIRouter()

    @router.get(
        "/v1/models",
        summary="List guards",
        tags=["models"],
        response_model=None,
        responses={200: {"model": ModelList}},
    )
    async def models(request: Request) -> Response:
        """Say which guard answers here."""
        principal = service.principal(request.headers)
        note(request, key=principal.name)
        guard = service.guard
        model = ModelOut(
            id=guard.model.name,
            revision=guard.model.revision,
            engine=guard.model.engine,
            threshold=None if guard.rule is None else guard.rule.threshold,
            review_band=None if guard.rule is None else guard.rule.band,
            trained_to_judge=guard.trained_to_judge,
        )
        return record_response(ModelList(data=(model,)))

    @router.get("/health", summary="Is the process there?", tags=["state"], response_model=None)
    async def health(request: Request) -> Response:
        """Answer, whatever the engine does."""
        return JSONResponse({"status": "alive"})

    @router.get(
        "/ready",
        summary="Does the engine judge right?",
        tags=["state"],
        response_model=None,
        responses={503: {"description": "It does not, or was not asked yet."}},
    )
    async def ready(request: Request) -> Response:
        """Say whether the latest probe image was judged right and in time. What is wrong stands in the log."""
        sound = service.queue.problem is None
        probe = "known answers" if service.canary.knows_answers else "can be judged"
        return JSONResponse({"ready": sound, "probe": probe}, 200 if sound else 503)

    @router.get(
        "/metrics",
        summary="Metrics for Prometheus",
        tags=["state"],
        response_model=None,
        response_class=PlainTextResponse,
    )
    async def metrics(request: Request) -> Response:
        """Give counts and times; takes the role admin."""
        principal = service.principal(request.headers)
        note(request, key=principal.name)
        principal.require(Role.admin)
        return Response(service.metrics.page(), media_type=service.metrics.content_type)

    return router
