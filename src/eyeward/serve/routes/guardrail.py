"""`POST /beta/litellm_basic_guardrail_api`: LiteLLM's generic guardrail. What is not Safe is blocked."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from eyeward.serve.answers import disconnected, note, note_verdicts, record_response
from eyeward.serve.bodies import read_record
from eyeward.serve.keys import Role
from eyeward.serve.refusals import Unjudgeable
from eyeward.serve.schema import GuardrailAnswer, GuardrailBody
from eyeward.serve.service import Asked, Service
from eyeward.serve.threads import beside
from eyeward.serve.uploads import from_either
from eyeward.verdict import Verdict


def guardrail_routes(service: Service) -> APIRouter:
    """Make the route."""
    router = APIRouter(tags=["verdicts"])

    @router.post(
        "/beta/litellm_basic_guardrail_api",
        summary="Let LiteLLM's calls pass or not, by their images",
        response_model=None,
        responses={200: {"model": GuardrailAnswer}},
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/GuardrailBody"}}},
            }
        },
    )
    async def guardrail(request: Request) -> Response:
        """Block a call unless each of its images is Safe. Texts are not looked at; a call without images passes.

        `additional_provider_specific_params: {"policy": NAME}` chooses the policy.
        """
        principal = service.principal(request.headers)
        note(request, key=principal.name)
        principal.require(Role.caller)
        body = await read_record(request, GuardrailBody)
        images = body.images or ()
        policy_name = (body.additional_provider_specific_params or {}).get("policy")
        if policy_name is not None and not isinstance(policy_name, str):
            raise Unjudgeable("The policy in additional_provider_specific_params is the name of one.")
        policies = await service.policies(principal, () if policy_name is None else (policy_name,))
        note(request, images=len(images), policies=[policy.hash[:12] for policy in policies])
        if not images:
            return record_response(GuardrailAnswer(action="NONE"))
        uploads = await beside(
            sum(map(len, images)), lambda: tuple(from_either(text, f"images[{n}]") for n, text in enumerate(images))
        )
        asked = Asked(uploads, policies, False, service.deadline(None))
        verdicts = [row[0].verdict for row in await service.judged(asked, lambda: disconnected(request))]
        note_verdicts(request, verdicts)
        reasons = [_reason(number, verdict) for number, verdict in enumerate(verdicts) if verdict.flagged]
        if not reasons:
            return record_response(GuardrailAnswer(action="NONE"))
        return record_response(GuardrailAnswer(action="BLOCKED", blocked_reason=" ".join(reasons)))

    return router


def _reason(number: int, verdict: Verdict) -> str:
    which = f"Image {number + 1}"
    if verdict.error is not None:
        return f"{which} was not judged: {verdict.error.message}"
    why = "it is on a list of known images" if verdict.category is None else verdict.category
    return f"{which} is {verdict.rating} under the policy {verdict.policy.name}: {why}."
