"""Images that are known by their hash: they are Unsafe before anything is judged, by SHA-256 and MD5 undecoded."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from eyeward.errors import UsageError
from eyeward.images.decode import decode
from eyeward.images.limits import Limits
from eyeward.images.pdq import DIGITS as PDQ_DIGITS
from eyeward.images.pdq import PdqList
from eyeward.verdict import Failure, ModelRef, Note, PolicyRef, Rating, Status, Verdict

PDQ = "pdq:"
"""Stands before the hashes that are PDQ; those of SHA-256 look the same."""
_HASH = re.compile(r"[0-9a-f]{64}|[0-9a-f]{32}")
_PDQ_HEAD = re.compile(r"pdq(_?hash)?")
_QUALITY = re.compile(r"(\d{1,3})(?=$|[\s,;])")
_ENOUGH_TO_TELL = 5
_MARK = "write a line `pdq` at the head of the file, or `pdq:` before each of its hashes"
_DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class KnownHashes:
    """SHA-256 and MD5 of encoded images, and PDQ of pictures."""

    hashes: frozenset[str]
    """Lower-case hexadecimal digits; before those of PDQ stands `pdq:`."""

    @classmethod
    def read(cls, files: Sequence[Path]) -> Self:
        """Read lists: one hash at the head of each line, what follows it and lines that begin with # do not count.

        PDQ hashes have `pdq:` before them, or a head line `pdq` above them all.

        Raises:
            UsageError: when a file cannot be read, a line holds something else, or hashes seem to be PDQ and do not say
                so: as SHA-256 they would match nothing. With file and line.
        """
        found: set[str] = set()
        for file in files:
            before = len(found)
            try:
                lines = file.read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as problem:
                raise UsageError(f"{file} cannot be read as a list of hashes: {problem}.") from problem
            listed = list(_listed(file, lines))
            _refuse_unmarked(file, listed)
            found.update(listed)
            if len(found) == before:
                raise UsageError(
                    f"{file} holds no hash that other lists do not hold; write one a line, or leave it out."
                )
        return cls(frozenset(found))

    @property
    def digest(self) -> str:
        """Return what changes when the lists do."""
        return hashlib.sha256("\n".join(sorted(self.hashes)).encode("ascii")).hexdigest()

    @property
    def holds_pdq(self) -> bool:
        """Whether images have to be decoded to be looked up."""
        return len(self._pdq) > 0

    @cached_property
    def _pdq(self) -> PdqList:
        return PdqList(found.removeprefix(PDQ) for found in self.hashes if found.startswith(PDQ))

    def match(self, data: bytes, limits: Limits = _DEFAULT_LIMITS) -> str | None:
        """Return the hash by which an encoded image is known, or None."""
        return self.match_digests(Digests.of([data])) or self.match_pictures(data, limits)

    def match_digests(self, digests: Digests) -> str | None:
        """Return the one of two digests that is in the lists, or None."""
        return next((digest for digest in (digests.sha256, digests.md5) if digest in self.hashes), None)

    def match_pictures(self, data: bytes, limits: Limits = _DEFAULT_LIMITS) -> str | None:
        """Return the PDQ hash that a picture of an encoded image is near, or None; decode only where lists hold PDQ.

        What cannot be decoded has no pictures, and will be judged by nobody.
        """
        decoded = decode(data, limits) if self.holds_pdq else None
        if decoded is None or isinstance(decoded, Failure):
            return None
        near = next(filter(None, (self._pdq.match(frame.pixels) for frame in decoded.frames)), None)
        return None if near is None else PDQ + near


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


def _listed(file: Path, lines: Iterable[str]) -> Iterator[str]:
    """Yield the hashes of a list.

    Raises:
        UsageError: for a line that holds something else, or a hash that does not say of which kind it is.
    """
    all_pdq: bool | None = None
    for number, line in enumerate(lines, start=1):
        head, *rest = re.split(r"[\s,;]+", line.strip().lower(), maxsplit=1)
        if not head or head.startswith("#"):
            continue
        if all_pdq is None and _PDQ_HEAD.fullmatch(head):
            all_pdq = True
            continue
        all_pdq = all_pdq or False
        place = f"{file}:{number}"
        if all_pdq or head.startswith(PDQ):
            digits = head.removeprefix(PDQ)
            if PDQ_DIGITS.fullmatch(digits) is None:
                raise UsageError(f"{place}: PDQ hashes have 64 hexadecimal digits; take the line away.")
            yield PDQ + digits
        elif _HASH.fullmatch(head) is None:
            hint = f", or, if this is a list of PDQ, {_MARK}" if re.search(r"pdq|quality", line.lower()) else ""
            raise UsageError(f"{place}: the line begins with no SHA-256 or MD5 and no `pdq:`; take it away{hint}.")
        else:
            quality = _QUALITY.match(rest[0]) if rest and PDQ_DIGITS.fullmatch(head) else None
            if quality is not None and int(quality[1]) <= 100:
                raise UsageError(
                    f"{place}: a hash and a number up to 100, its quality, is how lists of PDQ are written; as SHA-256 "
                    f"it would match nothing. If it is PDQ, {_MARK}; if it is SHA-256, take the number away."
                )
            yield head


def _refuse_unmarked(file: Path, listed: Sequence[str]) -> None:
    """Refuse hashes of which just half of the bits are set: PDQ is made so, of SHA-256 one in twenty happens to be."""
    hashes = {found for found in listed if PDQ_DIGITS.fullmatch(found)}
    halved = sum(int(found, 16).bit_count() == 128 for found in hashes)
    if len(hashes) >= _ENOUGH_TO_TELL and halved >= 0.9 * len(hashes):
        raise UsageError(
            f"{file} looks like a list of PDQ: just half of the bits of its hashes are set. As SHA-256 they would "
            f"match nothing; {_MARK}."
        )


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
