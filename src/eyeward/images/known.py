"""Images that are known by their hash: they are Unsafe before anything is decoded or judged."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from eyeward.errors import UsageError
from eyeward.verdict import ModelRef, Note, PolicyRef, Rating, Status, Verdict

_HASH = re.compile(r"[0-9a-f]{64}|[0-9a-f]{32}")


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


def verdict_of_known(sha256: str, image: str | None, policy: PolicyRef, model: ModelRef) -> Verdict:
    """Return the verdict of an image that is on a list; `model` names who would have judged it."""
    return Verdict(
        image=image,
        sha256=sha256,
        status=Status.ok,
        rating=Rating.Unsafe,
        notes=(Note.hash_match.value,),
        policy=policy,
        model=model,
    )
