"""What sources yield: rows as they stand there, or why a row could not be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from eyeward.data.sample import Contradiction, Sample
from eyeward.errors import ErrorType
from eyeward.policy.schema import Policy


class Discard(StrEnum):
    """Why a row was not taken, besides contradictions and images that cannot be had."""

    broken_file = "broken_file"
    """The file, or what is left of it, cannot be read."""
    file_left_aside = "file_left_aside"
    """The folder has files of a kind that is read before this one's."""
    unreadable_row = "unreadable_row"
    no_image = "no_image"
    several_images = "several_images"
    no_label = "no_label"
    cancelled = "cancelled"
    """The annotator skipped it."""
    unparsable_answer = "unparsable_answer"
    unknown_rating = "unknown_rating"
    unknown_severity = "unknown_severity"
    unknown_category = "unknown_category"
    unknown_split = "unknown_split"
    between_thresholds = "between_thresholds"
    no_category = "no_category"
    unreadable_policy = "unreadable_policy"
    policy_does_not_fit = "policy_does_not_fit"
    """The label's id stands for something else in the policy."""
    same_label_again = "same_label_again"
    two_labels = "two_labels"
    """One image has different labels under one policy; none of them is taken."""


Reason = Discard | Contradiction | ErrorType
"""A closed list; reports count by it."""


@dataclass(frozen=True, slots=True)
class Url:
    """Where an image is on the network."""

    text: str


Image = Path | bytes | Url
Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Record:
    """A row of a table with its own column names."""

    place: str
    """File and row, for people."""
    values: Values
    side: str | None = None
    """The split that the file is named after."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row whose fields are known by Eyeward's names; the words in them are the source's."""

    place: str
    image: Image | None
    rating: str | None = None
    category: str | None = None
    severity: str | None = None
    rationale: str | None = None
    policy: Policy | None = None
    """The policy that the label was made under, where the row says."""
    split: str | None = None
    side: str | None = None
    """The split that the file is named after; it counts where the row names none."""
    annotator: str | None = None
    source: str | None = None
    licence: str | None = None
    group: str | None = None
    sample: Sample | None = None
    """The sample itself, where the source is Eyeward's own; its image is still to be taken."""
    values: Values = field(default_factory=dict)
    """The row as it stood in the source."""


@dataclass(frozen=True, slots=True)
class Unread:
    """Rows that could not be read; `rows` is 0 where nobody knows how many are lost."""

    place: str
    reason: Reason
    message: str
    values: Values = field(default_factory=dict)
    rows: int = 1


Rows = Iterator[Row | Unread]
Records = Iterator[Record | Unread]

_SIDES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "eval": "validation",
    "test": "test",
    "testing": "test",
}


def side_of(word: str) -> str | None:
    """Return the split that a word stands for, or None."""
    return _SIDES.get(word.strip().lower())


def side_of_file(file: Path, source: Path | None = None) -> str | None:
    """Return the split that a file is named after, `test-00000-of-00002.parquet`, or else its folder, `train/data.csv`.

    Folders tell only below the `source` that is imported: where somebody keeps it says nothing about its images.
    """
    first = file.stem.replace("_", "-").replace(".", "-").split("-")[0]
    below = source is not None and source not in (file, file.parent)
    return side_of(first) or (side_of(file.parent.name) if below else None)


def with_defaults(row: Row, source: str | None, licence: str | None) -> Row:
    """Return a row whose source and licence are filled in where it says nothing."""
    return replace(row, source=row.source or source, licence=row.licence or licence)
