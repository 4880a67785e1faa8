"""`POST /v1/assess`: our own schema, with everything in it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from eyeward.serve.answers import disconnected, note, note_verdicts, record_response, request_id
from eyeward.serve.bodies import read_assess
from eyeward.serve.keys import Role
from eyeward.serve.schema import LEAST_SECONDS, AssessAnswer
from eyeward.serve.service import Asked, Service

PATH = "/v1/assess"
_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["image"],
    "properties": {
        "image": {"type": "array", "items": {"type": "string", "format": "binary"}},
        "policy": {"type": "array", "items": {"type": "string"}, "description": "Names, or whole policies in YAML."},
        "explain": {"type": "boolean"},
        "deadline_seconds": {"type": "number", "minimum": LEAST_SECONDS},
    },
    "additionalProperties": False,
}


def admit_assess(service: Service, request: Request) -> None:
    """Refuse who may not ask, and whoever asks when there is no room, before anything of the body is read.

    Raises:
        Refused: when that is so.
    """
    principal = service.principal(request.headers)
    note(request, key=principal.name)
    principal.require(Role.caller)
    service.check_room()


def assess_routes(service: Service) -> APIRouter:
    """Make the route."""
    router = APIRouter(tags=["verdicts"])

    @router.post(
        PATH,
        summary="Judge images",
        response_model=None,
        responses={200: {"model": AssessAnswer}},
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/AssessBody"}},
                    "multipart/form-data": {"schema": _FORM},
                },
            }
        },
    )
    async def assess(request: Request) -> Response:
        """Judge one or several images under one or several policies.

        An image that cannot be judged has a verdict with an error and no rating. `flagged` is false only when every
        verdict is Safe.
        """
        principal = service.principal(request.headers)
        principal.require(Role.caller)
        form = await read_assess(request, service.settings.images, service.let_in)
        deadline = service.deadline(form.deadline_seconds)
        policies = await service.policies(principal, form.policies, deadline)
        asked = Asked(form.images, policies, form.explain, deadline)
        note(request, images=len(form.images), policies=[policy.hash[:12] for policy in policies])
        rows = await service.judged(asked, lambda: disconnected(request))
        verdicts = tuple(scored.verdict for row in rows for scored in row)
        note_verdicts(request, verdicts)
        return record_response(
            AssessAnswer(
                request_id=request_id(request),
                flagged=any(verdict.flagged for verdict in verdicts),
                verdicts=verdicts,
            )
        )

    return router
