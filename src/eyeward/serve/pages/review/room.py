"""What the pages of review share: the desk, who asks, and pictures that nobody sees before they ask for them."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from eyeward.errors import EyewardError, ImageError
from eyeward.images import decode
from eyeward.serve.answers import note
from eyeward.serve.labels.desk import DeskSettings, ReviewDesk
from eyeward.serve.labels.pictures import image_bytes
from eyeward.serve.labels.records import Annotator, Nothing, Queue, Shown
from eyeward.serve.labels.refusals import StoreUnavailable
from eyeward.serve.labels.store import LabelStore
from eyeward.serve.logs import log
from eyeward.serve.pages.frame import Endpoint, Frame, form
from eyeward.serve.pages.review.options import ReviewOptions
from eyeward.serve.pages.review.pictures import blurred, revealed
from eyeward.serve.pages.review.refused import ExportUnderWay, ReviewRefused, as_refused
from eyeward.serve.pages.session import TOKEN_FIELD
from eyeward.serve.refusals import NotThere, TooBusy
from eyeward.serve.threads import Threads
from eyeward.verdict import Failure

ROOT = "/review"
QUEUE = f"{ROOT}/queues/{{queue}}"
IMAGE = f"{QUEUE}/images/{{image}}"
ASKED_AT_ONCE, ASKED_LATER = 8, 56
"""Questions to the store that are answered at the same time, and that wait for it."""
DECODED_AT_ONCE, DECODED_LATER = 2, 62
"""Pictures that are read at the same time, each of which may take a few hundred megabytes; and that wait."""
_QUEUE = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture inside of a page. It has no address, so there is nothing to ask for a second time."""

    address: str | None
    """A `data:` address; None: it cannot be shown."""
    revealed: bool = False


class Room:
    """Where people review. One for each process."""

    def __init__(self, frame: Frame, store: LabelStore, options: ReviewOptions) -> None:
        """Take the store; whoever opened it closes it."""
        self.frame = frame
        self.store = store
        self.options = options
        self.desk = ReviewDesk(store, DeskSettings(daily_cap=options.daily_cap))
        self._asking = Threads("eyeward-review", ASKED_AT_ONCE, ASKED_LATER)
        self._decoding = Threads("eyeward-pictures", DECODED_AT_ONCE, DECODED_LATER)
        self._exporting = Threads("eyeward-export", 1, 0)

    def close(self) -> None:
        """End the threads, once nobody asks any more."""
        for threads in (self._decoding, self._exporting):
            threads.close(wait=False)
        self._asking.close(wait=True)

    async def ask(self, work: Callable[[], Result]) -> Result:
        """Ask the desk or the store, in a thread.

        Raises:
            ReviewRefused: when it refuses, or too much is asked of it already.
        """
        try:
            return await self._asking.do(work)
        except TooBusy as problem:
            said = "More is asked of the store at once than it can answer; send it again."
            raise as_refused(StoreUnavailable(said)) from problem
        except EyewardError as problem:
            raise as_refused(problem) from problem

    async def export(self, work: Callable[[], Result]) -> Result:
        """Do what reads all of a queue, one at a time, beside the questions.

        Raises:
            ExportUnderWay: when there is one already.
            ReviewRefused: when the store refuses.
        """
        try:
            return await self._exporting.do(work)
        except TooBusy as problem:
            raise ExportUnderWay from problem
        except EyewardError as problem:
            raise as_refused(problem) from problem

    def saved(self, page: Endpoint) -> Endpoint:
        """Return a page that gives back what was sent when the store does not answer, to be sent again."""

        async def page_or_again(request: Request) -> Response:
            try:
                return await page(request)
            except ReviewRefused as reason:
                if reason.kind != StoreUnavailable.kind:
                    raise
                self.frame.service.metrics.refused(reason)
                fields = {name: value for name, value in (await form(request)).items() if name != TOKEN_FIELD}
                values = {"reason": str(reason), "fields": fields, "action": request.url.path}
                answer = self.frame.page(request, "review/again.html", reason.status, **values)
                answer.headers["Retry-After"] = str(reason.retry_after)
                return answer

        return page_or_again

    def user(self, request: Request) -> str:
        """Return who asks."""
        return self.frame.visit(request).require().name

    def queue_name(self, request: Request) -> str:
        """Return the queue that an address names; it goes into the log.

        Raises:
            NotThere: when nothing can be called so.
        """
        name = str(request.path_params["queue"])
        if len(name) > 100 or not _QUEUE.fullmatch(name):
            raise NotThere("There is no such queue.")
        note(request, queue=name)
        return name

    async def queue(self, request: Request) -> Queue:
        """Return the queue that an address names.

        Raises:
            Refused: when there is none.
        """
        name = self.queue_name(request)
        return await self.ask(lambda: self.store.queue(name))

    def image(self, request: Request) -> str:
        """Return the sha256 of the image that an address names; it stands in no log.

        Raises:
            NotThere: when it is none.
        """
        sha256 = str(request.path_params["image"])
        if not is_sha256(sha256):
            raise NotThere("There is no such image.")
        return sha256

    def nothing(
        self,
        request: Request,
        queue: Queue,
        why: Nothing,
        annotator: Annotator,
        kept: str = "",
        adjudicating: bool = False,
    ) -> Response:
        """Say why nothing is handed out; `kept` is the image that was answered just now."""
        return self.frame.page(
            request,
            "review/nothing.html",
            queue=queue,
            reason=why.reason.value,
            annotator=annotator,
            kept=kept,
            adjudicating=adjudicating,
        )

    async def picture(self, shown: Shown, unblurred: bool = False) -> Picture:
        """Return the picture of an item: blurred, unless this very request asks for more and the desk allows it."""
        return await self._decoding.do(lambda: self._picture(shown, unblurred and shown.revealed))

    def _picture(self, shown: Shown, unblurred: bool) -> Picture:
        limits = self.frame.service.settings.image
        try:
            decoded = decode(image_bytes(shown, limits, self.frame.service.known), limits)
        except ImageError as problem:
            decoded = Failure(type=problem.type, message=problem.message)
        if isinstance(decoded, Failure):
            log("review_unreadable", queue=shown.queue, type=decoded.type.value)
            return Picture(None)
        data = revealed(decoded) if unblurred else blurred(decoded)
        return Picture(f"data:image/jpeg;base64,{base64.b64encode(data).decode('ascii')}", unblurred)


def is_sha256(text: str) -> bool:
    """Whether text names an image."""
    return _SHA256.fullmatch(text) is not None
