"""Metrics of one guard over all its questions, and over parts of them: by category, severity, clarity and policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from eyeward.data.sample import Severity
from eyeward.evaluate.confusion import Confusion
from eyeward.evaluate.intervals import RESAMPLES
from eyeward.evaluate.metrics import OVERALL, SLICED, Estimate, estimates
from eyeward.evaluate.outcome import Outcome
from eyeward.evaluate.table import Bools, OutcomeTable
from eyeward.verdict import Rating

CLARITY: Mapping[str, tuple[Severity, ...]] = {
    "ambiguous": (Severity.MODERATELY_UNSAFE, Severity.BARELY_SAFE),
    "clear": (Severity.HIGHLY_UNSAFE, Severity.GENERALLY_SAFE),
}
"""Severities next to the line between safe and unsafe, and those far from it."""

MOST_POLICIES = 20
"""Policies that are given metrics of their own."""

TRIVIAL: Mapping[str, Rating] = {f"always {rating.value}": rating for rating in (Rating.Safe, Rating.Unsafe)}
"""Guards that say the same to everything, by what tables call them."""

Estimates = dict[str, Estimate]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Counts(_Record):
    """The four counts; what is no rating counts as wrong."""

    true_positives: int
    false_negatives: int
    false_positives: int
    true_negatives: int

    @classmethod
    def of(cls, table: OutcomeTable) -> Counts:
        """Count a table."""
        counts = Confusion.of(table)
        return cls(
            true_positives=int(counts.true_positives),
            false_negatives=int(counts.false_negatives),
            false_positives=int(counts.false_positives),
            true_negatives=int(counts.true_negatives),
        )


class Tables(_Record):
    """Metrics over all questions and over parts of them."""

    overall: Estimates
    by_category: dict[str, Estimates]
    """By id of the right category."""
    by_severity: dict[str, Estimates]
    by_clarity: dict[str, Estimates]
    by_policy: dict[str, Estimates]
    """By name and hash; empty where there is one policy, or more than a table can show."""


def tables(table: OutcomeTable, policies: Mapping[str, str] | None = None, resamples: int = RESAMPLES) -> Tables:
    """Return the metrics of a table and of its parts; `policies` are names by hash."""

    def sliced(rows: Bools) -> Estimates:
        return estimates(table.where(rows), SLICED, resamples)

    severities = [severity.value for severity in Severity if (table.severity == severity.value).any()]
    clarity = {name: np.isin(table.severity, [level.value for level in levels]) for name, levels in CLARITY.items()}
    return Tables(
        overall=estimates(table, OVERALL, resamples),
        by_category={id: sliced(table.category == id) for id in category_ids(table)},
        by_severity={name: sliced(table.severity == name) for name in severities},
        by_clarity={name: sliced(rows) for name, rows in clarity.items() if rows.any()},
        by_policy={
            name: sliced(table.policy == hash)
            for hash, name in (policies or {}).items()
            if policies and 1 < len(policies) <= MOST_POLICIES
        },
    )


def policy_names(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Return what tables call each policy, by hash: its name, with the beginning of the hash where names are equal."""
    names = {outcome.question.policy_hash: outcome.verdict.policy.name for outcome in outcomes}
    shared = Counter(names.values())
    return {hash: name if shared[name] == 1 else f"{name} {hash[:8]}" for hash, name in names.items()}


def category_ids(table: OutcomeTable) -> list[str]:
    """Return the ids of right categories in their natural order."""
    return in_natural_order(str(id) for id in np.unique(table.category))


def in_natural_order(ids: Iterable[str]) -> list[str]:
    """Sort ids: O2 before O10, NA last."""
    return sorted(ids, key=lambda id: (id == "NA", id.rstrip("0123456789"), len(id), id))
