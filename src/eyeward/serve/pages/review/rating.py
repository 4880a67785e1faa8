"""Blind rating: an item is taken, looked at, answered or skipped; who has answered may look back."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from eyeward.data.sample import Severity
from eyeward.serve.keys import Role
from eyeward.serve.labels.records import Aftermath, Annotator, Answer, Nothing, Queue, Shown
from eyeward.serve.labels.refusals import CapReached, Contradictory
from eyeward.serve.logs import log
from eyeward.serve.pages.frame import form
from eyeward.serve.pages.review.forms import Draft, Unfinished
from eyeward.serve.pages.review.refused import ReviewRefused
from eyeward.serve.pages.review.room import IMAGE, QUEUE, Room, is_sha256

RATERS = (Role.reviewer,)


def rating_routes(room: Room) -> list[Route]:
    """Return the routes of raters."""
    pages = _Rating(room)
    route = room.frame.route
    return [
        route(f"{QUEUE}/rate", pages.next, RATERS),
        route(IMAGE, pages.again, RATERS),
        route(f"{IMAGE}/reveal", pages.reveal, RATERS, ("POST",)),
        route(f"{IMAGE}/skip", pages.skip, RATERS, ("POST",)),
        route(f"{IMAGE}/answer", room.saved(pages.answer), RATERS, ("POST",)),
    ]


class _Rating:
    def __init__(self, room: Room) -> None:
        self._room = room

    async def next(self, request: Request) -> Response:
        """Hand out the next item, or again the one that is held; a reload changes nothing."""
        room, user = self._room, self._room.user(request)
        queue = await room.queue(request)
        offer = await room.ask(lambda: room.desk.take(queue.name, user))
        kept = request.query_params.get("kept", "")
        kept = kept if is_sha256(kept) else ""
        if isinstance(offer, Nothing):
            annotator = await room.ask(lambda: room.desk.annotator(user))
            return room.nothing(request, queue, offer, annotator, kept)
        grey = request.query_params.get("grey") != "0"
        return await self._page(request, queue, offer.image_sha256, Draft.new(grey), kept=kept)

    async def again(self, request: Request) -> Response:
        """Show somebody what they have answered, and once all raters have, what others and guards said."""
        room, user, image = self._room, self._room.user(request), self._room.image(request)
        queue = await room.queue(request)
        own = await room.ask(lambda: room.desk.own(queue.name, image, user))
        if own is None:
            return RedirectResponse(_address(queue, "rate"), 303)
        draft = Draft.new(request.query_params.get("grey") != "0").of(own)
        return await self._page(request, queue, image, draft)

    async def reveal(self, request: Request) -> Response:
        """Show the image without blur, in the answer to this very request; the first time is an event."""
        room, user, image = self._room, self._room.user(request), self._room.image(request)
        queue = await room.queue(request)
        draft = Draft.sent(await form(request))
        shown = await room.ask(lambda: room.desk.shown(queue.name, image, user))
        if not shown.revealed:
            try:
                await room.ask(lambda: room.desk.reveal(queue.name, image, user, draft.ms))
            except ReviewRefused as reason:
                if reason.kind != CapReached.kind:
                    raise
                return await self._page(request, queue, image, draft, problem=str(reason), status=reason.status)
        log("revealed", queue=queue.name, key=user, first=not shown.revealed)
        return await self._page(request, queue, image, draft, unblurred=True)

    async def skip(self, request: Request) -> Response:
        """Put an item back, and go on."""
        room, user, image = self._room, self._room.user(request), self._room.image(request)
        queue = await room.queue(request)
        draft = Draft.sent(await form(request))
        await room.ask(lambda: room.desk.skip(queue.name, image, user, draft.ms))
        return RedirectResponse(_address(queue, "rate", grey=str(int(draft.grey))), 303)

    async def answer(self, request: Request) -> Response:
        """Keep an answer, and go on; what cannot be kept comes back with a sentence."""
        room, user, image = self._room, self._room.user(request), self._room.image(request)
        queue = await room.queue(request)
        draft = Draft.sent(await form(request))
        try:
            answer = draft.answer(queue.policy)
            await room.ask(
                lambda: room.desk.answer(queue.name, image, user, answer, ms=draft.ms, submission=draft.submission)
            )
        except Unfinished as problem:
            return await self._page(request, queue, image, draft, problem=str(problem), status=422)
        except ReviewRefused as reason:
            if reason.kind != Contradictory.kind:
                raise
            return await self._page(request, queue, image, draft, problem=str(reason), status=reason.status)
        return RedirectResponse(_address(queue, "rate", kept=image, grey=str(int(draft.grey))), 303)

    async def _page(
        self,
        request: Request,
        queue: Queue,
        image: str,
        draft: Draft,
        *,
        unblurred: bool = False,
        problem: str = "",
        kept: str = "",
        status: int = 200,
    ) -> Response:
        """Show an item. Nothing that others or guards said is asked for unless this person has answered."""
        room, user = self._room, self._room.user(request)

        def looked_up() -> tuple[Shown, Annotator, Answer | None, Aftermath | None]:
            own = room.desk.own(queue.name, image, user)
            aftermath = None if own is None else room.desk.aftermath(queue.name, image, user)
            return room.desk.shown(queue.name, image, user), room.desk.annotator(user), own, aftermath

        shown, annotator, own, aftermath = await room.ask(looked_up)
        picture = await room.picture(shown, unblurred)
        return room.frame.page(
            request,
            "review/rate.html",
            status,
            queue=queue,
            policy=queue.policy,
            base=_address(queue, f"images/{image}"),
            draft=draft,
            picture=picture,
            annotator=annotator,
            own=own,
            aftermath=aftermath,
            problem=problem,
            kept=kept,
            severities=list(Severity),
            hidden={},
        )


def _address(queue: Queue, place: str, **query: str) -> str:
    asked = f"?{urlencode(query)}" if query else ""
    return f"{QUEUE.format(queue=queue.name)}/{place}{asked}"
