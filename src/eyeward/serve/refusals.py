"""Why a request gets no verdict. None of these ever says, or may be read as, Safe."""

from __future__ import annotations

import math

from eyeward.errors import EyewardError


class Refused(EyewardError):
    """A request that is not judged: a status of HTTP, a word for machines, a sentence for people."""

    status = 500
    kind = "internal"
    retry_after: int | None = None
    """Whole seconds after which asking again may help."""


class QueueFull(Refused):
    """More is waiting than can be judged in time."""

    status, kind = 429, "overloaded"

    def __init__(self, seconds: float) -> None:
        self.retry_after = max(1, math.ceil(seconds))
        super().__init__(f"More is waiting than can be judged in time; ask again in {self.retry_after} s.")


class EngineDown(Refused):
    """The engine does not judge, or does not judge right."""

    status, kind = 503, "engine_unavailable"

    def __init__(self, problem: str, seconds: float) -> None:
        self.retry_after = max(1, math.ceil(seconds))
        super().__init__(f"Nothing can be judged now. {problem}")


class Stopping(Refused):
    """The service is about to end."""

    status, kind = 503, "stopping"

    def __init__(self) -> None:
        self.retry_after = 1
        super().__init__("This service is stopping; ask again, another one may answer.")


class DeadlinePassed(Refused):
    """The time of a request is over."""

    status, kind = 504, "deadline"

    def __init__(self) -> None:
        super().__init__("No verdict within the deadline of this request; ask for fewer images, or allow more time.")


class Disconnected(Refused):
    """Nobody waits for the answer any more."""

    status, kind = 499, "disconnected"

    def __init__(self) -> None:
        super().__init__("The client went away before the answer.")


class BadRequest(Refused):
    """A request that cannot be understood."""

    status, kind = 400, "invalid_request"


class Unjudgeable(Refused):
    """A policy that cannot be used, or a request whose parts do not fit together."""

    status, kind = 422, "invalid_request"


class NoKey(Refused):
    """No key, or none that is known."""

    status, kind = 401, "no_key"

    def __init__(self) -> None:
        super().__init__("This service wants a key: send it as `Authorization: Bearer KEY`.")


class NotAllowed(Refused):
    """A key that may not do this."""

    status, kind = 403, "not_allowed"


class NotThere(Refused):
    """Something that is named and does not exist."""

    status, kind = 404, "not_found"


class TooLarge(Refused):
    """A request past a limit of size."""

    status, kind = 413, "too_large"


class TooBusy(Refused):
    """More requests at once than this service takes in."""

    status, kind = 429, "overloaded"

    def __init__(self) -> None:
        self.retry_after = 1
        super().__init__("More requests are under way than this service takes in at once; ask again in a second.")


class WrongMedia(Refused):
    """A body of a kind that is not read here."""

    status, kind = 415, "invalid_request"


class TooSlow(Refused):
    """A body that takes too long to arrive."""

    status, kind = 408, "too_slow"

    def __init__(self) -> None:
        super().__init__("The body did not arrive within the deadline of a request.")
