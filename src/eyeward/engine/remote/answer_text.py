"""Reading an answer that was written elsewhere: strict JSON first, one tolerant pass, else refused; never guessed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eyeward.engine.protocol import LabelSlot, Part
from eyeward.engine.remote.connection import Unreadable
from eyeward.engine.remote.constraints import keys, leads

_SPACE = re.compile(r"[ \t\r\n]*")
_END = re.compile(r"\s*(?:```)?\s*$")
_STRINGS = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Value:
    """A string in an answer."""

    content: str
    start: int
    """Place of its first character in the text, behind the quote and what is forced there."""


def read_answer(text: str, parts: Sequence[Part]) -> Mapping[str, Value]:
    """Return what each slot holds, behind the forced text that its string may begin with.

    Raises:
        Unreadable: when the text is not an answer of this form. Unknown, missing and repeated keys, labels that are
            none and labels that exclude each other are all refused.
    """
    try:
        pairs = _object(text, _skip(text, 0))
    except ValueError as strict:
        start = text.find("{")
        try:
            pairs = _object(text, max(start, 0))
        except ValueError:
            raise Unreadable(f"The answer is no JSON: {strict} in {_shown(text)}.") from None
    slot_of = keys(parts)
    found = {slot_of.get(key, f"unknown key {key!r}"): value for key, value in pairs}
    if len(found) != len(pairs) or set(found) != set(slot_of.values()):
        raise Unreadable(f"The answer has other keys than {', '.join(slot_of)}: {_shown(text)}.")
    for name, lead in leads(parts).items():
        value = found[name]
        if not value.content.startswith(lead):
            raise Unreadable(f"The answer does not begin its {name} with {lead!r}: {_shown(text)}.")
        found[name] = Value(value.content.removeprefix(lead), value.start + len(lead))
    _check(found, parts, text)
    return found


def _check(found: Mapping[str, Value], parts: Sequence[Part], text: str) -> None:
    held: dict[str, str] = {}
    for part in parts:
        if isinstance(part, LabelSlot):
            label = found[part.name].content
            if label not in part.allowed(held):
                raise Unreadable(
                    f"The answer has the {part.name} {label!r}, which may not stand there: {_shown(text)}."
                )
            held[part.name] = label
    for value in found.values():
        if not value.content.strip():
            raise Unreadable(f"The answer has an empty value: {_shown(text)}.")
        try:
            value.content.encode()
        except UnicodeEncodeError:
            raise Unreadable("The answer holds half a character.") from None


def _object(text: str, at: int) -> list[tuple[str, Value]]:
    """Read a flat object of strings that ends the text, but for a code fence.

    Raises:
        ValueError: where it is something else.
    """
    pairs: list[tuple[str, Value]] = []
    at = _token(text, at, "{")
    while True:
        key, at = _string(text, at)
        at = _token(text, at, ":")
        value, end = _string(text, at)
        pairs.append((key, Value(value, at + 1)))
        at = _skip(text, end)
        if text[at : at + 1] != ",":
            break
        at = _skip(text, at + 1)
    at = _token(text, at, "}")
    if not _END.match(text, at):
        raise ValueError(f"something stands behind the object, at character {at}")
    return pairs


def _string(text: str, at: int) -> tuple[str, int]:
    if text[at : at + 1] != '"':
        raise ValueError(f"a string is missing at character {at}")
    value, end = _STRINGS.raw_decode(text, at)
    return str(value), end


def _token(text: str, at: int, token: str) -> int:
    if text[at : at + 1] != token:
        raise ValueError(f"{token!r} is missing at character {at}")
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _shown(text: str) -> str:
    flat = " ".join(text.split())
    return repr(flat if len(flat) <= 200 else flat[:200] + "…")
