"""What an import or a build did with every row: taken, or discarded for a reason that has a name."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from eyeward.data.split import Plan

EXAMPLES = 3
"""Sentences that are kept for each reason."""


class Discarded(BaseModel):
    """Rows that were not taken for one reason."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str
    rows: int = Field(ge=0)
    examples: tuple[str, ...]
    """Sentences about the first of them."""


class Report(BaseModel):
    """Every row that came in is in one of the numbers: `rows = taken + the rows of discarded`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    taken: int
    discarded: tuple[Discarded, ...]
    """The most frequent reason first."""
    lost: tuple[str, ...] = ()
    """Files whose end could not be read and whose number of rows nobody knows."""

    @property
    def discarded_rows(self) -> int:
        """How many rows were not taken."""
        return sum(item.rows for item in self.discarded)


class ImportReport(Report):
    """What an import did."""

    sides: dict[str, int]
    """Samples by the side that they were given, those without one left out."""
    sides_by_name: int
    """How many of these were given it by the name of their file or folder."""


class BuildReport(BaseModel):
    """What a build did."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: Report
    images: int
    """Different images, by their bytes."""
    groups: int
    groups_of_copies: int
    """Groups that hold several images because these look alike."""
    largest_group: int
    """In images. A large one says that many images look alike: look at it before you trust the split."""
    disputed: tuple[str, ...]
    """Near copies whose labels differ, the first of them: one of the two labels is likely wrong."""
    disputed_pairs: int
    missing: dict[str, dict[str, int]]
    """Images that a side lacks, by side and stratum."""
    plan: Plan
    reviewed: Report | None = None
    """Decisions of reviewers, applied or not; None where none were given."""
    augmented: int = 0
    """Samples under changed policies, besides the rows."""
    left_out: dict[str, int] = Field(default_factory=dict)
    """Variants that were not made or not kept, by reason."""


def by_count(counter: Counter[str]) -> dict[str, int]:
    """Return counts, the largest first, equal ones by name."""
    return dict(sorted(counter.items(), key=lambda item: (-item[1], item[0])))


@dataclass
class Tally:
    """Counts while rows go by."""

    taken: int = 0
    _rows: Counter[str] = field(default_factory=Counter)
    _examples: dict[str, list[str]] = field(default_factory=dict)
    _lost: list[str] = field(default_factory=list)

    def discard(self, reason: str, message: str, rows: int = 1) -> None:
        """Count rows that are not taken; 0 rows stand for a number that nobody knows."""
        self._rows[reason] += rows
        examples = self._examples.setdefault(reason, [])
        if len(examples) < EXAMPLES:
            examples.append(message)
        if rows == 0:
            self._lost.append(message)

    def report(self) -> Report:
        """Return the counts as they are."""
        discarded = tuple(
            Discarded(reason=reason, rows=rows, examples=tuple(self._examples[reason]))
            for reason, rows in by_count(self._rows).items()
        )
        rows = self.taken + sum(item.rows for item in discarded)
        return Report(rows=rows, taken=self.taken, discarded=discarded, lost=tuple(self._lost))
