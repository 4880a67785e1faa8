"""A threshold, or a review band, that keeps a promise about unseen images with a stated confidence.

How many unsafe images a threshold misses among those that were seen is binomial. Thresholds are tried from the lowest
up, each against the hypothesis that it misses too many; the last one before the first that cannot refuse it is taken
(Learn then Test with fixed sequence, Angelopoulos et al., 2021, arXiv 2110.01052; for one rate it is the tolerance
limit of Wilks, 1941). Nothing is assumed about the guard; it is assumed that images to come are drawn as these were.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from eyeward.errors import UsageError
from eyeward.evaluate.binomial import binomial_probability
from eyeward.evaluate.table import Bools, Floats, Numbers

_DIGITS = 6
"""Decimals of a threshold; it is rounded to the careful side."""


@dataclass(frozen=True)
class Scores:
    """What a choice is made on, one row a question."""

    p_unsafe: Floats
    """Calibrated; NaN where there is none."""
    unsafe: Bools
    group: Numbers
    abstained: Bools
    """Review whatever the threshold, as out of scope."""


@dataclass(frozen=True)
class Choice:
    """A threshold and perhaps a band, with the images that speak for it, one of each group."""

    threshold: float
    band: tuple[float, float] | None
    unsafe: int
    missed: int
    safe: int | None = None
    flagged: int | None = None


def errors_allowed(count: int, rate: float, confidence: float) -> int:
    """Return how many of `count` may be wrong for a claim that fewer than `rate` are wrong, with this confidence.

    -1 when not even none of them will do, because there are too few.
    """
    allowed, tail = -1, 0.0
    while allowed + 1 < count:
        tail += binomial_probability(allowed + 1, count, rate)
        if tail > 1 - confidence:
            break
        allowed += 1
    return allowed


def count_needed(rate: float, confidence: float) -> int:
    """Return from how many on a promise is possible, when none of them is wrong."""
    return math.ceil(math.log(1 - confidence) / math.log1p(-rate) - 1e-9)


def choose_threshold(scores: Scores, recall: float, confidence: float, seed: int = 0) -> Choice:
    """Return a threshold that promises: at least `recall` of unsafe images are rated Unsafe.

    Every threshold up to a highest one does. Taken is one that flags as few safe images as that, and lies well between
    those that it flags and those that it passes: the highest itself would hang on a single image. Images without a
    probability, and those on which the guard abstains, are missed at any threshold.

    Raises:
        UsageError: when there are too few unsafe images, or too many that are missed at any threshold.
    """
    _check(recall, confidence)
    rows = one_of_each_group(scores, scores.unsafe, seed)
    p = np.where(scores.abstained[rows], np.nan, scores.p_unsafe[rows])
    highest = _lower_end(p, recall, confidence, "unsafe")
    p_of_safe = scores.p_unsafe[~scores.unsafe & ~scores.abstained]
    threshold = _between(float(np.max(p_of_safe, where=p_of_safe < highest, initial=0.0)), highest)
    return Choice(threshold, None, len(rows), int((~(p >= threshold)).sum()))


def choose_band(scores: Scores, recall: float, specificity: float, confidence: float, seed: int = 0) -> Choice:
    """Return the narrowest band that promises two things at once: at most `1 - recall` of unsafe images are rated Safe,
    and at most `1 - specificity` of safe images Unsafe. What lies between is Review.

    Half of the doubt goes to each (Bonferroni). Where one threshold keeps both, there is no band. An image without a
    probability breaks either promise; one on which the guard abstains breaks none.

    Raises:
        UsageError: when there are too few images of a kind.
    """
    _check(recall, confidence)
    _check(specificity, confidence)
    each = 1 - (1 - confidence) / 2
    unsafe, safe = (one_of_each_group(scores, of, seed) for of in (scores.unsafe, ~scores.unsafe))
    p_of_unsafe = np.where(scores.abstained[unsafe], np.inf, scores.p_unsafe[unsafe])
    p_of_safe = np.where(scores.abstained[safe], -np.inf, scores.p_unsafe[safe])
    low = _lower_end(p_of_unsafe, recall, each, "unsafe")
    high = 1.0 - _lower_end(1.0 - p_of_safe, specificity, each, "safe")
    band = (low, high) if low <= high else None
    threshold = high if band else _between(high, low)
    flagged = ~(p_of_safe <= high) if band else ~(p_of_safe < threshold)
    return Choice(
        threshold=threshold,
        band=band,
        unsafe=len(unsafe),
        missed=int((~(p_of_unsafe >= (low if band else threshold))).sum()),
        safe=len(safe),
        flagged=int(flagged.sum()),
    )


def one_of_each_group(scores: Scores, rows: Bools, seed: int = 0) -> Numbers:
    """Return the place of one of these rows of each group, drawn at random: rows of a group are not independent."""
    places = np.random.default_rng(seed).permutation(np.flatnonzero(rows))
    _, first = np.unique(scores.group[places], return_index=True)
    return np.sort(places[first])


def _lower_end(p: Floats, share: float, confidence: float, kind: str) -> float:
    """Return the highest value that at least `share` of images of this kind reach; NaN reaches nothing."""
    allowed = errors_allowed(len(p), 1 - share, confidence)
    if allowed < 0:
        raise UsageError(
            f"{len(p)} {kind} images of independent groups are too few to promise {share:.1%} with {confidence:.1%} "
            f"confidence, even if none is wrong; it takes {count_needed(1 - share, confidence)}. Label more, or "
            "promise less."
        )
    ranked = np.sort(np.where(np.isnan(p), -np.inf, p))
    at = min(1.0, float(ranked[allowed]))
    if at < 0.0:
        lost = int((ranked < 0.0).sum())
        raise UsageError(
            f"{lost} of {len(p)} {kind} images have no rating at any threshold, and at most {allowed} may, to promise "
            f"{share:.1%} with {confidence:.1%} confidence. See why they fail, or promise less."
        )
    return _rounded_down(at)


def _between(above: float, up_to: float) -> float:
    """Return a threshold above one value and up to another: 0.5 where it lies there, else the middle."""
    middle = _rounded_down(0.5 if above < 0.5 <= up_to else (above + up_to) / 2)
    return middle if above < middle else up_to


def _rounded_down(threshold: float) -> float:
    step = 10.0**_DIGITS
    return math.floor(threshold * step) / step


def _check(share: float, confidence: float) -> None:
    for number in (share, confidence):
        if not 0.0 < number < 1.0:
            raise UsageError(f"A promise is about a share and a confidence between 0 and 1, not {number:g}.")
