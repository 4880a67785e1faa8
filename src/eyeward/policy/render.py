"""Turn a policy into the text that a guard reads, with the place and the meaning of every line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from eyeward.policy.blocks import scan
from eyeward.policy.lines import LineRole, RenderedLine, RenderedPolicy
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


@dataclass(frozen=True, slots=True)
class _Piece:
    role: LineRole
    text: str
    category: str | None = None
    rule: str | None = None


def render(policy: Policy, wording: PromptWording = EYEWARD) -> RenderedPolicy:
    """Render a policy; what is put together here neither starts nor ends with a line break.

    A policy that carries `verbatim` is given as that text to the letter, whatever the wording. One with a `wording` of
    its own is asked in those sentences, and in those of `wording` everywhere else.
    """
    if policy.verbatim is not None:
        return RenderedPolicy(policy.verbatim, scan(policy.verbatim))
    lines: list[RenderedLine] = []
    start = 0
    for piece in _pieces(policy, wording.reworded(policy.wording)):
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
        heading = wording.should_not_heading
        yield from _list(category, heading, LineRole.SHOULD_NOT_HEADING, LineRole.SHOULD_NOT, wording)
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
