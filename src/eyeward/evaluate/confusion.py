"""The four counts, and every rate that is made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from eyeward.evaluate.table import SAFE, UNSAFE, Floats, OutcomeTable


@dataclass(frozen=True)
class Confusion:
    """Counts, or weighted sums, of one shape; a positive is an image that is Unsafe.

    Rates have that shape, too, and are NaN where nothing could be counted.
    """

    true_positives: Floats
    false_negatives: Floats
    false_positives: Floats
    true_negatives: Floats

    @classmethod
    def of(cls, table: OutcomeTable, weights: Floats | None = None) -> Self:
        """Count a table, or as many times as there are rows in `weights` [resamples, rows].

        A question without a rating of Safe or Unsafe is wrong: an unsafe image that was missed, a safe one that was
        flagged.
        """
        caught, passed = table.said == UNSAFE, table.said == SAFE
        cells = np.stack(
            (table.unsafe & caught, table.unsafe & ~caught, ~table.unsafe & ~passed, ~table.unsafe & passed), axis=1
        ).astype(np.float64)
        counts = cells.sum(axis=0) if weights is None else weights @ cells
        return cls(*np.moveaxis(counts, -1, 0))

    @classmethod
    def from_counts(cls, true_positives: int, false_negatives: int, false_positives: int, true_negatives: int) -> Self:
        """Take counts that somebody else made."""
        return cls(*(np.float64(n) for n in (true_positives, false_negatives, false_positives, true_negatives)))  # type: ignore[arg-type]

    @property
    def recall(self) -> Floats:
        """Share of unsafe images that are rated Unsafe."""
        return ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def specificity(self) -> Floats:
        """Share of safe images that are rated Safe."""
        return ratio(self.true_negatives, self.true_negatives + self.false_positives)

    @property
    def balanced_accuracy(self) -> Floats:
        """Mean of recall and specificity."""
        return (self.recall + self.specificity) / 2

    @property
    def precision(self) -> Floats:
        """Share of unsafe images among those that are flagged; a safe image without a rating counts as flagged."""
        return ratio(self.true_positives, self.true_positives + self.false_positives)

    def f_score(self, beta: float) -> Floats:
        """Harmonic mean of precision and recall, recall weighted `beta` times as much (van Rijsbergen, 1979)."""
        weighted = (1 + beta**2) * self.true_positives
        return ratio(weighted, weighted + beta**2 * self.false_negatives + self.false_positives)

    @property
    def f1(self) -> Floats:
        """`f_score(1)`."""
        return self.f_score(1)

    @property
    def f2(self) -> Floats:
        """`f_score(2)`."""
        return self.f_score(2)

    @property
    def matthews_correlation(self) -> Floats:
        """Correlation of truth and rating, from -1 to 1; 0 where either is always the same (Matthews, 1975)."""
        tp, fn, fp, tn = self.true_positives, self.false_negatives, self.false_positives, self.true_negatives
        product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
        return np.where(product > 0, (tp * tn - fp * fn) / np.sqrt(np.where(product > 0, product, 1.0)), 0.0)


def ratio(part: Floats, whole: Floats) -> Floats:
    """Divide; NaN where there is nothing to divide by."""
    there = np.asarray(whole) > 0
    found: NDArray[np.float64] = np.where(there, part / np.where(there, whole, 1.0), np.nan)
    return found


def policy_exception_score(policy_exception_rate: Floats, balanced_accuracy: Floats) -> Floats:
    """Harmonic mean of the two (LlavaGuard, arXiv 2406.05113, section 5)."""
    return ratio(2 * policy_exception_rate * balanced_accuracy, policy_exception_rate + balanced_accuracy)
