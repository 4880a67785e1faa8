"""How much raters agree: Cohen's kappa and Krippendorff's alpha, overall and for each category."""

from __future__ import annotations

from dataclasses import dataclass

from eyeward.serve.labels.store import LabelStore


@dataclass(frozen=True)
class Agreement:
    """How much raters agree about one thing."""

    items: int
    """That at least two raters have answered about."""
    same: float | None
    """Share of pairs of answers that are the same; None without items."""
    kappa: float | None
    """Cohen's, of every two raters, their mean weighted by the items they share; None where it has no value."""
    alpha: float | None
    """Krippendorff's; None where it has no value, as when all answers are the same."""


@dataclass(frozen=True)
class QueueAgreement:
    """How much the raters of a queue agree; of items that all raters have answered about."""

    rating: Agreement
    category: Agreement
    severity: Agreement
    """Its alpha knows the order of the four levels."""
    by_category: dict[str, Agreement]
    """By full label, and `NA: None applying`: whether an image falls under the category."""
    rating_by_category: dict[str, Agreement]
    """The ratings of images that a rater has put under the category."""


def queue_agreement(store: LabelStore, queue: str) -> QueueAgreement:
    """Return how much the raters of a queue agree now; what adjudicators say does not count."""
    raise NotImplementedError
