"""Which verdicts come with a rationale: writing costs many times what judging does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from eyeward.errors import UsageError
from eyeward.verdict import Note, Rating, Verdict


class Extent(StrEnum):
    """How many are explained."""

    never = "never"
    unsafe = "unsafe"
    """Those that are Unsafe or for Review."""
    above = "above"
    """Those with a probability of at least so much."""
    all = "all"


@dataclass(frozen=True, slots=True)
class Explain:
    """Which verdicts are explained. `unsafe` and `above` take a second pass over those alone."""

    extent: Extent = Extent.never
    p_unsafe: float | None = None
    """For `above`."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `never`, `unsafe`, `all`, or `above P` with a probability, also written `above:P` or `above=P`.

        Raises:
            UsageError: for anything else.
        """
        words = re.split(r"[ :=]+", text.strip())
        try:
            extent = Extent(words[0])
            if extent is Extent.above and len(words) == 2 and 0.0 <= float(words[1]) <= 1.0:
                return cls(extent, float(words[1]))
            if extent is not Extent.above and len(words) == 1:
                return cls(extent)
        except ValueError:
            pass
        raise UsageError(f"Rationales are written for never, unsafe, all, or 'above 0.3'; not for {text!r}.")

    @property
    def takes_two_passes(self) -> bool:
        """Whether it is known only after judging which verdicts are explained."""
        return self.extent in (Extent.unsafe, Extent.above)

    def wants(self, verdict: Verdict) -> bool:
        """Whether a verdict is to be explained; errors and known images have nothing to explain."""
        if verdict.rating is None or self.extent is Extent.never or Note.hash_match.value in verdict.notes:
            return False
        if self.extent is Extent.all:
            return True
        if self.extent is Extent.unsafe or verdict.p_unsafe is None:
            return verdict.rating is not Rating.Safe
        return self.p_unsafe is not None and verdict.p_unsafe >= self.p_unsafe

    def __str__(self) -> str:
        """Return the text that `parse` reads."""
        return self.extent.value if self.p_unsafe is None else f"{self.extent.value} {self.p_unsafe!r}"
