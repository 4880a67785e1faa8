"""The form of an answer as a regular expression, a grammar or a JSON schema: compact, with a cap, nothing left free."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from eyeward.engine.local.trie import in_json
from eyeward.engine.protocol import AnswerForm, Forced, LabelSlot, Part, TextSlot

CHARACTERS_PER_TOKEN = 4
"""Free text may have this many characters for each token that the form allows; about what English takes."""

_CHARACTER = r'([^"\\\x00-\x1f\x7f]|\\["\\/n])'
_GBNF_CHARACTER = r"""character ::= [^"\\\x00-\x1F\x7F] | "\\" ["\\/n]"""
_MARK = "\ue000"


def asked_parts(form: AnswerForm, explain: bool, held: Mapping[str, tuple[str, ...]]) -> tuple[Part, ...]:
    """Return the parts of the answer to ask for: without free text unless wanted, some slots held to fewer labels."""
    parts: Sequence[Part] = form.parts
    if not explain:
        last = max(place for place, part in enumerate(parts) if isinstance(part, LabelSlot))
        parts = (*parts[: last + 1], parts[-1])
    return tuple(
        LabelSlot(part.name, held[part.name], part.exclusions)
        if isinstance(part, LabelSlot) and part.name in held
        else part
        for part in parts
    )


def is_object(parts: Sequence[Part]) -> bool:
    """Whether an answer of this form is a JSON object, and not plain text."""
    first = parts[0]
    return isinstance(first, Forced) and first.text.lstrip().startswith("{")


def keys(parts: Sequence[Part]) -> dict[str, str]:
    """Return the slot behind each key of the JSON object that the parts make, in order.

    Raises:
        ValueError: when they make none, or one that is not flat.
    """
    return {key: name for key, (_, name) in _strings(parts).items()}


def leads(parts: Sequence[Part]) -> dict[str, str]:
    """Return the forced text with which the strings of some slots begin, by slot.

    Raises:
        ValueError: when the parts make no flat JSON object.
    """
    return {name: lead for lead, name in _strings(parts).values() if lead}


def _strings(parts: Sequence[Part]) -> dict[str, tuple[str, str]]:
    """Return the string behind each key: its forced beginning, and its slot."""
    names = {part.name for part in parts if not isinstance(part, Forced)}
    content = json.loads("".join(part.text if isinstance(part, Forced) else _MARK + part.name for part in parts))
    found: dict[str, tuple[str, str]] = {}
    for key, value in content.items() if isinstance(content, dict) else [("", None)]:
        lead, _, name = value.partition(_MARK) if isinstance(value, str) else ("", "", "")
        if name not in names:
            raise ValueError("the answer form is no flat JSON object of slots")
        found[key] = lead, name
    return found


def most_characters(slot: TextSlot) -> int:
    """Return how long the free text may grow."""
    return slot.max_tokens * CHARACTERS_PER_TOKEN


def regex(parts: Sequence[Part], written: Mapping[str, str] | None = None) -> str:
    """Return a regular expression for the whole answer; plain enough for every server's dialect."""
    if not parts:
        return ""
    part, rest, held = parts[0], parts[1:], dict(written or {})
    if isinstance(part, Forced):
        return _escaped(part.text) + regex(rest, held)
    if isinstance(part, TextSlot):
        return f"{_CHARACTER}{{1,{most_characters(part)}}}" + regex(rest, held)
    labels = part.allowed(held)
    if _decides(part, rest):
        ways = (_escaped(in_json(label)) + regex(rest, {**held, part.name: label}) for label in labels)
        return f"({'|'.join(ways)})"
    return f"({'|'.join(_escaped(in_json(label)) for label in labels)})" + regex(rest, held)


def text_regex(slot: TextSlot, tail: str) -> str:
    """Return a regular expression for free text up to the end of the answer; only tokens limit its length."""
    return f"{_CHARACTER}+{_escaped(tail)}"


def grammar(parts: Sequence[Part]) -> str:
    """Return a GBNF grammar for the whole answer, as llama.cpp reads it."""
    rules = f"root ::= {_gbnf(parts, {})}\n"
    return rules + (_GBNF_CHARACTER + "\n" if any(isinstance(part, TextSlot) for part in parts) else "")


def json_schema(parts: Sequence[Part], max_length: bool) -> dict[str, object]:
    """Return a JSON schema.

    It cannot say which labels exclude each other, nor how a string begins, so the answer is checked when it comes.
    """
    slots = {part.name: part for part in parts if not isinstance(part, Forced)}
    held = {
        name: slot.labels[0] for name, slot in slots.items() if isinstance(slot, LabelSlot) and len(slot.labels) == 1
    }
    properties: dict[str, object] = {}
    for key, (lead, name) in _strings(parts).items():
        slot = slots[name]
        if isinstance(slot, LabelSlot):
            properties[key] = {"type": "string", "enum": list(slot.allowed(held))}
        else:
            longest = {"maxLength": len(lead) + most_characters(slot)} if max_length else {}
            properties[key] = {"type": "string", **longest}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def longest_answer(parts: Sequence[Part]) -> int:
    """Return a number of tokens that no answer of this form needs: one for each byte."""
    count = 0
    for part in parts:
        if isinstance(part, Forced):
            count += len(part.text.encode())
        elif isinstance(part, LabelSlot):
            count += max(len(in_json(label).encode()) for label in part.labels)
        else:
            count += most_characters(part)
    return count + 8


def _gbnf(parts: Sequence[Part], held: Mapping[str, str]) -> str:
    if not parts:
        return ""
    part, rest = parts[0], parts[1:]
    if isinstance(part, Forced):
        return f"{_quoted(part.text)} {_gbnf(rest, held)}".strip()
    if isinstance(part, TextSlot):
        return f"character{{1,{most_characters(part)}}} {_gbnf(rest, held)}".strip()
    labels = part.allowed(held)
    if _decides(part, rest):
        ways = (f"{_quoted(in_json(label))} {_gbnf(rest, {**held, part.name: label})}".strip() for label in labels)
        return f"( {' | '.join(ways)} )"
    return f"( {' | '.join(_quoted(in_json(label)) for label in labels)} ) {_gbnf(rest, held)}".strip()


def _decides(slot: LabelSlot, rest: Sequence[Part]) -> bool:
    """Whether a later slot bars labels by what this one holds."""
    return any(e.slot == slot.name for part in rest if isinstance(part, LabelSlot) for e in part.exclusions)


def _escaped(text: str) -> str:
    return "".join("\\n" if c == "\n" else f"\\{c}" if c in r"\.^$*+?{}[]|()" else c for c in text)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
