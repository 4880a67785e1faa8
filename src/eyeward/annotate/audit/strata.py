"""How images are cut into strata by what the guard says of them, and how many of each are labelled."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from eyeward.errors import UsageError
from eyeward.verdict import Rating

Histogram = Sequence[tuple[float, int]]
"""Bins of scores in rising order: where each begins, and how many images are in it."""

BINS_A_LOGIT = 20
"""Scores are binned by their log odds, since those of a guard crowd at 0 and at 1."""
_CUTS: Mapping[Rating, tuple[float, ...]] = {Rating.Unsafe: (), Rating.Review: (), Rating.Safe: (1 / 10,)}
"""Strata of each rating, as shares of its images, counted from the highest score down.

What is flagged stays together. Its scores count in the estimate anyway, and with a handful of labels in each of several
strata the intervals come out too wide.
"""
_NAMES: Mapping[Rating, tuple[str, ...]] = {
    Rating.Unsafe: ("all",),
    Rating.Review: ("all",),
    Rating.Safe: ("least sure", "surest"),
}
_FEWEST_TO_CUT = 30
_OF_A_SIMPLE_SAMPLE = 0.9
"""What strata that are rated Safe get of what a simple random sample would give them.

What nobody has found there bounds the estimate from above, by three over that number or so, however sure the guard is;
with fewer labels the interval of a rare thing would be wider than that of a simple random sample.
"""
_FEWEST_LABELS = 2


class Stratum(BaseModel):
    """Images with one rating and a score within bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    name: str
    rating: Rating
    at_least: float = 0.0
    """The lowest score in it."""
    below: float | None = None
    """A score that is too high for it; None where there is no such bound."""
    rows: int
    """Images of the dataset that are in it."""
    drawn: int = 0
    """Those of them that are to be labelled."""

    @property
    def weight(self) -> float:
        """Return how many images each labelled one stands for."""
        return self.rows / self.drawn


def bin_start(bin: int) -> float:
    """Return the score at which a bin of log odds begins."""
    return 1 / (1 + math.exp(-bin / BINS_A_LOGIT))


def cut(histograms: Mapping[Rating, Histogram]) -> tuple[Stratum, ...]:
    """Cut the images of each rating where its histogram comes nearest to the shares that are wanted.

    Only images that are few or all alike stay together. Rows of the result are those of the histogram.
    """
    found: list[Stratum] = []
    for rating, shares in _CUTS.items():
        histogram = [(start, count) for start, count in histograms.get(rating, ()) if count > 0]
        if not histogram:
            continue
        edges = sorted({edge for share in shares if (edge := _edge(histogram, share)) is not None}, reverse=True)
        below: float | None = None
        names = _NAMES[rating] if len(edges) == len(shares) else tuple(f"part {n + 1}" for n in range(len(edges) + 1))
        for edge, name in zip((*edges, 0.0), names if edges else ("all",), strict=True):
            rows = sum(count for start, count in histogram if edge <= start and (below is None or start < below))
            found.append(
                Stratum(number=len(found) + 1, name=name, rating=rating, at_least=edge, below=below, rows=rows)
            )
            below = edge
    return tuple(found)


def _edge(histogram: Histogram, share: float) -> float | None:
    """Return the start of a bin above which about this share lies; None where nothing can be parted."""
    rows = sum(count for _, count in histogram)
    if rows < _FEWEST_TO_CUT:
        return None
    above, best, nearest = 0, None, math.inf
    for start, count in reversed(histogram[1:]):
        above += count
        if abs(above - share * rows) < nearest:
            best, nearest = start, abs(above - share * rows)
    return best


def allocate(strata: Sequence[Stratum], labels: int) -> tuple[Stratum, ...]:
    """Say how many images of each stratum are drawn.

    Strata that are rated Safe get nearly what a simple random sample would give them; all that is saved is spread
    where the guard flags, where it abstains, and, half as much, where it is least sure of Safe.

    Raises:
        UsageError: when there are too few labels to give every stratum two.
    """
    rows = sum(stratum.rows for stratum in strata)
    labels = min(labels, rows)
    least = [min(stratum.rows, _FEWEST_LABELS) for stratum in strata]
    if labels < sum(least):
        raise UsageError(
            f"{labels} labels cannot be spread over {len(strata)} strata, two for each; draw at least {sum(least)}."
        )
    drawn = [
        min(s.rows, max(few, math.ceil(_OF_A_SIMPLE_SAMPLE * labels * s.rows / rows) if s.rating is Rating.Safe else 0))
        for s, few in zip(strata, least, strict=True)
    ]
    while sum(drawn) > labels:  # a tiny sample: the largest gives
        most = max(range(len(drawn)), key=lambda place: drawn[place] - least[place])
        drawn[most] -= 1
    _spread(drawn, strata, _doubts(strata), labels - sum(drawn))
    _spread(drawn, strata, [float(stratum.rows) for stratum in strata], labels - sum(drawn))
    return tuple(stratum.model_copy(update={"drawn": count}) for stratum, count in zip(strata, drawn, strict=True))


def _doubts(strata: Sequence[Stratum]) -> list[float]:
    """Return shares of what is saved: half as much for doubt as for what is flagged, less for few images to review."""
    flagged = [stratum.rows for stratum in strata if stratum.rating is Rating.Unsafe]
    usual = sum(flagged) / len(flagged) if flagged else 1.0
    doubtful = _NAMES[Rating.Safe][0]
    of_safe = [0.5 if stratum.name == doubtful else 0.0 for stratum in strata]
    return [
        1.0 if s.rating is Rating.Unsafe else min(1.0, s.rows / usual) if s.rating is Rating.Review else half
        for s, half in zip(strata, of_safe, strict=True)
    ]


def _spread(drawn: list[int], strata: Sequence[Stratum], shares: Iterable[float], labels: int) -> None:
    """Give labels away one by one, each to the stratum that is furthest behind its share, until all are full."""
    parts, given = list(shares), [0] * len(drawn)
    for _ in range(labels):
        open_ones = [place for place, s in enumerate(strata) if parts[place] > 0 and drawn[place] < s.rows]
        if not open_ones:
            return
        place = min(open_ones, key=lambda place: (given[place] + 1) / parts[place])
        given[place] += 1
        drawn[place] += 1
