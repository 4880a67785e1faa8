"""Verdicts on a terminal, in a pipe and as JSON, each as soon as it is there."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from rich.console import Console
from rich.text import Text

from eyeward.verdict import Rating, Review, ReviewReason, Status, Verdict

BAR_WIDTH = 10
CATEGORY_WIDTH = 36
_COLOURS = {"Safe": "green", "Unsafe": "bold red", "Review": "yellow", "error": "magenta"}


class Format(StrEnum):
    """How verdicts are written."""

    table = "table"
    json = "json"
    jsonl = "jsonl"


class VerdictWriter:
    """Writes verdicts to standard output and counts them."""

    def __init__(self, form: Format) -> None:
        self._form = form
        self._console = Console(highlight=False, soft_wrap=True)
        self.counts: Counter[str] = Counter()
        """Verdicts by rating; those without one as `error`."""

    def write_all(self, verdicts: Iterable[Verdict]) -> None:
        """Write verdicts one by one."""
        for verdict in verdicts:
            if self._form is Format.json:
                sys.stdout.write(",\n" if self.counts else "[\n")
            self.counts[_outcome(verdict)] += 1
            self._write(verdict)
        if self._form is Format.json:
            sys.stdout.write("\n]\n" if self.counts else "[]\n")
        sys.stdout.flush()

    def summary(self) -> str:
        """Return the counts as a sentence."""
        total = sum(self.counts.values())
        parts = [f"{self.counts[name]} {name}" for name in (*Rating, "error") if self.counts[name]]
        return f"{total} {'image' if total == 1 else 'images'}: {', '.join(parts) or 'none'}."

    def _write(self, verdict: Verdict) -> None:
        if self._form is Format.table:
            for line in table_lines(verdict, blocks=_can_write("█░")):
                self._console.print(line)
        else:
            sys.stdout.write(verdict.model_dump_json() + ("" if self._form is Format.json else "\n"))
            sys.stdout.flush()


def table_lines(verdict: Verdict, blocks: bool = True) -> list[Text]:
    """Return a line with rating, bar, probability, category and image, and the reason below it."""
    outcome = _outcome(verdict)
    colour = _COLOURS[outcome]
    line = Text(f"{outcome:<7} ", style=colour)
    line.append(probability_bar(verdict.p_unsafe, blocks), style=colour)
    line.append(f" {'' if verdict.p_unsafe is None else format(verdict.p_unsafe, '.3f'):<5}  ")
    line.append(f"{_clean(verdict.category or ''):<{CATEGORY_WIDTH}}  {_clean(verdict.image or '')}")
    below = [_clean(verdict.error.message)] if verdict.error else []
    below += [_because(verdict.review)] if verdict.review else []
    below += [_clean(verdict.rationale)] if verdict.rationale else []
    return [line, *(Text(f"        {text}", style="dim") for text in below)]


def probability_bar(p_unsafe: float | None, blocks: bool = True) -> str:
    """Draw a probability as a bar, e.g. `███████░░░`."""
    if p_unsafe is None:
        return " " * BAR_WIDTH
    full = round(p_unsafe * BAR_WIDTH)
    return ("█" if blocks else "#") * full + ("░" if blocks else ".") * (BAR_WIDTH - full)


def _outcome(verdict: Verdict) -> str:
    return "error" if verdict.status is Status.error or verdict.rating is None else verdict.rating.value


def _because(review: Review) -> str:
    if review.reason is ReviewReason.band and review.band is not None:
        return f"Review: the probability lies between {review.band[0]:g} and {review.band[1]:g}."
    if review.reason is ReviewReason.frames:
        return "Review: there are more frames than were judged."
    if review.scope_distance is None:
        return "Review: the policy has words that this guard has never met."
    return f"Review: unlike anything this guard knows (distance {review.scope_distance:.2f})."


def _clean(text: str) -> str:
    """Take out what could steer a terminal: rationales and file names are untrusted."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _can_write(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
