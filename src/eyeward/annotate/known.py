"""A guard that looks at lists of known images first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from eyeward.annotate.judging import Judge, VideoRequest, ask_the_rest, bytes_of
from eyeward.errors import ImageError
from eyeward.guard import Request
from eyeward.images import Limits
from eyeward.images.known import Digests, KnownHashes, verdict_of_known
from eyeward.verdict import ModelRef, Verdict

Report = Callable[[Request, str], None]
"""Is told of every match: the request, and the hash that matched."""


def unreported(request: Request, found: str) -> None:
    """Tell nobody: the rows say it."""


class Screening:
    """A guard that looks at the lists first. A match is Unsafe with the note `hash_match`, and is judged no further."""

    def __init__(self, guard: Judge, known: KnownHashes, limits: Limits, report: Report) -> None:
        """Take the guard that judges the rest. Videos are looked up whatever their size."""
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
        digests = self._digests(request)
        found = None if digests is None else self._known.match_digests(digests)
        if digests is None or found is None:
            return None
        self._report(request, found)
        return verdict_of_known(digests.sha256, request.key, request.policy.ref, self.model)

    def _digests(self, request: Request) -> Digests | None:
        """Return the digests of what is to be judged; None where there is nothing to be read."""
        if isinstance(request, VideoRequest) and request.footage is not None:
            with suppress(ImageError):
                return Digests.of(request.footage.pieces())
            return None
        data = bytes_of(request, self._limits)
        return None if data is None else Digests.of([data])
