"""A labeller for tests: fills in the CSV of a sample."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

Line = dict[str, str]


def fill_in(file: Path, label: Callable[[Line], tuple[str, str]]) -> Path:
    """Write what `label` says of each line, a label and a category, into the file."""
    with file.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    for line in lines:
        line["label"], line["category"] = label(line)
    return write(file, lines)


def write(file: Path, lines: list[Line], delimiter: str = ",") -> Path:
    """Write lines as a file of labels."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(lines[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(lines)
    return file
