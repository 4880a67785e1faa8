"""The application: routes, errors, the page of the API, and the gate around them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from eyeward import __version__
from eyeward.serve.answers import error_response, request_id
from eyeward.serve.gate import Gate
from eyeward.serve.pages.frame import Frame
from eyeward.serve.pages.site import PageOptions, make_site
from eyeward.serve.refusals import BadRequest, NotThere, Refused
from eyeward.serve.routes.assess import PATH as ASSESS
from eyeward.serve.routes.assess import admit_assess, assess_routes
from eyeward.serve.routes.guardrail import guardrail_routes
from eyeward.serve.routes.moderations import PATH as MODERATIONS
from eyeward.serve.routes.moderations import admit_moderations, moderation_routes
from eyeward.serve.routes.policies import policy_routes
from eyeward.serve.routes.state import state_routes
from eyeward.serve.schema import BODIES, ErrorAnswer
from eyeward.serve.service import Service

_REFS = "#/components/schemas/{model}"
_ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorAnswer, "description": "The request was refused; nothing was judged."},
    "5XX": {"model": ErrorAnswer, "description": "Nothing was judged; ask again later."},
}


def make_app(service: Service, pages: PageOptions | None = None) -> Gate:
    """Return the application; its lifespan starts and ends the service. Without options there are no pages."""
    site = make_site(service, pages)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.queue.start()
        try:
            yield
        finally:
            await asyncio.to_thread(service.close)
            await asyncio.to_thread(site.close)
            if service.texts is not None:
                await service.texts.close()

    app = FastAPI(
        title="Eyeward",
        version=__version__,
        summary="Judges images against a written safety policy.",
        description="Whatever goes wrong, no answer says Safe. Read `flagged` or `rating`; an error is flagged.",
        lifespan=lifespan,
        responses=_ERRORS,
        redirect_slashes=False,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    for routes in (assess_routes, moderation_routes, guardrail_routes, policy_routes, state_routes):
        made = routes(service)
        app.router.routes.extend(_plain(made))
        app.include_router(made)
    app.router.routes.extend(site.routes)
    app.add_exception_handler(Refused, _refused(service))
    app.add_exception_handler(HTTPException, _not_routed(site.frame))
    app.add_exception_handler(Exception, _failed)
    documented = app.openapi
    app.openapi = cache(lambda: _completed(documented()))  # type: ignore[method-assign]
    gate = Gate(
        app,
        service.settings,
        service.metrics,
        service.in_flight,
        local_only=not service.keys.wanted,
        admit={
            ASSESS: lambda request: admit_assess(service, request),
            MODERATIONS: lambda request: admit_moderations(service, request),
            **site.admit,
        },
    )
    service.metrics.watch(
        depth=lambda: service.queue.depth,
        ready=lambda: float(service.queue.problem is None),
        under_way=lambda: gate.under_way,
    )
    return gate


class _Named(Route):
    """Says in the scope which route was taken, for the log."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match as any route does."""
        match, more = super().matches(scope)
        return match, {**more, "route": self}


def _plain(router: APIRouter) -> list[Route]:
    """Return routes as Starlette runs them: ours read requests by themselves, and FastAPI's way to them takes longer.

    FastAPI documents them.
    """
    found = [route for route in router.routes if isinstance(route, APIRoute) and "{" not in route.path]
    return [_Named(route.path, route.endpoint, methods=sorted(route.methods or ())) for route in found]


def _refused(service: Service) -> Any:
    async def refused(request: Request, reason: Exception) -> Response:
        assert isinstance(reason, Refused)
        service.metrics.refused(reason)
        return error_response(reason, request_id(request))

    return refused


def _not_routed(frame: Frame) -> Any:
    async def not_routed(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, HTTPException)
        reason: Refused = NotThere("There is nothing at this address; /docs shows what there is.")
        if problem.status_code != 404:
            reason = BadRequest(str(problem.detail))
            reason.status = problem.status_code
        answer = frame.not_routed(request, reason)
        answer.headers.update(problem.headers or {})
        return answer

    return not_routed


async def _failed(request: Request, problem: Exception) -> Response:
    reason = Refused("Something went wrong in this service; nothing was judged.")
    return error_response(reason, request_id(request))


def _completed(schema: dict[str, Any]) -> dict[str, Any]:
    """Add what routes do by themselves: the records that they read, and the keys that they want."""
    _, made = models_json_schema([(record, "validation") for record in BODIES], ref_template=_REFS)
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    for name, record in made["$defs"].items():
        schemas.setdefault(name, record)
    schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    schema["security"] = [{"key": []}, {}]
    return schema
