"""Every metric by name: a function of a table of outcomes and, for a bootstrap, of weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from eyeward.evaluate.confusion import Confusion, policy_exception_score
from eyeward.evaluate.intervals import RESAMPLES, Interval, group_weights, percentile_interval, share_interval
from eyeward.evaluate.ranking import auprc, auroc, brier, calibration_error
from eyeward.evaluate.shares import OUTCOME_SHARES, SHARES, Share
from eyeward.evaluate.shares import policy_exception_rate as policy_exceptions
from eyeward.evaluate.table import Floats, OutcomeTable

Metric = Callable[[OutcomeTable, Floats | None], Floats]


class Estimate(BaseModel):
    """A metric with its interval; None where it is not defined."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    value: float | None
    """What is no rating counts as wrong."""
    low: float | None = None
    high: float | None = None
    """Ends of the interval of 95 %."""
    count: int
    """Questions that the metric is about."""
    answered_only: float | None = None
    """The optimistic number: only over questions that were answered Safe or Unsafe."""


def _of_counts(rate: Callable[[Confusion], Floats]) -> Metric:
    return lambda table, weights: rate(Confusion.of(table, weights))


def _of_share(share: Callable[[OutcomeTable], Share]) -> Metric:
    return lambda table, weights: share(table).value(weights)


def _exception_score(table: OutcomeTable, weights: Floats | None) -> Floats:
    return policy_exception_score(
        policy_exceptions(table).value(weights), Confusion.of(table, weights).balanced_accuracy
    )


METRICS: Mapping[str, Metric] = {
    "balanced_accuracy": _of_counts(lambda counts: counts.balanced_accuracy),
    "f1": _of_counts(lambda counts: counts.f1),
    "f2": _of_counts(lambda counts: counts.f2),
    "matthews_correlation": _of_counts(lambda counts: counts.matthews_correlation),
    "auroc": auroc,
    "auprc": auprc,
    "brier": brier,
    "calibration_error": calibration_error,
    "policy_exception_score": _exception_score,
    **{name: _of_share(share) for name, share in SHARES.items()},
}

OVERALL = (
    "balanced_accuracy",
    "recall",
    "specificity",
    "precision",
    "f1",
    "f2",
    "matthews_correlation",
    "auroc",
    "auprc",
    "brier",
    "calibration_error",
    "accuracy",
    "exact_category",
    "policy_exception_rate",
    "policy_exception_score",
    "tightening_rate",
    "loosened_flips",
    "tightened_flips",
    "steady_controls",
    "joint_consistency",
    "joint_flips",
    *OUTCOME_SHARES,
)
"""All of them, in the order of the tables."""

SLICED = ("balanced_accuracy", "recall", "specificity", "accuracy", "exact_category", "auroc", "review_share")
"""Those that are given for each category and each severity."""

LOWER_IS_BETTER = frozenset({"brier", "calibration_error", "review_share", "unparsable_share", "failed_share"})


def value(name: str, table: OutcomeTable) -> float | None:
    """Return one metric; None where it is not defined."""
    return _known(METRICS[name](table, None)) if len(table) else None


def estimates(
    table: OutcomeTable, names: Sequence[str] = OVERALL, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Estimate]:
    """Return metrics with intervals: Wilson's for shares, a bootstrap of whole groups for the rest."""
    answered = table.where(table.answered)
    intervals = _intervals(table, names, resamples, seed) if len(table) else {}
    found = {}
    for name in names:
        interval = intervals.get(name)
        point = value(name, table)
        found[name] = Estimate(
            value=point,
            low=None if interval is None or point is None else interval[0],
            high=None if interval is None or point is None else interval[1],
            count=int(SHARES[name](table).counted.sum()) if name in SHARES and len(table) else len(table),
            answered_only=None if name in OUTCOME_SHARES else value(name, answered),
        )
    return found


def _intervals(table: OutcomeTable, names: Sequence[str], resamples: int, seed: int) -> dict[str, Interval | None]:
    drawn: dict[str, list[Floats]] = {name: [] for name in names if name not in SHARES}
    for weights in group_weights(table.group, resamples, seed) if drawn else ():
        for name, values in drawn.items():
            values.append(METRICS[name](table, weights))
    found = {name: percentile_interval(np.concatenate(values)) for name, values in drawn.items()}
    return found | {name: share_interval(SHARES[name](table), table.group) for name in names if name in SHARES}


def _known(number: Floats) -> float | None:
    single = float(np.asarray(number).reshape(-1)[0])
    return None if np.isnan(single) else single
