"""Turn a policy into the text that a guard reads, with the place and the meaning of every line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from eyeward.policy.schema import Category, Policy, Stance
from eyeward.policy.wording import EYEWARD, PUBLISHED_2024, PUBLISHED_2025, PromptWording
from eyeward.verdict import NA

__all__ = [
    "EYEWARD",
    "PUBLISHED_2024",
    "PUBLISHED_2025",
    "LineRole",
    "PromptWording",
    "RenderedLine",
    "RenderedPolicy",
    "render",
]


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


@dataclass(frozen=True, slots=True)
class _Piece:
    role: LineRole
    text: str
    category: str | None = None
    rule: str | None = None


def render(policy: Policy, wording: PromptWording = EYEWARD) -> RenderedPolicy:
    """Render a policy; the text neither starts nor ends with a line break.

    A policy that carries `verbatim` is given as that text, whatever the wording.
    """
    pieces = _verbatim(policy.verbatim) if policy.verbatim is not None else _pieces(policy, wording)
    lines: list[RenderedLine] = []
    start = 0
    for piece in pieces:
        end = start + len(piece.text)
        lines.append(RenderedLine(piece.role, piece.text, start, end, piece.category, piece.rule))
        start = end + 1
    return RenderedPolicy("\n".join(line.text for line in lines), tuple(lines))


def _pieces(policy: Policy, wording: PromptWording) -> Iterator[_Piece]:
    if wording.start_sentence:
        yield _Piece(LineRole.START, wording.start_sentence)
    for category in policy.categories:
        yield from _block(category, wording)
        if wording.blank_between:
            declared = category.stance is not Stance.enforced and wording.examples_under_declaration
            yield _Piece(LineRole.BLANK, wording.blank_after_examples if declared else "", category.id)
    for step in wording.steps:
        yield _Piece(LineRole.STEPS, step)
    if wording.answer_form:
        labels = "|".join(f'"{label}"' for label in (*policy.labels, NA))
        for line in wording.answer_form.replace("{labels}", labels).split("\n"):
            yield _Piece(LineRole.ANSWER_FORM, line)


def _block(category: Category, wording: PromptWording) -> Iterator[_Piece]:
    yield _Piece(LineRole.HEADER, _filled(wording.header, category), category.id)
    if category.stance is Stance.enforced:
        yield from _list(category, wording.should_not_heading, LineRole.SHOULD_NOT_HEADING, LineRole.SHOULD_NOT, wording)
        yield from _list(category, wording.can_heading, LineRole.CAN_HEADING, LineRole.CAN, wording)
        return
    non_violating = category.stance is Stance.non_violating
    declaration = wording.non_violating_declaration if non_violating else wording.sensitive_declaration
    yield _Piece(LineRole.DECLARATION, _filled(declaration, category), category.id)
    if wording.examples_under_declaration:
        yield from _list(category, wording.examples_heading, LineRole.EXAMPLES_HEADING, LineRole.EXAMPLE, wording)


def _list(
    category: Category, heading: str, heading_role: LineRole, role: LineRole, wording: PromptWording
) -> Iterator[_Piece]:
    by_role = {LineRole.SHOULD_NOT: category.should_not, LineRole.CAN: category.can, LineRole.EXAMPLE: category.rules}
    rules = by_role[role]
    if rules and heading:
        yield _Piece(heading_role, heading, category.id)
    bullet = wording.bullet
    if role is LineRole.EXAMPLE and wording.example_bullet is not None:
        bullet = wording.example_bullet
    for rule in rules:
        yield _Piece(role, bullet + rule, category.id, rule)


def _filled(template: str, category: Category) -> str:
    return template.replace("{id}", category.id).replace("{name}", category.name)  # an id holds no braces


def _verbatim(text: str) -> Iterator[_Piece]:
    for line in text.split("\n"):
        yield _Piece(LineRole.BLANK if not line.strip() else LineRole.START, line)
