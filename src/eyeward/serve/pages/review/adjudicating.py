"""Adjudication: what raters differ about is decided by somebody else, with all answers in view."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from eyeward.data.sample import Severity
from eyeward.serve.keys import Role
from eyeward.serve.labels.records import Annotator, Contested, Nothing, Queue, Shown
from eyeward.serve.labels.refusals import CapReached, Conflict, Contradictory
from eyeward.serve.logs import log
from eyeward.serve.pages.frame import form
from eyeward.serve.pages.review.forms import Draft, Unfinished, seen_fields, seen_of
from eyeward.serve.pages.review.refused import ReviewRefused
from eyeward.serve.pages.review.room import IMAGE, QUEUE, Room

ADJUDICATORS = (Role.policy_owner,)


def adjudication_routes(room: Room) -> list[Route]:
    """Return the routes of adjudicators."""
    pages = _Adjudication(room)
    route = room.frame.route
    return [
        route(f"{QUEUE}/adjudicate", pages.next, ADJUDICATORS),
        route(f"{IMAGE}/look", pages.look, ADJUDICATORS, ("POST",)),
        route(f"{IMAGE}/decide", room.saved(pages.decide), ADJUDICATORS, ("POST",)),
    ]


class _Adjudication:
    def __init__(self, room: Room) -> None:
        self._room = room

    async def next(self, request: Request) -> Response:
        """Hand out the next item that raters differ about."""
        room, user = self._room, self._room.user(request)
        queue = await room.queue(request)
        found = await room.ask(lambda: room.desk.take_contested(queue.name, user))
        if isinstance(found, Nothing):
            annotator = await room.ask(lambda: room.desk.annotator(user))
            return room.nothing(request, queue, found, annotator, adjudicating=True)
        grey = request.query_params.get("grey") != "0"
        return await self._page(request, queue, found, Draft.new(grey))

    async def look(self, request: Request) -> Response:
        """Show the image without blur, in the answer to this very request; the first time is an event."""
        room, user, image = self._room, self._room.user(request), self._room.image(request)
        queue = await room.queue(request)
        draft = Draft.sent(await form(request))
        found = await room.ask(lambda: room.desk.contested(queue.name, image, user))
        if not found.revealed:
            try:
                await room.ask(lambda: room.desk.reveal(queue.name, image, user, draft.ms))
            except ReviewRefused as reason:
                if reason.kind != CapReached.kind:
                    raise
                return await self._page(request, queue, found, draft, problem=str(reason), status=reason.status)
        log("revealed", queue=queue.name, key=user, first=not found.revealed)
        return await self._page(request, queue, found, draft, unblurred=True)

    async def decide(self, request: Request) -> Response:
        """Keep a decision, and go on; when somebody else was quicker, show what they decided."""
        room, user, image = self._room, self._room.user(request), self._room.image(request)
        queue = await room.queue(request)
        sent = await form(request)
        draft, seen = Draft.sent(sent), seen_of(sent)
        try:
            answer = draft.answer(queue.policy)
            await room.ask(
                lambda: room.desk.adjudicate(
                    queue.name, image, user, answer, seen, ms=draft.ms, submission=draft.submission
                )
            )
        except Unfinished as problem:
            said, status = str(problem), 422
        except ReviewRefused as reason:
            if reason.kind not in (Conflict.kind, Contradictory.kind):
                raise
            said, status = str(reason), reason.status
        else:
            return RedirectResponse(f"{QUEUE.format(queue=queue.name)}/adjudicate?grey={int(draft.grey)}", 303)
        found = await room.ask(lambda: room.desk.contested(queue.name, image, user))
        return await self._page(request, queue, found, draft, problem=said, status=status)

    async def _page(
        self,
        request: Request,
        queue: Queue,
        found: Contested,
        draft: Draft,
        *,
        unblurred: bool = False,
        problem: str = "",
        status: int = 200,
    ) -> Response:
        room, user, image = self._room, self._room.user(request), found.image_sha256

        def looked_up() -> tuple[Shown, Annotator]:
            return room.desk.shown(queue.name, image, user), room.desk.annotator(user)

        shown, annotator = await room.ask(looked_up)
        return room.frame.page(
            request,
            "review/adjudicate.html",
            status,
            queue=queue,
            policy=queue.policy,
            base=IMAGE.format(queue=queue.name, image=image),
            draft=draft,
            picture=await room.picture(shown, unblurred),
            annotator=annotator,
            answers=found.answers,
            claims=found.claims,
            current={field.value: value for field, value in found.current.items()},
            problem=problem,
            severities=list(Severity),
            hidden=seen_fields(found.current),
        )
