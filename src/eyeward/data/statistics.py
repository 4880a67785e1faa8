"""What a data set holds, in numbers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from eyeward.data.report import by_count
from eyeward.data.sample import Sample, Severity
from eyeward.verdict import NA, Rating

_AMBIGUOUS = (Severity.MODERATELY_UNSAFE, Severity.BARELY_SAFE)
"""The two severities beside the line."""


class Statistics(BaseModel):
    """Counts of samples, but where it says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    samples: int
    images: int
    groups: int
    augmented: int
    """Samples whose policy is not the one that their labeller read."""
    ambiguous: int
    """Images close to the line: moderately unsafe or barely safe."""
    with_rationale: int
    ratings: dict[str, int]
    splits: dict[str, dict[str, int]]
    """By split, then by rating."""
    cells: dict[str, dict[str, int]]
    """By category, then by severity, or by rating where no severity is known; samples that are not augmented."""
    policies: dict[str, int]
    """By hash; `default` for none."""
    changes: dict[str, int]
    """Changes of augmented samples by kind."""
    annotators: dict[str, int]
    sources: dict[str, int]
    licences: dict[str, int]

    @property
    def levels(self) -> tuple[str, ...]:
        """What cells are counted by: severities, then ratings of those without, as far as there are any."""
        levels = (*Severity, Rating.Unsafe, Rating.Safe)
        return tuple(level.value for level in levels if any(level in row for row in self.cells.values()))


def statistics(samples: Iterable[Sample]) -> Statistics:
    """Count samples."""
    by_rating: Counter[str] = Counter()
    splits: defaultdict[str, Counter[str]] = defaultdict(Counter)
    cells: defaultdict[str, Counter[str]] = defaultdict(Counter)
    named: dict[str, Counter[str]] = {key: Counter() for key in ("annotator", "source", "licence")}
    policies: Counter[str] = Counter()
    changes: Counter[str] = Counter()
    images: set[str] = set()
    groups: set[str] = set()
    ambiguous: set[str] = set()
    count = augmented = with_rationale = 0
    for sample in samples:
        count += 1
        augmented += sample.augmented
        with_rationale += sample.rationale is not None
        images.add(sample.image)
        groups.add(sample.group)
        by_rating[sample.rating] += 1
        splits[sample.split or "none"][sample.rating] += 1
        policies[sample.policy_hash or "default"] += 1
        changes.update(change.kind for change in sample.changes)
        for key, counter in named.items():
            counter[getattr(sample, key) or "unknown"] += 1
        if not sample.augmented:
            cells[sample.category][sample.severity or sample.rating] += 1
            if sample.severity in _AMBIGUOUS:
                ambiguous.add(sample.image)
    return Statistics(
        samples=count,
        images=len(images),
        groups=len(groups),
        augmented=augmented,
        ambiguous=len(ambiguous),
        with_rationale=with_rationale,
        ratings={rating.value: by_rating[rating] for rating in (Rating.Safe, Rating.Unsafe)},
        splits={split: dict(sorted(splits[split].items())) for split in sorted(splits)},
        cells={category: dict(sorted(cells[category].items())) for category in sorted(cells, key=_in_order)},
        policies=by_count(policies),
        changes=by_count(changes),
        annotators=by_count(named["annotator"]),
        sources=by_count(named["source"]),
        licences=by_count(named["licence"]),
    )


def _in_order(label: str) -> tuple[bool, int, str]:
    """Sort labels as people count, and `NA` behind them."""
    id = label.partition(":")[0]
    return label == NA, len(id), label
