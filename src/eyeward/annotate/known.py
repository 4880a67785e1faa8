"""A guard that looks at lists of known images first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from eyeward.annotate.judging import Judge, ask_the_rest, bytes_of
from eyeward.guard import Request
from eyeward.images import Limits
from eyeward.images.known import KnownHashes, verdict_of_known
from eyeward.verdict import ModelRef, Verdict

Report = Callable[[Request, str], None]
"""Is told of every match: the request, and the hash that matched."""


class Screening:
    """A guard that looks at the lists first. A match is Unsafe with the note `hash_match`, and is judged no further."""

    def __init__(self, guard: Judge, known: KnownHashes, limits: Limits, report: Report) -> None:
        """Take the guard that judges the rest."""
        self._guard = guard
        self._known = known
        self._limits = limits
        self._report = report

    @property
    def model(self) -> ModelRef:
        """The model of the guard."""
        return self._guard.model

    def assess_requests(self, requests: Iterable[Request]) -> Iterator[Verdict]:
        """Give every request its verdict."""
        return ask_the_rest(self._guard, requests, self._answer)

    def _answer(self, request: Request) -> Verdict | None:
        data = bytes_of(request, self._limits)
        found = None if data is None else self._known.match(data)
        if data is None or found is None:
            return None
        self._report(request, found)
        return verdict_of_known(data, request.key, request.policy.ref, self.model)
