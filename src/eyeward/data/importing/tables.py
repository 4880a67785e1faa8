"""CSV, JSON and JSON lines as records; a broken row costs that row, a broken file what is behind the break."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from eyeward.data.importing.row import Discard, Record, Records, Unread, side_of_file

TABLE_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")


def read_table(file: Path, source: Path | None = None) -> Records:
    """Yield the records of a CSV, TSV, JSON or JSON lines file of a source."""
    side = side_of_file(file, source)
    rows = _csv(file) if file.suffix.lower() in (".csv", ".tsv") else _json(file)
    number = 0
    try:
        for number, values in enumerate(rows, start=1):
            place = f"{file.name}: row {number}"
            if isinstance(values, str):
                yield Unread(place, Discard.unreadable_row, f"{place} {values}.")
            else:
                yield Record(place, values, side)
    except (UnicodeDecodeError, csv.Error, _Broken, OSError) as problem:
        yield broken(file, number, problem)


def broken(file: Path, behind: int, problem: Exception, rows: int = 0) -> Unread:
    """Return what stands for the rest of a file that cannot be read any further."""
    said = "it is not UTF-8 text" if isinstance(problem, UnicodeDecodeError) else " ".join(str(problem).split())
    place = f"{file.name}: behind row {behind}" if behind else file.name
    return Unread(place, Discard.broken_file, f"{file.name} cannot be read behind row {behind}: {said}.", rows=rows)


class _Broken(Exception):
    """JSON that ends or turns into something else."""


def _csv(file: Path) -> Iterator[dict[str, object] | str]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        head = lines.readline()
        lines.seek(0)
        for values in csv.DictReader(lines, delimiter=_delimiter(head), strict=True):
            if None in values:
                yield "has more fields than the head of the table"
            else:
                yield {name: value for name, value in values.items() if value is not None}


def _delimiter(head: str) -> str:
    return max(",;\t", key=head.count)


def _json(file: Path) -> Iterator[dict[str, object] | str]:
    with file.open(encoding="utf-8-sig") as text:
        start = _first_character(text.read(4096))
        text.seek(0)
        if file.suffix.lower() == ".json" and start == "[":
            yield from _elements(text.read())
            return
        if file.suffix.lower() == ".json" and start == "{":
            whole = text.read()
            single = _object(whole)
            if isinstance(single, dict):
                yield single
                return
            text.seek(0)
        for line in text:
            if line.strip():
                yield _object(line)


def _first_character(text: str) -> str:
    return text.lstrip("\ufeff \t\r\n")[:1]


def _object(text: str) -> dict[str, object] | str:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as problem:
        return f"is not JSON: {problem}"
    return values if isinstance(values, dict) else "is not a JSON object"


def _elements(text: str) -> Iterator[dict[str, object] | str]:
    """Yield the elements of an array, those before a break too."""
    decoder = json.JSONDecoder()
    at = text.index("[") + 1
    while True:
        at = _skip(text, at, ", \t\r\n")
        if at >= len(text):
            raise _Broken("the JSON array does not end")
        if text[at] == "]":
            return
        try:
            values, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as problem:
            raise _Broken(f"it is not JSON: {problem}") from None
        yield values if isinstance(values, dict) else "is not a JSON object"


def _skip(text: str, at: int, blanks: str) -> int:
    while at < len(text) and text[at] in blanks:
        at += 1
    return at
