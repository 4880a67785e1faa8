"""What became of every sample of a run, and of every attempt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from eyeward.data.rationales.ledger import Taught
from eyeward.data.rationales.origin import Writer
from eyeward.data.report import Discarded, Tally, by_count


class RationaleReport(BaseModel):
    """Every sample is in one number: `samples = kept + the numbers of written + the rows of without`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    samples: int
    kept: int
    """They had a reason, and nothing is wrong with it."""
    written: dict[str, int]
    """By writer: a teacher, the rules, the scene, or whoever wrote before where only the last sentence is new."""
    without: tuple[Discarded, ...]
    """Samples that have no reason now, by why; the most frequent first."""
    replaced: dict[str, int]
    """Reasons that stood there and were not kept, by fault; one may have several. `asked_for` where all were to go."""
    asked: int
    """Samples that teachers were asked about, in this run or before."""
    attempts: int
    accepted: dict[str, int]
    """What was kept of teachers, by the way in which they were asked."""
    grounds_added: int
    """Reasons of teachers that did not say what decides, and now do."""
    refused: dict[str, int]
    """Attempts that were refused, by why; one may have several faults."""
    troubles: tuple[Discarded, ...]
    """What kept teachers from writing, in words."""
    unsettled: int
    """Samples about which teachers were asked and none answered; the same command asks again."""
    missing_images: int = Field(ge=0)
    """Images that are not in the folder."""


@dataclass
class Count:
    """Counts while samples go by."""

    kept: int = 0
    written: Counter[str] = field(default_factory=Counter)
    replaced: Counter[str] = field(default_factory=Counter)
    _without: Tally = field(default_factory=Tally)

    def without(self, reason: str, message: str) -> None:
        """Count a sample that has no reason now."""
        self._without.discard(reason, message)

    def report(self, taught: Iterable[Taught], missing_images: int) -> RationaleReport:
        """Return the counts, with those of what teachers wrote."""
        without = self._without.report().discarded
        entries = list(taught)
        troubles = Tally()
        refused: Counter[str] = Counter()
        accepted: Counter[str] = Counter()
        for entry in entries:
            for attempt in entry.refused:
                refused.update(objection.value for objection in attempt.objections)
            for trouble in entry.troubles:
                troubles.discard(trouble.obstacle.value, trouble.message)
            if entry.guidance is not None:
                accepted[entry.guidance.value] += 1
        return RationaleReport(
            samples=self.kept + self.written.total() + sum(item.rows for item in without),
            kept=self.kept,
            written={writer.value: self.written[writer] for writer in Writer if self.written[writer]},
            without=without,
            replaced=by_count(self.replaced),
            asked=sum(bool(entry.refused or entry.rationale) for entry in entries),
            attempts=sum(len(entry.refused) + (entry.rationale is not None) for entry in entries),
            accepted=by_count(accepted),
            grounds_added=sum(entry.grounds_added for entry in entries),
            refused=by_count(refused),
            troubles=troubles.report().discarded,
            unsettled=sum(bool(entry.refused) and not entry.settled for entry in entries),
            missing_images=missing_images,
        )
