"""What people send: a draft as they typed it, and the answer that it holds."""

from __future__ import annotations

import re
import secrets
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from pydantic import ValidationError

from eyeward.data.events import LabelField
from eyeward.data.sample import Severity
from eyeward.policy import Policy
from eyeward.serve.labels.records import Answer
from eyeward.verdict import NA, Rating

LONGEST_MS = 30 * 60 * 1000
"""Nobody looks at one image for longer; the tab was left open."""
LONGEST_RATIONALE = 4000
_SUBMISSION = re.compile(r"[A-Za-z0-9_-]{16,64}")
_SEEN = "seen-"


class Unfinished(ValueError):
    """An answer in which something is missing or cannot be; a sentence for people."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the form, right or wrong; it is sent along with everything, so that nothing typed is lost."""

    rating: str = ""
    category: str = ""
    severity: str = ""
    rationale: str = ""
    grey: bool = True
    """Without colours, which hurts less."""
    submission: str = ""
    """A name for this form: sent twice, its answer is kept once."""
    began: int = 0
    """When the item was first shown, in milliseconds of the epoch."""
    away: int = 0
    """Milliseconds since in which the page was out of sight."""

    @classmethod
    def new(cls, grey: bool = True) -> Self:
        """Return the draft of somebody who begins now."""
        return cls(grey=grey, submission=secrets.token_urlsafe(18), began=_now())

    @classmethod
    def sent(cls, form: Mapping[str, str]) -> Self:
        """Return what a form holds."""
        submission = form.get("submission", "")
        return cls(
            rating=form.get("rating", "")[:100],
            category=form.get("category", "")[:500],
            severity=form.get("severity", "")[:100],
            rationale=_text(form.get("rationale", "")),
            grey=form.get("grey") == "on",
            submission=submission if _SUBMISSION.fullmatch(submission) else secrets.token_urlsafe(18),
            began=_whole(form.get("began", ""), _now()),
            away=_whole(form.get("away", ""), 0),
        )

    def of(self, answer: Answer) -> Self:
        """Return the draft with an answer that was given before in it."""
        return replace(
            self,
            rating=answer.rating.value,
            category=answer.category,
            severity="" if answer.severity is None else answer.severity.value,
            rationale=answer.rationale or "",
        )

    @property
    def ms(self) -> int:
        """How long somebody has looked at the item, as far as can be told."""
        return max(0, min(_now() - self.began - self.away, LONGEST_MS))

    def answer(self, policy: Policy) -> Answer:
        """Return the answer.

        Raises:
            Unfinished: when something is missing, or is no value that the form offers.
        """
        if not self.rating:
            raise Unfinished("Choose Safe or Unsafe.")
        if self.rating not in (Rating.Safe, Rating.Unsafe):
            raise Unfinished("A label is Safe or Unsafe.")
        if not self.category:
            raise Unfinished(f"Choose a category; {NA!r} where none applies.")
        if self.category not in (*policy.labels, NA):
            raise Unfinished("The policy has no such category; choose one of the list.")
        if self.severity and self.severity not in list(Severity):
            raise Unfinished("There is no such severity; choose one of the list.")
        if len(self.rationale) > LONGEST_RATIONALE:
            raise Unfinished(f"The rationale has at most {LONGEST_RATIONALE:,} characters.")
        try:
            return Answer(
                rating=Rating(self.rating),
                category=self.category,
                severity=Severity(self.severity) if self.severity else None,
                rationale=self.rationale or None,
            )
        except ValidationError:
            raise Unfinished("The answer cannot be kept as it is; look at each field again.") from None


def seen_fields(current: Mapping[LabelField, str | None]) -> dict[str, str]:
    """Return hidden fields that say what an adjudicator was shown; what is not set has none."""
    return {f"{_SEEN}{field.value}": value for field, value in current.items() if value is not None}


def seen_of(form: Mapping[str, str]) -> dict[LabelField, str | None]:
    """Read those fields back."""
    sent = {field: form.get(f"{_SEEN}{field.value}") for field in LabelField}
    # Browsers send other line ends than they were given.
    return {field: None if value is None else value.replace("\r\n", "\n") for field, value in sent.items()}


def _text(text: str) -> str:
    """Return text as it is kept: plain line ends, no control characters."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in lines if c == "\n" or c == "\t" or unicodedata.category(c) not in ("Cc", "Cs")).strip()


def _whole(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else otherwise


def _now() -> int:
    return time.time_ns() // 1_000_000
