"""Queues with their progress and agreement, and what a person wants to see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from eyeward.serve.keys import Role
from eyeward.serve.labels.agreement import QueueAgreement, queue_agreement
from eyeward.serve.labels.records import UNKNOWN, Annotator, Progress, Queue
from eyeward.serve.pages.frame import form
from eyeward.serve.pages.review.room import QUEUE, ROOT, Room

PEOPLE = (Role.reviewer, Role.policy_owner)
SETTINGS = f"{ROOT}/settings"
_SEE = "see-"


@dataclass(frozen=True, slots=True)
class _Row:
    queue: Queue
    progress: Progress
    agreement: QueueAgreement

    @property
    def address(self) -> str:
        return QUEUE.format(queue=self.queue.name)


def overview_routes(room: Room) -> list[Route]:
    """Return the routes of everybody who has to do with labels."""
    pages = _Overview(room)
    route = room.frame.route
    return [
        route(ROOT, pages.queues, PEOPLE),
        route(SETTINGS, pages.settings, PEOPLE),
        route(SETTINGS, pages.settle, PEOPLE, ("POST",)),
        route(QUEUE, pages.queue, PEOPLE),
    ]


class _Overview:
    def __init__(self, room: Room) -> None:
        self._room = room

    async def queues(self, request: Request) -> Response:
        """List the queues, the newest first."""
        room, user = self._room, self._room.user(request)

        def looked_up() -> tuple[list[_Row], Annotator]:
            return [self._row(queue) for queue in room.store.queues()], room.desk.annotator(user)

        rows, annotator = await room.ask(looked_up)
        return room.frame.page(request, "review/queues.html", rows=rows, annotator=annotator)

    async def queue(self, request: Request) -> Response:
        """Show a queue: how far it is, how much raters agree in each category, what can be done."""
        room, user = self._room, self._room.user(request)
        queue = await room.queue(request)
        row, annotator = await room.ask(lambda: (self._row(queue), room.desk.annotator(user)))
        audit = queue.name in room.options.samples
        return room.frame.page(request, "review/queue.html", row=row, annotator=annotator, audit=audit)

    async def settings(self, request: Request) -> Response:
        """Ask what a person wants to see, and how much of it a day."""
        return await self._settings(request)

    async def settle(self, request: Request) -> Response:
        """Keep what a person wants to see."""
        room, user = self._room, self._room.user(request)
        sent = await form(request)
        labels = await room.ask(self._labels)
        chosen = [label for label in labels if label in _ticked(sent)]
        cap = sent.get("cap", "").strip()
        if cap and not (cap.isascii() and cap.isdecimal() and len(cap) < 7):
            return await self._settings(request, "The number of images a day is a whole number from 0 on.", 422)
        await room.ask(lambda: room.desk.agree(user, chosen, int(cap) if cap else None))
        target = sent.get("queue", "")
        known = {queue.name for queue in await room.ask(room.store.queues)}
        return RedirectResponse(QUEUE.format(queue=target) if target in known else f"{SETTINGS}?kept=1", 303)

    async def _settings(self, request: Request, problem: str = "", status: int = 200) -> Response:
        room, user = self._room, self._room.user(request)
        labels, annotator = await room.ask(lambda: (self._labels(), room.desk.annotator(user)))
        return room.frame.page(
            request,
            "review/settings.html",
            status,
            labels=labels,
            annotator=annotator,
            unknown=UNKNOWN,
            most=room.options.daily_cap,
            problem=problem,
            kept=request.query_params.get("kept") == "1",
            queue=request.query_params.get("queue", "")[:100],
        )

    def _row(self, queue: Queue) -> _Row:
        room = self._room
        return _Row(queue, room.desk.progress(queue.name), queue_agreement(room.store, queue.name))

    def _labels(self) -> list[str]:
        """Return the categories that images of any queue may fall under, and that of those nobody can tell."""
        store = self._room.store
        queues = store.queues()
        labels = {label: None for queue in queues for label in queue.policy.labels}
        labels |= {label: None for queue in queues for label in store.categories(queue.name) if label != UNKNOWN}
        return [*labels, UNKNOWN]


def _ticked(form: Mapping[str, str]) -> set[str]:
    return {value for name, value in form.items() if name.startswith(_SEE)}
