"""Recognise the lines of a prompt: category blocks with rules or a declaration, steps, answer form.

The forms are those of published prompts and of our own rendering: plain text or Markdown, dashed or numbered rules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from eyeward.policy.lines import LineRole, RenderedLine
from eyeward.policy.schema import Stance, problem_with_id

_BULLET = re.compile(r"\s*(?:[-*+•–]|\d{1,3}[.)])(?:\s+(?P<rule>.*))?")
_HEADER = re.compile(r"(?P<id>[A-Za-z][A-Za-z0-9_.-]{0,31}):\s+(?P<name>\S.*)")
_NUMBERED_ID = re.compile(r"[A-Za-z]{1,3}\d{1,3}")
_SHOULD_NOT = re.compile(r"(?:content |images? )?should not(?: contain| include| show)?", re.IGNORECASE)
_CAN = re.compile(r"(?:content |images? )?can(?: contain| include| show)?", re.IGNORECASE)
_EXAMPLES = re.compile(r"(?:for )?examples?", re.IGNORECASE)
_DECLARATION = re.compile(r"\bdeclared (?:as )?(?P<stance>non[- ]violating|sensitive)\b", re.IGNORECASE)
_ANSWER_FORM = re.compile(r"\bjson\b|^\s*\{", re.IGNORECASE)


def plain(line: str) -> str:
    """Return a line without Markdown marks (heading, quote, bold), outer blanks and a final colon."""
    text = re.sub(r"^[\s>#]+", "", line.rstrip())
    text = text.strip("*_ \t")
    return text.removesuffix(":").rstrip("*_ \t")


def stance_of(declaration: str) -> Stance | None:
    """Return the stance that a line declares, or None."""
    found = _DECLARATION.search(declaration)
    if found is None:
        return None
    return Stance.sensitive if found["stance"].lower() == "sensitive" else Stance.non_violating


def header_of(line: str) -> tuple[str, str] | None:
    """Return id and name where a line has the form `O1: Hate, Humiliation, Harassment:`, else None."""
    found = None if _BULLET.fullmatch(line) else _HEADER.fullmatch(plain(line))
    if found is None or problem_with_id(found["id"]) is not None:
        return None
    return found["id"], found["name"].rstrip(": \t")


@dataclass
class _State:
    category: str | None = None
    items: LineRole | None = None
    """The role of bullets here; None where bullets are no rules."""
    listed: bool = False
    """Whether the block has a rule already."""
    after: LineRole = LineRole.START
    """The role of lines outside of blocks."""


@dataclass(frozen=True, slots=True)
class _Following:
    """What comes behind a line; empty at the end."""

    next: str
    filled: str
    """The first line with something on it."""


def scan(text: str) -> tuple[RenderedLine, ...]:
    """Return every line of a prompt with its role; text without any category block is all `start`."""
    texts = text.split("\n")
    following = _following(texts)
    state = _State()
    lines: list[RenderedLine] = []
    start = 0
    for number, line in enumerate(texts):
        end = start + len(line)
        role, rule = _role(line, following[number], state)
        category = None if role in (LineRole.START, LineRole.STEPS, LineRole.ANSWER_FORM) else state.category
        lines.append(RenderedLine(role, line, start, end, category, rule))
        start = end + 1
    return tuple(lines)


def _following(texts: list[str]) -> list[_Following]:
    """Return what comes behind each line."""
    found: list[_Following] = []
    after, filled = "", ""
    for text in reversed(texts):
        found.append(_Following(after, filled))
        after, filled = text, text if text.strip() else filled
    return found[::-1]


def _role(line: str, following: _Following, state: _State) -> tuple[LineRole, str | None]:
    header = header_of(line)
    if header is not None and _opens_block(header[0], following):
        state.category, state.items, state.listed = header[0], None, False
        state.after = LineRole.STEPS
        return LineRole.HEADER, None
    if not line.strip():
        return LineRole.BLANK, None
    if state.category is None:
        if state.after is LineRole.STEPS and _ANSWER_FORM.search(line):
            state.after = LineRole.ANSWER_FORM
        return state.after, None
    heading = _heading(line, state)
    if heading is not None:
        return heading, None
    bullet = _BULLET.fullmatch(line)
    if bullet is not None and state.items is not None:
        state.listed = True
        return state.items, (bullet["rule"] or "").strip()
    if state.items is not None and state.listed and line[:1] in (" ", "\t"):
        return state.items, None
    if state.items is LineRole.EXAMPLE and not state.listed and _leads_to_bullets(following):
        return LineRole.DECLARATION, None
    if state.items is not None:
        state.category, state.items = None, None
        return _role(line, following, state)
    return LineRole.START, None


def _heading(line: str, state: _State) -> LineRole | None:
    """Read the headings of a block; bullets are rules and never headings."""
    if _BULLET.fullmatch(line):
        return None
    text = plain(line)
    if _SHOULD_NOT.fullmatch(text):
        state.items = LineRole.SHOULD_NOT
        return LineRole.SHOULD_NOT_HEADING
    if _CAN.fullmatch(text):
        state.items = LineRole.CAN
        return LineRole.CAN_HEADING
    if _EXAMPLES.fullmatch(text) and state.items is LineRole.EXAMPLE:
        return LineRole.EXAMPLES_HEADING
    if not state.listed and stance_of(line) is not None:
        state.items = LineRole.EXAMPLE
        return LineRole.DECLARATION
    return None


def _leads_to_bullets(following: _Following) -> bool:
    return _BULLET.fullmatch(following.next) is not None


def _opens_block(id: str, following: _Following) -> bool:
    """Whether a line of the form `word: text` is a header: numbered ids are, other words need a list below them."""
    if _NUMBERED_ID.fullmatch(id):
        return True
    after = following.filled
    if _BULLET.fullmatch(after):
        return False
    text = plain(after)
    return bool(_SHOULD_NOT.fullmatch(text) or _CAN.fullmatch(text) or stance_of(after))
