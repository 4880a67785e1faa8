"""The lines of a prompt: what each is there for and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LineRole(StrEnum):
    """What a line of a prompt is there for."""

    START = "start"
    HEADER = "header"
    DECLARATION = "declaration"
    SHOULD_NOT_HEADING = "should_not_heading"
    CAN_HEADING = "can_heading"
    EXAMPLES_HEADING = "examples_heading"
    SHOULD_NOT = "should_not"
    CAN = "can"
    EXAMPLE = "example"
    """A rule of a category with a stance: it shows what the category is about and decides nothing."""
    STEPS = "steps"
    ANSWER_FORM = "answer_form"
    BLANK = "blank"


@dataclass(frozen=True, slots=True)
class RenderedLine:
    """One line; `start` and `end` are character offsets into the whole text, without the line break."""

    role: LineRole
    text: str
    start: int
    end: int
    category: str | None = None
    """The id of the category that the line belongs to."""
    rule: str | None = None
    """The rule without its bullet."""


@dataclass(frozen=True, slots=True)
class RenderedPolicy:
    """The prompt text and its lines, in order; `text[line.start:line.end] == line.text` for each."""

    text: str
    lines: tuple[RenderedLine, ...]
