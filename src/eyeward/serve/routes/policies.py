"""`/v1/policies`: what there is, and what policy owners write."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from eyeward.errors import PolicyError
from eyeward.guard import Coverage
from eyeward.policy import Policy
from eyeward.serve.answers import note, record_response
from eyeward.serve.bodies import media_type
from eyeward.serve.keys import Principal, Role
from eyeward.serve.refusals import BadRequest, NotThere, TooLarge, Unjudgeable, WrongMedia
from eyeward.serve.schema import PolicyList, PolicyOut
from eyeward.serve.service import Service

_KINDS = ("application/yaml", "application/x-yaml", "text/yaml", "text/plain", "application/json", "")
_BASED_ON: dict[str, Any] = {
    "name": "based_on",
    "in": "query",
    "required": False,
    "schema": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    "description": "The latest version when its writer looked, 0 for none.",
}


def policy_routes(service: Service) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix="/v1/policies", tags=["policies"])

    @router.get("", summary="List policies", response_model=None, responses={200: {"model": PolicyList}})
    async def list_policies(request: Request) -> Response:
        """List the policies that this key may use, each in its latest version."""
        principal = _reader(service, request)
        try:
            listed = await asyncio.to_thread(lambda: list(service.book.all()))
        except PolicyError as problem:
            raise Unjudgeable(f"A policy cannot be read: {problem.message}") from None
        mine = [policy for policy in listed if principal.may_use(policy.name, policy.version)]
        shown = tuple([await _shown(service, policy) for policy in mine])
        return record_response(PolicyList(default=service.book.default.name, policies=shown))

    @router.get("/{name}", summary="Show a policy", response_model=None, responses={200: {"model": PolicyOut}})
    async def show_policy(request: Request, name: str) -> Response:
        """Show a policy by `name`, or by `name@version`, with its text."""
        principal = _reader(service, request)
        try:
            policy = await asyncio.to_thread(service.book.find, name)
        except PolicyError as problem:
            raise Unjudgeable(f"The policy cannot be read: {problem.message}") from None
        if policy is None or not principal.may_read(policy.name, policy.version):
            raise NotThere(f"There is no policy {name[:100]!r}.")
        return record_response(await _shown(service, policy, whole=True))

    @router.put(
        "/{name}",
        summary="Write a policy",
        response_model=None,
        responses={200: {"model": PolicyOut}, 201: {"model": PolicyOut}},
        openapi_extra={
            "parameters": [_BASED_ON],
            "requestBody": {"required": True, "content": {"application/yaml": {"schema": {"type": "string"}}}},
        },
    )
    async def put_policy(request: Request, name: str) -> Response:
        """Keep a policy as the next version of its name. Errors are refused, doubts are named in the answer.

        The version in the text does not count; a text that says what the latest version says makes no new one. With
        `based_on`, a change that somebody else made since is not passed over: then the answer is 409.
        """
        principal = service.principal(request.headers)
        note(request, key=principal.name)
        principal.require(Role.policy_owner)
        principal.require_write(name)
        based_on = version_of(request.query_params.get("based_on"))
        if media_type(request) not in _KINDS:
            raise WrongMedia("A policy is sent as application/yaml or application/json.")
        body = await request.body()
        if len(body) > service.settings.inline_bytes:
            raise TooLarge(f"A policy is larger than {service.settings.inline_bytes:,} bytes, the limit.")
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise BadRequest("The policy is not UTF-8 text.") from None
        asked, _ = await service.read(text)
        await service.coverage(asked)  # one that the guard cannot be asked is of no use here
        kept = await asyncio.to_thread(service.book.put, name, text, based_on)
        note(request, policy=kept.policy.name, version=kept.policy.version)
        shown = await _shown(service, kept.policy, whole=True)
        findings = tuple(map(str, kept.findings))
        return record_response(
            shown.model_copy(update={"created": kept.created, "findings": findings}), 201 if kept.created else 200
        )

    return router


def version_of(text: str | None) -> int | None:
    """Read the number of a version, 0 for none; None where nothing is said.

    Raises:
        BadRequest: when it is none.
    """
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise BadRequest("based_on is the number of a version, or 0 where there is none.")
    return int(text)


def _reader(service: Service, request: Request) -> Principal:
    principal = service.principal(request.headers)
    note(request, key=principal.name)
    principal.require(Role.caller, Role.policy_owner, Role.reviewer)
    return principal


async def _shown(service: Service, policy: Policy, whole: bool = False) -> PolicyOut:
    try:
        coverage = await service.coverage(policy)
    except Unjudgeable:
        coverage = Coverage((), policy.ids)
    return PolicyOut(
        policy=policy.ref,
        versions=service.book.versions(policy.name),
        categories=policy.labels,
        not_covered=coverage.not_covered,
        yaml=await asyncio.to_thread(policy.to_yaml) if whole else None,
    )
