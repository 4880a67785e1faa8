"""How much of a dataset is really unsafe: labels of a stratified sample, and what the guard says of all the rest.

The estimate is stratified and prediction-powered: in each stratum the share among the labelled images, corrected by
how far the guard's scores of these lie from its scores of all images there, times a tuning (Angelopoulos et al., 2023,
arXiv 2311.01453; by strata: Fisch et al., 2024, arXiv 2406.04291). Every stratum counts by its size, so that the
estimate is right on average whatever the guard is worth. The tuning between 0 and 1 that makes the variance least is
the usual one. With flags instead of scores, and 1 / (recall + specificity - 1) for the tuning, it is the estimate of
Rogan and Gladen (1978), to the last digit.

Shares are small, and many strata hold no positive label; a normal interval would then have no width. Beta
distributions with the moments of the estimate stand for it instead. Of the upper end one has one positive more, which
the sample could have missed, in the stratum where it weighs most (Fay and Feuer, 1997, for sums with weights); of the
lower end one has one less. The other of each end has one the other way, of the weight that positives have on average,
so that what was found counts half: the mid-p form (Fay and Kim, 2017). Of one stratum it is, but for rounding, the
mid-p interval of Clopper and Pearson.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict

from eyeward.annotate.audit.beta import Beta, mixture_quantile
from eyeward.evaluate.table import Floats

EACH_TAIL = 0.025
"""What either end of an interval of 95 % may miss."""
_ROUNDING = 1e-12
"""Ends are moved out by so much, since a truth may lie right on one of them."""
_WORTH_USING = 0.05
"""Recall + specificity - 1 below which flags are as good as drawn by lot, and are left out."""


class Estimate(BaseModel):
    """A share of all images, with its interval of 95 %."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    share: float
    low: float
    high: float


class RoganGladen(Estimate):
    """The share that explains what the guard flags, by its own rates of error."""

    recall: float | None
    """Share of unsafe images that the guard flags, as far as the labels tell; None when no label is Unsafe."""
    specificity: float | None
    """Share of safe images that it does not flag; None when no label is Safe."""


@dataclass(frozen=True)
class Labelled:
    """A stratum, and what is known of it."""

    rows: int
    """Images of the dataset that are in it."""
    outcomes: Floats
    """1 where the label says yes, else 0; [labelled images], at least two of them or all."""
    scores: Floats
    """What the guard says of the same images, from 0 to 1; for Rogan and Gladen whether it flags them, 1 or 0."""
    mean_score: float
    """The mean of its scores over all images of the stratum."""


@dataclass(frozen=True)
class Further:
    """Images outside of all strata, of which it is known without a label what they are."""

    positive: int = 0
    """These are flagged, too."""
    negative: int = 0


NONE = Further()


def prediction_powered(strata: Sequence[Labelled], further: Further = NONE, tuned: bool = True) -> Estimate:
    """Estimate a share; without `tuned` the scores are left out, beyond their part in how the strata were cut."""
    weights = _weights(strata)
    return _estimate(strata, weights, _least_variance(strata, weights) if tuned else 0.0, further)


def rogan_gladen(strata: Sequence[Labelled], further: Further = NONE) -> RoganGladen:
    """Estimate a share from what is flagged, by the rates of error that the same labels tell.

    Where the labels tell no rates, or flags that are worth nothing, the flags are left out.
    """
    weights = _weights(strata)
    parts = list(zip(strata, weights, strict=True))
    unsafe = math.fsum(weight * float(s.outcomes.mean()) for s, weight in parts)
    caught = math.fsum(weight * float((s.scores * s.outcomes).mean()) for s, weight in parts)
    flagged = math.fsum(weight * float(s.scores.mean()) for s, weight in parts)
    false_alarms, safe = flagged - caught, 1 - unsafe
    tuning = 0.0
    if unsafe > 1e-12 and safe > 1e-12:
        worth = caught / unsafe - false_alarms / safe
        tuning = 1 / worth if worth > _WORTH_USING else 0.0
    found = _estimate(strata, weights, tuning, further)
    rows = sum(stratum.rows for stratum in strata)
    all_unsafe, all_safe = rows * unsafe + further.positive, rows * safe + further.negative
    return RoganGladen(
        share=found.share,
        low=found.low,
        high=found.high,
        recall=(rows * caught + further.positive) / all_unsafe if all_unsafe > 1e-9 else None,
        specificity=1 - rows * false_alarms / all_safe if all_safe > 1e-9 else None,
    )


def _weights(strata: Sequence[Labelled]) -> list[float]:
    rows = sum(stratum.rows for stratum in strata)
    return [stratum.rows / rows for stratum in strata]


def _estimate(strata: Sequence[Labelled], weights: Sequence[float], tuning: float, further: Further) -> Estimate:
    rows = sum(stratum.rows for stratum in strata)
    centre = variance = yes = no = unseen = 0.0
    ones: list[tuple[float, float, float]] = []
    for stratum, weight in zip(strata, weights, strict=True):
        rest = stratum.outcomes - tuning * stratum.scores
        centre += weight * (float(rest.mean()) + tuning * stratum.mean_score)
        variance += weight**2 * _variance_of_mean(rest, stratum)
        share, one = float(stratum.outcomes.mean()), math.sqrt(_open(stratum)) * weight / (len(rest) + 1)
        ones.append((one, share, weight**2 * share * (1 - share) / len(rest)))
        unseen = max(unseen, one * tuning * _false_alarm_unseen(stratum))
        yes, no = yes + float(stratum.outcomes.sum()), no + float((1 - stratum.outcomes).sum())
    least, most = (yes / rows, 1 - no / rows) if rows else (0.0, 0.0)  # what is labelled is known
    centre = min(most, max(least, centre))
    low, high = _interval(centre, variance, ones, unseen)

    def of_all(share: float) -> float:
        return (rows * share + further.positive) / max(1, rows + further.positive + further.negative)

    low, high = of_all(max(least, min(low, centre))), of_all(min(most, max(high, centre)))
    return Estimate(share=of_all(centre), low=max(0.0, low - _ROUNDING), high=min(1.0, high + _ROUNDING))


def _interval(
    centre: float, variance: float, ones: Sequence[tuple[float, float, float]], unseen: float
) -> tuple[float, float]:
    """Return the ends, from what one label weighs in each stratum, the share there, and how much it varies.

    Near 0 and 1, where one end cannot miss, the other has all of the error: whatever the labels say, the upper end is
    not below what it is when none of them is positive. A truth below that can only be missed by the lower end (and a
    truth near 1 by the upper end).
    """
    most_weight = max((one for one, _, _ in ones), default=0.0)
    least_high = min(0.5, mixture_quantile((Beta(0.0), Beta.of(most_weight, most_weight**2)), 1 - EACH_TAIL))
    varies = math.fsum(v for _, _, v in ones) or 1.0
    usual_more = math.fsum(v * one * (1 - share) for one, share, v in ones) / varies
    usual_less = math.fsum(v * one * share for one, share, v in ones) / varies
    more = max([usual_more, *(one for one, share, _ in ones if share == 0)])
    less = max([usual_less, unseen, *(one for one, share, _ in ones if share == 1)])

    def shifted(by: float) -> Beta:
        return Beta.of(centre + by, variance + by**2)

    below, above = (shifted(-less), shifted(usual_more)), (shifted(-usual_less), shifted(more))
    low, high = mixture_quantile(below, 2 * EACH_TAIL), mixture_quantile(above, 1 - 2 * EACH_TAIL)
    if low > least_high:
        low = max(least_high, mixture_quantile(below, EACH_TAIL))
    if high < 1 - least_high:
        high = min(1 - least_high, mixture_quantile(above, 1 - EACH_TAIL))
    return low, high


def _false_alarm_unseen(stratum: Labelled) -> float:
    """Return the highest score, where no label contradicts one that is half as high: others could, and count for it."""
    highest = float(stratum.scores.max())
    contradicted = (stratum.outcomes == 0) & (stratum.scores >= highest / 2)
    return 0.0 if contradicted.any() else highest


def _open(stratum: Labelled) -> float:
    """Return the share of a stratum that nobody labelled: only that can surprise."""
    return max(0.0, 1 - len(stratum.outcomes) / stratum.rows)


def _variance_of_mean(values: Floats, stratum: Labelled) -> float:
    """Return the variance of a mean of labelled images as an estimate of the mean of the stratum."""
    count = len(values)
    spread = float(values.var(ddof=1)) if count > 1 else 0.25
    return _open(stratum) * spread / count


def _least_variance(strata: Sequence[Labelled], weights: Sequence[float]) -> float:
    """Return how much of the scores to use, one number for all strata."""
    together = alone = 0.0
    for stratum, weight in zip(strata, weights, strict=True):
        count = len(stratum.outcomes)
        if count < 2:
            continue
        factor = weight**2 * _open(stratum) / count / (count - 1)
        scores = stratum.scores - stratum.scores.mean()
        together += factor * float(np.dot(scores, stratum.outcomes))
        alone += factor * float(np.dot(scores, scores))
    return min(1.0, max(0.0, together / alone)) if alone > 0 else 0.0
