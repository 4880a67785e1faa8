"""The playground: an image under a policy that is changed by the click, and what the guard says of it."""

from __future__ import annotations

import asyncio
import io
from functools import lru_cache

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from eyeward.serve.answers import disconnected, note, note_verdicts, record_response, request_id
from eyeward.serve.bodies import read_assess, read_record
from eyeward.serve.keys import Role
from eyeward.serve.pages.frame import Frame, Part, Tab
from eyeward.serve.pages.session import TOKEN_HEADER
from eyeward.serve.pages.shelf import Covered, ShownPolicy, shown, usable
from eyeward.serve.refusals import BadRequest, NotThere
from eyeward.serve.service import Asked
from eyeward.verdict import Verdict

SCENES = {
    "cake": 4774,
    "burglar": 18504,
    "burglar_newspaper": 36805,
    "cannabis": 45458,
    "cannabis_info_poster": 4558,
    "fist_fight": 2130,
    "fist_fight_museum_frame": 8517,
    "caged_dog": 34702,
    "dog_on_a_leash": 2630,
    "pistol_on_billboard": 29635,
    "armed_person": 6196,
    "armed_person_police_badge": 11013,
}
"""Drawn scenes to try: their names, and their numbers in the test split, which no training sees."""
SCENE_SIDE = 224
ASSESS, POLICY = "/playground/assess", "/playground/policy"
ROLES = (Role.caller,)
TAB = Tab("/", "Playground", ROLES)


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Asking(_Closed):
    """A policy by its name, or in full as YAML or JSON."""

    policy: str


class Judged(_Closed):
    """A verdict with what stands beside it on the page."""

    verdict: Verdict
    scores: dict[str, float]
    """By label: the probability that the image is Unsafe and that this is why."""
    covered: Covered


class Judgement(_Closed):
    """One answer for each policy, in the order in which they were sent."""

    request_id: str
    judged: tuple[Judged, ...]


def playground(frame: Frame) -> Part:
    """Return the page and what its script asks for."""
    service = frame.service

    def admit(request: Request) -> None:
        visitor = frame.visit(request)
        principal = visitor.require(*ROLES)
        note(request, key=principal.name)
        frame.sessions.check(request, visitor, request.headers.get(TOKEN_HEADER, ""))
        service.check_room()

    async def show(request: Request) -> Response:
        visitor = frame.visit(request)
        principal = visitor.require()
        if not visitor.may(*ROLES) and frame.home(visitor) != TAB.path:
            return RedirectResponse(frame.home(visitor), 303)
        principal.require(*ROLES)
        policies = await usable(service, principal)
        chosen = (principal.policies[:1] or (service.book.default.name,))[0]
        guard = service.guard
        return frame.page(
            request,
            "playground.html",
            policies=policies,
            chosen=chosen,
            may_edit=principal.inline_policies,
            may_write=visitor.may(Role.policy_owner),
            scenes=list(SCENES),
            knows_scenes_only=guard.scope is not None and guard.model.name == "mini",
            trained=guard.trained_to_judge,
            largest=service.settings.image.max_bytes,
        )

    async def assess(request: Request) -> Response:
        principal = frame.visit(request).require(*ROLES)
        form = await read_assess(request, 1, service.let_in)
        if len(form.images) > 1:
            raise BadRequest("The playground judges one image at a time; /v1/assess takes several.")
        deadline = service.deadline(form.deadline_seconds)
        policies = await service.policies(principal, form.policies, deadline)
        asked = Asked(form.images, policies, form.explain, deadline)
        note(request, images=len(asked.images), policies=[policy.hash[:12] for policy in policies])
        rows = await service.judged(asked, lambda: disconnected(request))
        judged = []
        for policy, scored in zip(policies, rows[0], strict=True):
            scores = {category.label: scored.category_scores.get(category.id) for category in policy.categories}
            judged.append(
                Judged(
                    verdict=scored.verdict,
                    scores={label: score for label, score in scores.items() if score is not None},
                    covered=Covered.of(await service.coverage(policy)),
                )
            )
        note_verdicts(request, [one.verdict for one in judged])
        return record_response(Judgement(request_id=request_id(request), judged=tuple(judged)))

    async def policy(request: Request) -> Response:
        principal = frame.visit(request).require(*ROLES)
        asking = await read_record(request, Asking)
        (wanted,) = await service.policies(principal, (asking.policy,))
        answer: ShownPolicy = await shown(service, wanted)
        return record_response(answer)

    async def scene(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in SCENES:
            raise NotThere("There is no such scene.")
        picture = await asyncio.to_thread(drawn, name)
        return Response(picture, headers={"Cache-Control": "private, max-age=86400"}, media_type="image/png")

    return Part(
        routes=(
            frame.route(TAB.path, show, roles=()),
            frame.route(ASSESS, assess, ROLES, ("POST",)),
            frame.route(POLICY, policy, ROLES, ("POST",)),
            frame.route("/playground/scenes/{name}.png", scene, ROLES),
        ),
        tab=TAB,
        admit={ASSESS: admit},
    )


@lru_cache(maxsize=len(SCENES))
def drawn(name: str) -> bytes:
    """Return a scene as PNG."""
    from eyeward.scenes.paint import paint
    from eyeward.scenes.sample import sample_scene

    file = io.BytesIO()
    paint(sample_scene(SCENES[name], "test"), SCENE_SIDE).save(file, "PNG", optimize=True)
    return file.getvalue()
