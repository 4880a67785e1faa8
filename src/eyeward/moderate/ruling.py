"""What is done with an image that is not Safe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from eyeward.errors import UsageError
from eyeward.verdict import Note, Rating, Verdict


class Action(StrEnum):
    """What becomes of one image."""

    blank = "blank"
    """A black picture of the same size stands in its place."""
    blur = "blur"
    """A few spots of colour stand in its place; where nobody could judge it, a black picture."""
    drop = "drop"
    """It is left out."""
    refuse = "raise"
    """Nothing is given out: `Withheld` is raised, with the verdicts."""
    report = "report"
    """It leaves as it is; the verdict says what it is."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is done with images that are Unsafe, and with those for Review. What could not be judged is Unsafe."""

    on_unsafe: Action
    on_review: Action

    @classmethod
    def of(cls, on_unsafe: Action | str, on_review: Action | str | None = None) -> Self:
        """Read both; Review is treated like Unsafe where nothing is said.

        Raises:
            UsageError: for a word that is no action.
        """
        unsafe = _action("on_unsafe", on_unsafe)
        return cls(unsafe, unsafe if on_review is None else _action("on_review", on_review))

    def action(self, verdict: Verdict) -> Action | None:
        """Return what is done with an image; None for one that is Safe."""
        if not verdict.flagged:
            return None
        chosen = self.on_review if verdict.rating is Rating.Review else self.on_unsafe
        known = Note.hash_match.value in verdict.notes
        if known and chosen is Action.report or chosen is Action.blur and (known or verdict.error is not None):
            return Action.blank  # what is known is never shown, and what nobody saw is not shown in part
        return chosen


def _action(name: str, word: Action | str) -> Action:
    try:
        return Action(word)
    except ValueError:
        raise UsageError(f"{name} is one of {', '.join(Action)}, not {word!r}.") from None


def why(verdicts: Sequence[Verdict]) -> str:
    """Say in one sentence what was found, without a word of a rationale."""
    flagged = [verdict for verdict in verdicts if verdict.flagged]
    return f"{len(flagged)} of {len(verdicts)} images may not be shown: " + "; ".join(map(_found, flagged)) + "."


def _found(verdict: Verdict) -> str:
    if verdict.error is not None:
        return f"not judged ({verdict.error.type})"
    said = str(verdict.rating)
    if verdict.review is not None:
        said += f" ({verdict.review.reason})"
    return said if verdict.category is None else f"{said}, {verdict.category}"
