"""What the review page is started with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DAILY_CAP = 300


@dataclass(frozen=True, slots=True)
class AuditSample:
    """Where a queue was drawn from, so that its labels can go back there."""

    run: Path
    """Folder of `eyeward annotate`."""
    sample: Path
    """The CSV of `eyeward audit sample`."""


@dataclass(frozen=True, slots=True)
class ReviewOptions:
    """Where labels are kept, and how items are handed out."""

    store: str
    """A path for SQLite, or `postgresql://…`."""
    daily_cap: int = DAILY_CAP
    """Reveals and answers of a person a day; a person may choose less."""
    samples: Mapping[str, AuditSample] = field(default_factory=dict)
    """By name of a queue that was made from a sample."""
