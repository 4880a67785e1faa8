"""`metrics.json`: everything that is counted about the guards of a run, and about the two trivial ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from eyeward.data.rationales.faults import RationaleFault, rationale_faults
from eyeward.errors import UsageError, described
from eyeward.evaluate.breakdown import TRIVIAL, Counts, Estimates, Tables, category_ids, policy_names, tables
from eyeward.evaluate.covered import CoveredMetrics, GuardCoverage, covered_metrics
from eyeward.evaluate.intervals import RESAMPLES, share_interval
from eyeward.evaluate.metrics import Estimate
from eyeward.evaluate.outcome import Outcome, OutcomeKind
from eyeward.evaluate.paired import Comparison, compare
from eyeward.evaluate.shares import Share
from eyeward.evaluate.table import OutcomeTable
from eyeward.policy import Policy
from eyeward.verdict import ModelRef

FILE_NAME = "metrics.json"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class GuardMetrics(_Record):
    """What is counted about one guard."""

    guard: str
    model: ModelRef
    outcomes: dict[str, int]
    """Questions by `OutcomeKind`."""
    errors: dict[str, int]
    """Failures by type."""
    counts: Counts
    counts_answered_only: Counts
    tables: Tables
    covered: CoveredMetrics | None = None
    """The same on what it covers; None where its coverage was not recorded."""
    named_categories: dict[str, dict[str, int]]
    """By id of the right category: how often each id was named; what is no rating under its `OutcomeKind`."""
    rationales: Estimates
    """Shares of the rationales that have a fault; empty where none was written."""
    rationale_words: float | None
    """Mean length of rationales."""
    seconds: float | None
    """Mean time a question."""


class Metrics(_Record):
    """What stands in `metrics.json`."""

    data: str
    questions: int
    images: int
    groups: int
    guards: tuple[GuardMetrics, ...]
    trivial: dict[str, Tables]
    """What guards would get that say the same to everything."""
    comparisons: tuple[Comparison, ...]

    @classmethod
    def read(cls, folder: Path) -> Metrics:
        """Read the file of a run.

        Raises:
            UsageError: when it is not there or cannot be read.
        """
        file = folder / FILE_NAME
        try:
            return cls.model_validate_json(file.read_text(encoding="utf-8"))
        except OSError as problem:
            raise UsageError(f"{file} cannot be read: {problem.strerror}; `eyeward evaluate` writes it.") from problem
        except ValidationError as problem:
            raise UsageError(f"{file} does not hold metrics: {described(problem)}.") from problem

    def write(self, folder: Path) -> None:
        """Write the file into the folder of a run."""
        unfinished = folder / f".{FILE_NAME}.unfinished"
        unfinished.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        unfinished.replace(folder / FILE_NAME)


def summarise(
    outcomes: Mapping[str, Sequence[Outcome]],
    policies: Mapping[str, Policy],
    data: str,
    resamples: int = RESAMPLES,
    coverage: Mapping[str, GuardCoverage] | None = None,
    judged: Mapping[tuple[str, int], bool | None] | None = None,
) -> Metrics:
    """Count everything about guards that were asked the same questions; `policies` by hash, `coverage` by guard.

    `judged` says, by guard and number of the question, whether a judge found that the rationale fits.

    Raises:
        UsageError: when there are no outcomes.
    """
    first = next(iter(outcomes.values()), ())
    if not first:
        raise UsageError("There are no outcomes to count.")
    table, names = OutcomeTable.of(first), policy_names(first)
    trivial = {name: tables(table.always(rating), names, resamples) for name, rating in TRIVIAL.items()}
    return Metrics(
        data=data,
        questions=len(table),
        images=len(np.unique(table.item)),
        groups=len(np.unique(table.group)),
        guards=tuple(
            _guard(name, said, policies, trivial, (coverage or {}).get(name), resamples, judged)
            for name, said in outcomes.items()
        ),
        trivial=trivial,
        comparisons=tuple(
            compare(outcomes[one], outcomes[two], (one, two), resamples) for one, two in combinations(outcomes, 2)
        ),
    )


def _guard(
    name: str,
    outcomes: Sequence[Outcome],
    policies: Mapping[str, Policy],
    trivial: Mapping[str, Tables],
    coverage: GuardCoverage | None,
    resamples: int,
    judged: Mapping[tuple[str, int], bool | None] | None,
) -> GuardMetrics:
    table = OutcomeTable.of(outcomes)
    verdicts = [outcome.verdict for outcome in outcomes]
    seconds = [verdict.seconds for verdict in verdicts if verdict.seconds is not None]
    rationales = [len(v.rationale.split()) for v in verdicts if v.rationale is not None]
    kinds = Counter(outcome.kind for outcome in outcomes)
    everything = tables(table, policy_names(outcomes), resamples)
    return GuardMetrics(
        guard=name,
        model=verdicts[0].model,
        outcomes={kind.value: kinds[kind] for kind in OutcomeKind},
        errors=dict(Counter(verdict.error.type.value for verdict in verdicts if verdict.error is not None)),
        counts=Counts.of(table),
        counts_answered_only=Counts.of(table.where(table.answered)),
        tables=everything,
        covered=None if coverage is None else covered_metrics(outcomes, coverage, everything, trivial, resamples),
        named_categories=_named_categories(table),
        rationales=rationale_shares(outcomes, policies, judged),
        rationale_words=float(np.mean(rationales)) if rationales else None,
        seconds=float(np.mean(seconds)) if seconds else None,
    )


def _named_categories(table: OutcomeTable) -> dict[str, dict[str, int]]:
    said = np.where(table.answered, table.said_category, table.kind)
    return {
        id: dict(sorted(Counter(str(word) for word in said[table.category == id]).items()))
        for id in category_ids(table)
    }


def rationale_shares(
    outcomes: Sequence[Outcome],
    policies: Mapping[str, Policy],
    judged: Mapping[tuple[str, int], bool | None] | None = None,
) -> Estimates:
    """Return the share of rationales with each fault, and with any; empty where none was written.

    Only rationales of verdicts that are Safe or Unsafe are read, and only under policies that are known. With `judged`
    also the shares that a judge found not to fit, and did not answer about; `any_fault` leaves its opinion out.
    """
    table = OutcomeTable.of(outcomes)
    read = [
        rationale_faults(said, rating, category, policies[outcome.question.policy_hash])
        if outcome.kind is OutcomeKind.ok
        and (said := outcome.verdict.rationale) is not None
        and (rating := outcome.verdict.rating) is not None
        and (category := outcome.verdict.category) is not None
        and outcome.question.policy_hash in policies
        else None
        for outcome in outcomes
    ]
    counted = np.array([faults is not None for faults in read], bool)
    if not counted.any():
        return {}
    found = {fault.value: np.array([bool(f and fault in f) for f in read], bool) for fault in RationaleFault}
    found["any_fault"] = np.array([bool(faults) for faults in read], bool)
    if judged is not None:
        fits = [judged.get((outcome.guard, outcome.question.number)) for outcome in outcomes]
        found["judged_unfitting"] = np.array([each is False for each in fits], bool) & counted
        found["unjudged"] = np.array([each is None for each in fits], bool) & counted
    shares = {name: Share(counted, hits) for name, hits in found.items()}
    estimated = {}
    for name, share in shares.items():
        low, high = share_interval(share, table.group)
        estimated[name] = Estimate(value=float(share.value()), low=low, high=high, count=int(counted.sum()))
    return estimated
