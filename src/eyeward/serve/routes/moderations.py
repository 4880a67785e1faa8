"""`POST /v1/moderations`: OpenAI's schema, so that its clients work unchanged, for images in every category."""

from __future__ import annotations


from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from eyeward.serve.answers import disconnected, note, record_response, request_id
from eyeward.serve.bodies import read_record
from eyeward.serve.keys import Role
from eyeward.serve.moderation_scores import scores_of
from eyeward.serve.refusals import BadRequest, NotThere, Unjudgeable
from eyeward.serve.schema import ImagePart, ModerationAnswer, ModerationBody, ModerationResult
from eyeward.serve.service import Asked, Service, beside
from eyeward.serve.settings import Text
from eyeward.serve.uploads import Upload, from_address

THEIR_MODELS = frozenset(("omni-moderation-latest", "omni-moderation-2024-09-26"))
"""Names that clients send by default; what answers is always the guard that is served, and the answer says so."""


def moderation_routes(service: Service) -> APIRouter:
    """Make the route."""
    router = APIRouter(tags=["verdicts"])

    @router.post(
        "/v1/moderations",
        summary="Judge images, in OpenAI's words",
        response_model=None,
        responses={200: {"model": ModerationAnswer}},
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ModerationBody"}}},
            }
        },
    )
    async def moderations(request: Request) -> Response:
        """Judge the images of one input; there is one result for all of them.

        The thirteen keys of OpenAI stand beside one key for each category of the policy. What was looked for in images
        stands in `category_applied_input_types`. Text is not judged.
        """
        principal = service.principal(request.headers)
        note(request, key=principal.name)
        principal.require(Role.caller)
        service.queue.check(1, service.deadline(None), False)
        body = await read_record(request, ModerationBody)
        _check_model(service, body.model)
        images = await _images(body, service.settings.text)
        (policy,) = await service.policies(principal, () if body.policy is None else (body.policy,))
        note(request, images=len(images), policies=[policy.hash[:12]])
        asked = Asked(images, (policy,), False, service.deadline(None))
        answers = [row[0] for row in await service.judged(asked, lambda: disconnected(request))]
        verdicts = [scored.verdict for scored in answers]
        note(request, ratings=[verdict.rating or "error" for verdict in verdicts])
        for number, verdict in enumerate(verdicts):
            if verdict.error is not None:
                reason = Unjudgeable(f"Image {number + 1} was not judged: {verdict.error.message}")
                reason.kind = verdict.error.type.value
                raise reason
        scores = scores_of(answers, policy, await service.coverage(policy))
        result = ModerationResult(
            flagged=scores.flagged,
            categories=scores.categories,
            category_scores=scores.category_scores,
            category_applied_input_types=scores.applied,
            eyeward={"verdicts": verdicts},
        )
        answer = ModerationAnswer(
            id=f"modr-{request_id(request)}", model=service.guard.model.name, results=(result,)
        )
        return record_response(answer)

    return router


def _check_model(service: Service, name: str | None) -> None:
    if name is not None and name not in THEIR_MODELS and name != service.guard.model.name:
        raise NotThere(
            f"There is no model {name[:80]!r} here; name {service.guard.model.name!r}, omni-moderation-latest, or none."
        )


async def _images(body: ModerationBody, text: Text) -> tuple[Upload, ...]:
    """Return the images of an input.

    Raises:
        BadRequest: when there is text in it, which nobody would look at, or no image.
    """
    parts = [part for part in body.input if not isinstance(part, str)] if not isinstance(body.input, str) else []
    images = [part for part in parts if isinstance(part, ImagePart)]
    if not images:
        raise BadRequest(
            "This input holds no image, and text is not judged here. Send images as "
            '{"type": "image_url", "image_url": {"url": "data:image/png;base64,…"}}; ask another moderation for text.'
        )
    if len(images) < len(parts) and text is Text.refuse:
        raise BadRequest(
            "This input holds text beside images, and text is not judged here. Send the images alone; or start the "
            "service with --text ignore, which leaves text out and says so in category_applied_input_types."
        )
    size = sum(len(part.image_url.url) for part in images)
    return await beside(
        size,
        lambda: tuple(from_address(part.image_url.url, f"image {n + 1}") for n, part in enumerate(images)),
    )
