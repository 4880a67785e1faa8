"""`POST /v1/moderations`: OpenAI's schema, so that its clients work unchanged, for images in every category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from eyeward.serve.answers import disconnected, note, note_verdicts, record_response, request_id
from eyeward.serve.bodies import read_record
from eyeward.serve.keys import Principal, Role
from eyeward.serve.moderation_scores import Scores, merged, scores_of
from eyeward.serve.refusals import BadRequest, NotThere, Unjudgeable
from eyeward.serve.routes.assess import admit_assess
from eyeward.serve.schema import ImagePart, ModerationAnswer, ModerationBody, ModerationResult
from eyeward.serve.service import Asked, Service
from eyeward.serve.settings import Text
from eyeward.serve.threads import beside
from eyeward.serve.uploads import Upload, from_address
from eyeward.verdict import Verdict

PATH = "/v1/moderations"
THEIR_MODELS = frozenset(("omni-moderation-latest", "omni-moderation-2024-09-26"))
"""Names that clients send by default; what answers is always the guard that is served, and the answer says so."""


@dataclass(frozen=True, slots=True)
class _Input:
    """What is to be moderated: images and texts of one input, or texts that are an input each."""

    images: tuple[ImagePart, ...]
    texts: tuple[str, ...]
    apart: bool


def admit_moderations(service: Service, request: Request) -> None:
    """Refuse as `admit_assess` does, unless texts are looked at, which takes no room in the queue.

    Raises:
        Refused: when that is so.
    """
    if service.texts is None:
        admit_assess(service, request)


def moderation_routes(service: Service) -> APIRouter:
    """Make the route."""
    router = APIRouter(tags=["verdicts"])

    @router.post(
        PATH,
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

        The thirteen keys of OpenAI stand beside one key for each category of the policy. What was looked for, and in
        what, stands in `category_applied_input_types`. Text is not judged here; it goes to another service, or is
        refused.
        """
        principal = service.principal(request.headers)
        note(request, key=principal.name)
        principal.require(Role.caller)
        body = await read_record(request, ModerationBody)
        _check_model(service, body.model)
        sent = _input(body)
        _check_text(service, sent)
        deadline = service.deadline(None)
        found = await service.texts.each(sent.texts) if service.texts is not None and sent.texts else []
        texts = found if sent.apart else _together(found)
        verdicts: list[Verdict] = []
        if sent.images:
            scores, verdicts = await _judged(service, principal, request, body.policy, sent.images, deadline)
            texts = [merged(scores, text) for text in texts] or [scores]
        results = tuple(
            ModerationResult(
                flagged=scores.flagged,
                categories=scores.categories,
                category_scores=scores.category_scores,
                category_applied_input_types=scores.applied,
                eyeward={"verdicts": verdicts},
            )
            for scores in texts
        )
        model = service.guard.model.name
        return record_response(ModerationAnswer(id=f"modr-{request_id(request)}", model=model, results=results))

    return router


async def _judged(
    service: Service,
    principal: Principal,
    request: Request,
    policy_name: str | None,
    images: Sequence[ImagePart],
    deadline: float,
) -> tuple[Scores, list[Verdict]]:
    """Have the images judged.

    Raises:
        Refused: when one of them cannot be.
    """
    await service.let_in()  # nothing of the images is read in vain
    uploads = await _uploads(images)
    (policy,) = await service.policies(principal, () if policy_name is None else (policy_name,), deadline)
    note(request, images=len(uploads), policies=[policy.hash[:12]])
    asked = Asked(uploads, (policy,), False, deadline)
    answers = [row[0] for row in await service.judged(asked, lambda: disconnected(request))]
    verdicts = [scored.verdict for scored in answers]
    note_verdicts(request, verdicts)
    for number, verdict in enumerate(verdicts):
        if verdict.error is not None:
            reason = Unjudgeable(f"Image {number + 1} was not judged: {verdict.error.message}")
            reason.kind = verdict.error.type.value
            raise reason
    return scores_of(answers, policy, await service.coverage(policy)), verdicts


def _check_model(service: Service, name: str | None) -> None:
    if name is not None and name not in THEIR_MODELS and name != service.guard.model.name:
        raise NotThere(
            f"There is no model {name[:80]!r} here; name {service.guard.model.name!r}, omni-moderation-latest, or none."
        )


def _input(body: ModerationBody) -> _Input:
    """Tell images from texts: a text, or a list of texts, is an input each; a list of parts is one."""
    if isinstance(body.input, str):
        return _Input((), (body.input,), True)
    images = tuple(part for part in body.input if isinstance(part, ImagePart))
    strings = tuple(part for part in body.input if isinstance(part, str))
    parts = tuple(part.text for part in body.input if not isinstance(part, str | ImagePart))
    return _Input(images, (*strings, *parts), bool(strings))


def _check_text(service: Service, sent: _Input) -> None:
    """Refuse text that nobody would look at, and an input without anything.

    Raises:
        BadRequest: when that is so.
    """
    if not sent.images and (not sent.texts or service.texts is None):
        raise BadRequest(
            "This input holds no image, and text is not judged here. Send images as "
            '{"type": "image_url", "image_url": {"url": "data:image/png;base64,…"}}; ask another moderation for text.'
        )
    if sent.texts and service.texts is None and service.settings.text is Text.refuse:
        raise BadRequest(
            "This input holds text beside images, and text is not judged here. Send the images alone; or start the "
            "service with --text-moderator URL, or with --text ignore, which leaves text out and says so in "
            "category_applied_input_types."
        )


def _together(scores: Sequence[Scores]) -> list[Scores]:
    """Put the results about the texts of one input into one."""
    if not scores:
        return []
    whole, *others = scores
    for other in others:
        whole = merged(whole, other)
    return [whole]


async def _uploads(images: Sequence[ImagePart]) -> tuple[Upload, ...]:
    size = sum(len(part.image_url.url) for part in images)
    return await beside(
        size, lambda: tuple(from_address(part.image_url.url, f"image {n + 1}") for n, part in enumerate(images))
    )
