"""Images that are known by their hash: they are Unsafe before anything is decoded or judged."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from eyeward.annotate.judging import Judge, ask_the_rest, bytes_of
from eyeward.errors import UsageError
from eyeward.guard import Request
from eyeward.images import Limits
from eyeward.verdict import ModelRef, Note, Rating, Status, Verdict

_PIECE = 1 << 20
_HASH = re.compile(r"[0-9a-f]{64}|[0-9a-f]{32}")

Report = Callable[[Request, str], None]
"""Is told of every match: the request, and the hash that matched."""


@dataclass(frozen=True)
class KnownHashes:
    """SHA-256 and MD5 of encoded images, as lower-case hexadecimal digits."""

    hashes: frozenset[str]

    @classmethod
    def read(cls, files: Sequence[Path]) -> Self:
        """Read lists: one hash at the head of each line, what follows it and lines that begin with # do not count.

        Raises:
            UsageError: when a file cannot be read, or a line holds something else; with file and line.
        """
        found: set[str] = set()
        for file in files:
            before = len(found)
            try:
                lines = file.read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as problem:
                raise UsageError(f"{file} cannot be read as a list of hashes: {problem}.") from problem
            for number, line in enumerate(lines, start=1):
                words = re.split(r"[\s,;]+", line.strip().lower(), maxsplit=1)
                if not words[0] or words[0].startswith("#"):
                    continue
                if _HASH.fullmatch(words[0]) is None:
                    raise UsageError(f"{file}:{number}: the line begins with no SHA-256 or MD5; take it away.")
                found.add(words[0])
            if len(found) == before:
                raise UsageError(
                    f"{file} holds no hash that other lists do not hold; write one a line, or leave it out."
                )
        return cls(frozenset(found))

    @property
    def digest(self) -> str:
        """Return what changes when the lists do."""
        return hashlib.sha256("\n".join(sorted(self.hashes)).encode("ascii")).hexdigest()

    def match(self, data: bytes) -> str | None:
        """Return the digest by which encoded bytes are known, or None."""
        return self.match_digests(Digests.of([data]))

    def match_digests(self, digests: Digests) -> str | None:
        """Return the one of two digests that is in the lists, or None."""
        return next((digest for digest in (digests.sha256, digests.md5) if digest in self.hashes), None)


@dataclass(frozen=True)
class Digests:
    """Digests of encoded content."""

    sha256: str
    md5: str

    @classmethod
    def of(cls, pieces: Iterable[bytes]) -> Self:
        """Return those of what lies in pieces."""
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        for piece in pieces:
            sha256.update(piece)
            md5.update(piece)
        return cls(sha256.hexdigest(), md5.hexdigest())


class Screening:
    """A guard that looks at the lists first. A match is Unsafe with the note `hash_match`, and is judged no further."""

    def __init__(self, guard: Judge, known: KnownHashes, limits: Limits, report: Report, videos: bool = False) -> None:
        """Take the guard that judges the rest; of `videos` the files are looked up, whatever their size."""
        self._guard = guard
        self._known = known
        self._limits = limits
        self._report = report
        self._videos = videos

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
        return Verdict(
            image=request.key,
            sha256=digests.sha256,
            status=Status.ok,
            rating=Rating.Unsafe,
            notes=(Note.hash_match.value,),
            policy=request.policy.ref,
            model=self.model,
        )

    def _digests(self, request: Request) -> Digests | None:
        """Return the digests of what is to be judged; None where there is nothing to be read."""
        if not self._videos:
            data = bytes_of(request, self._limits)
            return None if data is None else Digests.of([data])
        with suppress(OSError, ValueError):
            if isinstance(request.image, Path) and request.image.is_file():
                with request.image.open("rb") as file:
                    return Digests.of(iter(lambda: file.read(_PIECE), b""))
        return None
