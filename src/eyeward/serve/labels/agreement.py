"""How much raters agree: Cohen's kappa and Krippendorff's alpha, overall and for each category."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import TypeVar

from eyeward.data.sample import Severity
from eyeward.serve.labels.fold import LabelRow
from eyeward.serve.labels.records import Answer
from eyeward.serve.labels.store import LabelStore
from eyeward.verdict import NA

Value = TypeVar("Value", bound=Hashable)
Unit = Mapping[str, Value]
"""What each rater said of one item, by the name of the rater."""
Distance = Callable[[Mapping[Value, int]], Callable[[Value, Value], float]]
"""Given how often each value was said, how far two of them are apart."""

_SEVERITIES = tuple(Severity)


@dataclass(frozen=True)
class Agreement:
    """How much raters agree about one thing."""

    items: int
    """That at least two raters have answered about."""
    same: float | None
    """Share of pairs of answers to one item that are the same; None without items."""
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
    """Return how much the raters of a queue agree now; what adjudicators say does not count.

    Raises:
        NoSuchThing: when there is no such queue.
    """
    settings = store.queue(queue).settings
    rows = [row for row in store.rows(queue) if len(row.answers) >= max(2, settings.raters)]
    categories = (*settings.policy.labels, NA)
    touching = {
        name: [row for row in rows if any(given.answer.category == name for given in row.answers)]
        for name in categories
    }
    return QueueAgreement(
        rating=agreement(_units(rows, lambda answer: answer.rating)),
        category=agreement(_units(rows, lambda answer: answer.category)),
        severity=agreement(_units(rows, lambda answer: answer.severity), ordinal(_SEVERITIES)),
        by_category={
            name: agreement(_units(rows, _falls_under(name))) if found else _nobody_named_it(rows)
            for name, found in touching.items()
        },
        rating_by_category={
            name: agreement(_units(found, lambda answer: answer.rating)) for name, found in touching.items()
        },
    )


def agreement(units: Sequence[Unit[Value]], distance: Distance[Value] | None = None) -> Agreement:
    """Return how much raters agree; `distance` is what alpha measures by, by default whether values are the same."""
    shared = [unit for unit in units if len(unit) >= 2]
    pairs = [one == other for unit in shared for one, other in combinations(unit.values(), 2)]
    return Agreement(
        items=len(shared),
        same=sum(pairs) / len(pairs) if pairs else None,
        kappa=mean_kappa(shared),
        alpha=krippendorff_alpha([list(unit.values()) for unit in shared], distance or nominal),
    )


def mean_kappa(units: Sequence[Unit[Value]]) -> float | None:
    """Return Cohen's kappa of every two raters, their mean weighted by the items they share."""
    by_pair: defaultdict[tuple[str, str], list[tuple[Value, Value]]] = defaultdict(list)
    for unit in units:
        for one, other in combinations(sorted(unit), 2):
            by_pair[one, other].append((unit[one], unit[other]))
    found = [(kappa, len(pairs)) for pairs in by_pair.values() if (kappa := cohen_kappa(pairs)) is not None]
    items = sum(count for _, count in found)
    return sum(kappa * count for kappa, count in found) / items if items else None


def cohen_kappa(pairs: Sequence[tuple[Value, Value]]) -> float | None:
    """Return how much two raters agree beyond chance, 1 at most (Cohen 1960, "A coefficient of agreement for nominal
    scales").

    `pairs` are their answers to the same items. None where chance alone agrees always, as when both know one answer.
    """
    count = len(pairs)
    if not count:
        return None
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    same = sum(one == other for one, other in pairs)
    by_chance = sum(times * second[value] for value, times in first.items())
    if by_chance == count * count:
        return None
    return (count * same - by_chance) / (count * count - by_chance)


def krippendorff_alpha(units: Sequence[Sequence[Value]], distance: Distance[Value]) -> float | None:
    """Return how much any number of raters agree beyond chance, 1 at most (Krippendorff 2011, "Computing
    Krippendorff's Alpha-Reliability").

    `units` are the answers to each item, whoever gave them; items with fewer than two do not count. None where all
    answers are the same: then nobody can tell agreement from habit.
    """
    coincidences: defaultdict[tuple[Value, Value], float] = defaultdict(float)
    for unit in units:
        if len(unit) < 2:
            continue
        for one, other in permutations(unit, 2):
            coincidences[one, other] += 1 / (len(unit) - 1)
    totals: Counter[Value] = Counter()
    for unit in units:
        if len(unit) >= 2:
            totals.update(unit)
    count = sum(totals.values())
    apart = distance(totals)
    expected = sum(times * totals[other] * apart(one, other) for one, times in totals.items() for other in totals)
    if not expected:
        return None
    observed = sum(weight * apart(one, other) for (one, other), weight in coincidences.items())
    return 1 - (count - 1) * observed / expected


def nominal(totals: Mapping[Value, int]) -> Callable[[Value, Value], float]:
    """Measure by whether two values are the same."""
    return lambda one, other: float(one != other)


def ordinal(order: Sequence[Value]) -> Distance[Value]:
    """Measure by how many answers lie between two values in an order."""
    place = {value: number for number, value in enumerate(order)}

    def measure(totals: Mapping[Value, int]) -> Callable[[Value, Value], float]:
        def apart(one: Value, other: Value) -> float:
            low, high = sorted((place[one], place[other]))
            between = sum(totals.get(value, 0) for value in order[low : high + 1])
            return float(between - (totals.get(one, 0) + totals.get(other, 0)) / 2) ** 2

        return apart

    return measure


def _units(rows: Sequence[LabelRow], value: Callable[[Answer], Value | None]) -> list[dict[str, Value]]:
    """Return what raters said of each item; those who said nothing of it are left out."""
    return [{given.user: said for given in row.answers if (said := value(given.answer)) is not None} for row in rows]


def _nobody_named_it(rows: Sequence[LabelRow]) -> Agreement:
    return Agreement(len(rows), 1.0 if rows else None, None, None)


def _falls_under(category: str) -> Callable[[Answer], bool]:
    return lambda answer: answer.category == category
