"""Two guards on the same questions: is one better, or was it luck?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from eyeward.errors import UsageError
from eyeward.evaluate.binomial import binomial_probability, binomial_tail
from eyeward.evaluate.intervals import RESAMPLES, Interval, group_weights, paired_interval, percentile_interval
from eyeward.evaluate.metrics import METRICS, value
from eyeward.evaluate.outcome import Outcome, Question, category_id
from eyeward.evaluate.shares import SHARES
from eyeward.evaluate.table import Floats, Numbers, OutcomeTable

COMPARED = (
    "balanced_accuracy",
    "recall",
    "specificity",
    "precision",
    "f1",
    "auroc",
    "accuracy",
    "exact_category",
    "policy_exception_rate",
    "policy_exception_score",
    "tightening_rate",
    "joint_consistency",
    "joint_flips",
)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Difference(_Record):
    """How much higher a metric is for the first guard; the interval is of 95 %."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


class McNemar(_Record):
    """A test of whether two guards are right equally often (McNemar, 1947), in its exact and mid-p forms.

    A question that both get right, or both wrong, says nothing. Several questions of one group are one observation:
    which guard got more of them right; with one question a group that is the classic test.
    """

    first_better: int
    second_better: int
    exact_p: float
    mid_p: float
    """Less conservative than the exact form, and close to the nominal level (Fagerland et al., 2013)."""


class Comparison(_Record):
    """Two guards on the questions that both were asked."""

    first: str
    second: str
    questions: int
    only_first: int = 0
    only_second: int = 0
    """Questions that only one of them was asked; they are left out."""
    mcnemar: McNemar
    differences: dict[str, Difference]


def compare(
    first: Sequence[Outcome],
    second: Sequence[Outcome],
    names: tuple[str, str],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compare two guards over the questions that both were asked.

    Raises:
        UsageError: when there are none, or when images of one name or their labels differ.
    """
    ours = {_key(outcome): outcome for outcome in first}
    theirs = {_key(outcome): outcome for outcome in second}
    shared = [key for key in ours if key in theirs]
    if not shared:
        raise UsageError(f"{names[0]} and {names[1]} were asked no question in common; evaluate both on the same data.")
    for key in shared:
        label, other = _label(ours[key].question), _label(theirs[key].question)
        if label != other:
            raise UsageError(
                f"{key[0]!r} is labelled {label} for {names[0]} and {other} for {names[1]}; "
                "evaluate both on the same labels."
            )
        if _other_images(ours[key], theirs[key]):
            raise UsageError(
                f"{key[0]!r} is another image for {names[0]} than for {names[1]}; evaluate both on the same data."
            )
    one = OutcomeTable.of([ours[key] for key in shared])
    two = OutcomeTable.of([theirs[key] for key in shared])
    return Comparison(
        first=names[0],
        second=names[1],
        questions=len(shared),
        only_first=len(ours) - len(shared),
        only_second=len(theirs) - len(shared),
        mcnemar=mcnemar(one, two),
        differences=differences(one, two, resamples, seed),
    )


def mcnemar(first: OutcomeTable, second: OutcomeTable) -> McNemar:
    """Test two tables with the same questions in the same order."""
    return mcnemar_of(first.right.astype(np.float64) - second.right, first.group)


def mcnemar_of(differences: Floats, group: Numbers) -> McNemar:
    """Test paired differences, each 1 where the first guard alone is right, and -1 where the second is [questions]."""
    _, place = np.unique(group, return_inverse=True)
    margin = np.bincount(place, weights=differences)
    better, worse = int((margin > 0).sum()), int((margin < 0).sum())
    least, total = min(better, worse), better + worse
    tail = binomial_tail(least, total, 0.5)
    at = binomial_probability(least, total, 0.5)
    return McNemar(
        first_better=better, second_better=worse, exact_p=min(1.0, 2 * tail), mid_p=min(1.0, max(0.0, 2 * tail - at))
    )


def differences(
    first: OutcomeTable, second: OutcomeTable, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Difference]:
    """Return the difference of each metric; both guards see the same groups in every resample.

    Where resamples cannot tell, as when one guard is always right and the other never, a share of the same questions
    has the interval of its paired answers instead, and other metrics have none.
    """
    drawn: dict[str, list[Floats]] = {name: [] for name in COMPARED}
    for weights in group_weights(first.group, resamples, seed):
        for name, values in drawn.items():
            values.append(METRICS[name](first, weights) - METRICS[name](second, weights))
    found = {}
    for name in COMPARED:
        one, two = value(name, first), value(name, second)
        known = one is not None and two is not None
        interval = percentile_interval(np.concatenate(drawn[name])) or _of_pairs(name, first, second) if known else None
        found[name] = Difference(
            value=None if one is None or two is None else one - two,
            low=None if interval is None else interval[0],
            high=None if interval is None else interval[1],
        )
    return found


def _of_pairs(name: str, first: OutcomeTable, second: OutcomeTable) -> Interval | None:
    """Return the interval of the difference of two shares question by question, None where they count others."""
    if name not in SHARES:
        return None
    one, two = SHARES[name](first), SHARES[name](second)
    if not np.array_equal(one.counted, two.counted):
        return None
    margin = one.hits[one.counted].astype(np.float64) - two.hits[two.counted]
    return paired_interval(margin, first.group[one.counted])


def _label(question: Question) -> str:
    """Say what is right: rating and category, and of a changed policy the rating without the changes."""
    label = f"{question.rating} ({category_id(question.category)})"
    if question.changes and question.unchanged_rating is not None:
        label += f", {question.unchanged_rating} without the changes,"
    return label


def _other_images(one: Outcome, other: Outcome) -> bool:
    known = {one.verdict.sha256, other.verdict.sha256} - {None}
    return len(known) > 1


def _key(outcome: Outcome) -> tuple[str, str]:
    return outcome.question.image, outcome.question.policy_hash
