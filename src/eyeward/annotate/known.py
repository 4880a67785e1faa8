"""A guard that looks at lists of known images first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

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
        last: tuple[object, _Found | None] = (None, None)

        def answer(request: Request) -> Verdict | None:
            nonlocal last
            image = None if isinstance(request, VideoRequest) else request.image  # a video is not held longer
            if image is None or last[0] is not image:  # the policies of an image come one after the other
                last = (image, self._looked_up(request))
            found = last[1]
            if found is None:
                return None
            self._report(request, found.by)
            return verdict_of_known(found.sha256, request.key, request.policy.ref, self.model)

        return ask_the_rest(self._guard, requests, answer)

    def _looked_up(self, request: Request) -> _Found | None:
        """Look an image up, by its pictures too; of a video the file."""
        if isinstance(request, VideoRequest) and request.footage is not None:
            with suppress(ImageError):
                digests = Digests.of(request.footage.pieces())
                return _found(digests, self._known.match_digests(digests))
            return None
        data = bytes_of(request, self._limits)
        if data is None:
            return None
        digests = Digests.of([data])
        return _found(digests, self._known.match_digests(digests) or self._known.match_pictures(data, self._limits))


class _Found(NamedTuple):
    """An image that is on a list."""

    sha256: str
    by: str
    """The hash that matched."""


def _found(digests: Digests, by: str | None) -> _Found | None:
    return None if by is None else _Found(digests.sha256, by)
