"""What the desk refuses, as answers over HTTP."""

from __future__ import annotations

from eyeward.errors import EyewardError, UsageError
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


class ReviewRefused(Refused):
    """Something about a label that is not done now."""

    status, kind = 409, "not_offered"

    def __init__(self, message: str, status: int, kind: str) -> None:
        self.status = status
        self.kind = kind
        self.retry_after = 5 if status == 503 else None
        super().__init__(message)


_STATUSES: tuple[tuple[type[EyewardError], int], ...] = (
    (NoSuchThing, 404),
    (NotOffered, 409),
    (Conflict, 409),
    (NotConsented, 403),
    (CapReached, 403),
    (Contradictory, 422),
    (StoreUnavailable, 503),
    (LabelRefused, 409),
    (UsageError, 422),
)


def as_refused(problem: LabelRefused | UsageError) -> ReviewRefused:
    """Return what is answered in the place of a page."""
    status = next(status for kind, status in _STATUSES if isinstance(problem, kind))
    kind = problem.kind if isinstance(problem, LabelRefused) else "invalid_request"
    return ReviewRefused(str(problem), status, kind)
