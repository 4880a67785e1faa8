"""Labels that people have written into the CSV of a sample; every line is taken, or left out with its reason."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from eyeward.annotate.audit.frame import Place
from eyeward.annotate.audit.sample import Sample, as_it_was, places_of
from eyeward.errors import UsageError
from eyeward.policy import Policy
from eyeward.verdict import NA

_NEEDED = ("shard", "index", "label")
_WORDS = {"safe": False, "unsafe": True}
UNKNOWN = "unknown"


class Refused(BaseModel):
    """A line that cannot be used."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    line: int
    reason: str


@dataclass(frozen=True)
class Label:
    """What a person says of an image."""

    unsafe: bool
    category: str | None
    """The full label of the category of an unsafe image, where one was named."""


@dataclass(frozen=True)
class Labels:
    """What a file holds."""

    by_place: dict[Place, Label]
    unknown: int
    """Images of which the person could not tell."""
    missing: int
    """Images without a label, or without a line."""
    refused: tuple[Refused, ...]


def read_labels(file: Path, sample: Sample, policy: Policy) -> Labels:
    """Read labels: Safe, Unsafe or unknown, in any case, or nothing yet.

    Raises:
        UsageError: when the file cannot be read, or has not the columns of a sample.
    """
    strata = places_of(sample)
    found: dict[Place, Label | None] = {}
    refused: list[Refused] = []
    empty: set[Place] = set()
    rows = list(_rows(file))
    times = Counter(place for _, row in rows if (place := _place(row)) is not None)
    for line, row in rows:
        place = _place(row)
        try:
            if place is None or place not in strata:
                raise ValueError("the sample holds no such image; leave shard and index as they were")
            if times[place] > 1:
                raise ValueError(f"this image has {times[place]} lines; keep one")
            word = (row.get("label") or "").strip().lower()
            if not word:
                empty.add(place)
            elif word == UNKNOWN:
                found[place] = None
            else:
                found[place] = _label(word, (row.get("category") or "").strip(), policy)
        except ValueError as problem:
            refused.append(Refused(line=line, reason=f"{problem}."))
    labelled = {place: label for place, label in found.items() if label is not None}
    seen = {place for _, row in rows if (place := _place(row)) in strata}
    unused = seen - found.keys() - empty
    return Labels(
        by_place=labelled,
        unknown=len(found) - len(labelled),
        missing=len(strata) - len(found) - len(unused),
        refused=tuple(refused),
    )


def _label(word: str, category: str, policy: Policy) -> Label:
    if word not in _WORDS:
        raise ValueError(f"the label is {word!r}; write Safe, Unsafe or unknown")
    if not _WORDS[word] or not category:
        return Label(_WORDS[word], None)
    by_name = {name.lower(): c.label for c in policy.categories for name in (c.id, c.name, c.label)}
    named = by_name.get(category.lower())
    if named is None and category.upper() in (NA.upper(), NA.partition(":")[0]):
        raise ValueError("what is Unsafe falls under a category; name it, or leave the category empty")
    if named is None:
        raise ValueError(f"the policy has no category {category!r}; it has {', '.join(policy.ids)}")
    return Label(True, named)


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str | None]]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"{file} cannot be read: {problem}. It must be CSV in UTF-8.") from problem
    first = text.partition("\n")[0]
    between = max(",;\t", key=first.count)  # spreadsheets write what their country is used to
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=between, restkey="more")
    try:
        columns, rows = list(reader.fieldnames or ()), [(reader.line_num, row) for row in reader]
    except csv.Error as problem:
        raise UsageError(f"{file}:{reader.line_num}: this is no CSV: {problem}.") from problem
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise UsageError(
            f"{file} has no column {', '.join(missing)}; hand back the file that `eyeward audit sample` wrote, with "
            "labels filled in."
        )
    for line, row in rows:
        yield line, {name: value for name, value in row.items() if isinstance(value, str)}


def _place(row: dict[str, str | None]) -> Place | None:
    try:
        return Place(as_it_was(row["shard"] or ""), int(row["index"] or ""))
    except (KeyError, ValueError):
        return None
