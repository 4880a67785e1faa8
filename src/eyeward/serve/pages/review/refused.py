"""What the desk refuses, as answers over HTTP."""

from __future__ import annotations

from eyeward.errors import EyewardError
from eyeward.serve.labels.refusals import (
    CapReached,
    Conflict,
    Contradictory,
    LabelRefused,
    NoSuchThing,
    NotConsented,
    NotOffered,
    StoreUnavailable,
)
from eyeward.serve.refusals import Refused

_STATUSES: tuple[tuple[type[LabelRefused], int], ...] = (
    (NoSuchThing, 404),
    (NotOffered, 409),
    (Conflict, 409),
    (NotConsented, 403),
    (CapReached, 403),
    (Contradictory, 422),
    (StoreUnavailable, 503),
    (LabelRefused, 409),
)
_RETRY_SECONDS = 5


class ReviewRefused(Refused):
    """Something about labels that is not done now."""

    def __init__(self, message: str, status: int, kind: str) -> None:
        self.status = status
        self.kind = kind
        self.retry_after = _RETRY_SECONDS if status == 503 else None
        super().__init__(message)


class ExportUnderWay(Refused):
    """An export that has to wait for another: each reads a whole queue and packs its images."""

    status, kind, retry_after = 429, "overloaded", 10

    def __init__(self) -> None:
        super().__init__("Labels are being exported already; wait until that is done, then ask again.")


def as_refused(problem: EyewardError) -> ReviewRefused:
    """Return what is answered in the place of a page."""
    if not isinstance(problem, LabelRefused):
        return ReviewRefused(str(problem), 422, "invalid_request")
    status = next(status for kind, status in _STATUSES if isinstance(problem, kind))
    return ReviewRefused(str(problem), status, problem.kind)
