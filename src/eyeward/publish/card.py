"""The card of a repository, `README.md`: its front matter, and the licence that it names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from eyeward.publish.leaving import Refusal
from eyeward.publish.licences import HUB_LICENCES, OTHER, UNKNOWN

CARD_FILE = "README.md"
LICENCE_FILES = ("LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "LICENCE.md", "LICENCE.txt")
_FRONT = re.compile(r"\A(?:\ufeff)?---[ \t]*\r?\n(?P<front>.*?)^---[ \t]*\r?$(?P<body>.*)\Z", re.DOTALL | re.MULTILINE)
_HOW = "write `license: apache-2.0`, or another id of the Hub, between two lines of --- at its top"


@dataclass(frozen=True)
class Card:
    """What a card says."""

    licences: tuple[str, ...] = ()
    """Ids of the Hub."""
    licence_name: str | None = None
    licence_link: str | None = None
    text: str = ""
    """What stands below the front matter."""


def read_card(folder: Path, names: Collection[str]) -> tuple[Card, tuple[Refusal, ...]]:
    """Return the card of a folder, and why it may not be published; `names` are the files of the folder."""
    if CARD_FILE not in names:
        return Card(), (Refusal(CARD_FILE, "is missing; write a card that says what this is and under which licence."),)
    try:
        found = _FRONT.match((folder / CARD_FILE).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as problem:
        return Card(), (Refusal(CARD_FILE, f"cannot be read: {problem}; save it as UTF-8."),)
    if found is None:
        return Card(), (Refusal(CARD_FILE, f"has no front matter, where a licence stands; {_HOW}."),)
    try:
        front = yaml.safe_load(found["front"])
    except yaml.YAMLError as problem:
        said = " ".join(str(problem).split())
        return Card(), (Refusal(CARD_FILE, f"has a front matter that is not YAML: {said}."),)
    if not isinstance(front, Mapping):
        return Card(), (Refusal(CARD_FILE, f"has a front matter without keys; {_HOW}."),)
    card = Card(
        licences=_licences(front),
        licence_name=_text(front.get("license_name")),
        licence_link=_text(front.get("license_link")),
        text=found["body"],
    )
    return card, tuple(_refusals(card, names))


def _refusals(card: Card, names: Collection[str]) -> Iterator[Refusal]:
    if not card.text.strip():
        yield Refusal(CARD_FILE, "says nothing below its front matter; write what this is and what it is not for.")
    if not card.licences:
        yield Refusal(CARD_FILE, f"names no licence; {_HOW}.")
    for licence in card.licences:
        if licence == UNKNOWN:
            yield Refusal(CARD_FILE, "says that the licence is unknown; find it out, and name it.")
        elif licence == OTHER:
            if card.licence_name is None:
                yield Refusal(CARD_FILE, "says `license: other` without its name; add `license_name`.")
            if card.licence_link is None and not any(name in names for name in LICENCE_FILES):
                yield Refusal(
                    CARD_FILE, "says `license: other` without its text; add `license_link` or a LICENSE file."
                )
        elif licence not in HUB_LICENCES:
            mend = "use one of its ids, or `license: other` with license_name and license_link"
            yield Refusal(CARD_FILE, f"names the licence {licence!r}, which the Hub does not know; {mend}.")


def _licences(front: Mapping[object, object]) -> tuple[str, ...]:
    given = front.get("license")
    several = given if isinstance(given, list) else [given]
    return tuple(str(licence).strip().lower() for licence in several if licence not in (None, ""))


def _text(value: object) -> str | None:
    return str(value).strip() or None if isinstance(value, str) else None
