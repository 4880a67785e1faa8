"""Errors as clients of OpenAI's image routes know them; none of them carries an image."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from eyeward.errors import ErrorType, EyewardError
from eyeward.moderate.ruling import why
from eyeward.verdict import Verdict

LONGEST_MESSAGE = 1000
_CARRIERS = re.compile(r"(?:https?|data|blob|file):[^\s\"'<>]+|[A-Za-z0-9+/=_-]{200,}")
"""What an image could hide in: an address, or a long run of base64."""

_WORKED_FOR = frozenset(("deadline", "image_not_judged", "internal", "upstream_answer"))
"""After these an image may have been made and paid for; clients of OpenAI are told not to ask again by themselves."""

Json = dict[str, object]


class Refusal(EyewardError):
    """An answer without an image."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        kind: str = "eyeward_error",
        verdicts: Sequence[Verdict] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.kind = kind
        self.verdicts = tuple(verdicts)
        self.headers = dict(headers or {})
        if code in _WORKED_FOR:
            self.headers.setdefault("X-Should-Retry", "false")
        super().__init__(plain(message))

    def body(self) -> Json:
        """Return the JSON of the answer."""
        error = {"message": str(self), "type": self.kind, "param": None, "code": self.code}
        found: Json = {"error": error}
        if self.verdicts:
            found["eyeward"] = [verdict.model_dump(mode="json") for verdict in self.verdicts]
        return found


def plain(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """Return foreign words without anything that an image could be fetched from or hide in, and not too many."""
    return _CARRIERS.sub("[left out]", text[: 20 * longest])[:longest]


def withheld(verdicts: Sequence[Verdict]) -> Refusal:
    """Return the error for images that may not leave.

    What was rated is an error of the request, as OpenAI gives it; what could not be judged is one of the service.
    """
    if any(verdict.flagged and verdict.rating is not None for verdict in verdicts):
        return Refusal(400, "moderation_blocked", why(verdicts), "image_generation_user_error", verdicts)
    types = {verdict.error.type for verdict in verdicts if verdict.error is not None}
    status = 504 if types == {ErrorType.deadline} else 503 if types == {ErrorType.engine_unavailable} else 502
    return Refusal(status, "image_not_judged", why(verdicts), verdicts=verdicts)
