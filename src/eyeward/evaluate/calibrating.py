"""Fit calibrations, choose what they promise, and store both in the card of a guard."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from eyeward.engine.rating import Calibration, Isotonic, Platt
from eyeward.errors import CheckpointError, UsageError
from eyeward.evaluate.fitting import isotonic, platt, temperature
from eyeward.evaluate.methods import Method
from eyeward.evaluate.outcome import Outcome, OutcomeKind, category_id
from eyeward.evaluate.promise import Choice, Scores, choose_band, choose_threshold
from eyeward.evaluate.ranking import BINS, ReliabilityBin, bin_of, reliability
from eyeward.evaluate.table import Bools, Floats
from eyeward.guard import Guard
from eyeward.guard.card import EyewardCard, Probe, Promise
from eyeward.guard.loading import rule_of
from eyeward.guard.self_check.answers import policy_of
from eyeward.verdict import Rating, ReviewReason

FEWEST = 30
"""Unsafe images, and safe ones, that a category must have to be calibrated by itself."""


class Fit(BaseModel):
    """How well probabilities can be taken at their word."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    brier: float
    calibration_error: float
    bins: tuple[ReliabilityBin, ...]

    @classmethod
    def of(cls, p_unsafe: Floats, unsafe: Bools) -> Fit:
        """Compare probabilities with what was true."""
        gaps = np.bincount(bin_of(p_unsafe), weights=p_unsafe - unsafe, minlength=BINS)
        return cls(
            brier=float(((p_unsafe - unsafe) ** 2).mean()),
            calibration_error=float(np.abs(gaps).sum() / len(p_unsafe)),
            bins=reliability(p_unsafe, unsafe.astype(np.float64)),
        )


class Calibrated(BaseModel):
    """A calibration with what it changes, on images that it was not fitted on, and what it promises there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Method
    calibration: Calibration
    threshold: float
    review_band: tuple[float, float] | None
    promise: Promise
    fitted_on: int
    """Questions; none of their groups is among those that the rest was measured on."""
    measured_on: int
    before: Fit
    after: Fit


@dataclass(frozen=True)
class _Answers:
    """What calibrations are fitted to, one row a question that was rated."""

    raw: Floats
    category: tuple[str, ...]
    unsafe: Bools

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> _Answers:
        rows = [o for o in outcomes if is_rated(o)]
        return cls(
            np.array([o.verdict.p_unsafe_raw for o in rows], np.float64),
            tuple(category_id(o.verdict.category) for o in rows),
            np.array([o.question.rating is Rating.Unsafe for o in rows], bool),
        )

    def calibrated(self, calibration: Calibration) -> Floats:
        pairs = zip(self.raw, self.category, strict=True)
        return np.array([calibration.apply(float(p), id) for p, id in pairs], np.float64)


def is_rated(outcome: Outcome) -> bool:
    """Whether a calibration can be fitted to it: an answer Safe or Unsafe with a probability."""
    return outcome.kind is OutcomeKind.ok and outcome.verdict.p_unsafe_raw is not None


def asking_for_scores(guard: Guard) -> Guard:
    """Return the guard as it must be asked here: everything is rated Unsafe, so every verdict names the category that
    an Unsafe answer would name, whose calibration counts.

    Raises:
        UsageError: for a guard that gives no probabilities.
    """
    rule = guard.rule or guard.rule_at_hand
    if rule is None:
        raise UsageError(f"{guard.model.name!r} gives no probabilities, so there is nothing to calibrate.")
    return replace(guard, rule=rule.model_copy(update={"threshold": 0.0, "band": None}))


def calibrate(
    outcomes: Sequence[Outcome],
    before: Calibration,
    data: str,
    method: Method = Method.temperature,
    by_category: bool = False,
    recall: float = 0.95,
    specificity: float | None = None,
    confidence: float = 0.95,
) -> Calibrated:
    """Fit a calibration to half of the groups, and choose threshold or band on the other half.

    Both on the same images would make the promise empty. With `Method.keep` nothing is fitted, and all images count.
    `outcomes` are those of `asking_for_scores`.

    Raises:
        UsageError: when there are too few images for a fit or for the promise.
    """
    half = [_in_first_half(outcome.question.group) for outcome in outcomes]
    keep = method is Method.keep
    fitted_to = _Answers.of([] if keep else [o for o, first in zip(outcomes, half, strict=True) if first])
    measured = [o for o, first in zip(outcomes, half, strict=True) if keep or not first]
    calibration = before if keep else fit(fitted_to, method, by_category)
    choice = _choose(measured, calibration, recall, specificity, confidence)
    answers = _Answers.of(measured)
    if not len(answers.raw):
        raise UsageError(
            "No image was rated, so there is nothing to calibrate; see why they fail, or are out of scope."
        )
    return Calibrated(
        method=method,
        calibration=calibration,
        threshold=choice.threshold,
        review_band=choice.band,
        promise=Promise(
            recall=recall,
            specificity=specificity,
            confidence=confidence,
            data=data,
            unsafe=choice.unsafe,
            missed=choice.missed,
            safe=choice.safe,
            flagged=choice.flagged,
        ),
        fitted_on=len(fitted_to.raw),
        measured_on=len(measured),
        before=Fit.of(answers.calibrated(before), answers.unsafe),
        after=Fit.of(answers.calibrated(calibration), answers.unsafe),
    )


def fitted(outcomes: Iterable[Outcome], method: Method = Method.temperature) -> Calibration:
    """Fit one calibration to all questions that were rated.

    Raises:
        UsageError: when there are no unsafe, or no safe images among them.
    """
    return fit(_Answers.of(outcomes), method)


def fit(answers: _Answers, method: Method, by_category: bool = False) -> Calibration:
    """Fit one calibration to all, and with `by_category` one to each category that has enough images.

    Raises:
        UsageError: when there are no unsafe, or no safe images.
    """
    if not answers.unsafe.any() or answers.unsafe.all():
        raise UsageError("Calibration wants unsafe and safe images; label some of both.")
    methods: dict[Method, Callable[[Floats, Bools], Platt | Isotonic]] = {
        Method.temperature: temperature,
        Method.platt: platt,
        Method.isotonic: isotonic,
    }
    single = methods[method]
    categories = {}
    for id in sorted(set(answers.category)) if by_category else ():
        rows = np.array([category == id for category in answers.category])
        if min((rows & answers.unsafe).sum(), (rows & ~answers.unsafe).sum()) >= FEWEST:
            categories[id] = single(answers.raw[rows], answers.unsafe[rows])
    return Calibration(default=single(answers.raw, answers.unsafe), categories=categories)


def store(folder: Path, guard: Guard, calibrated: Calibrated) -> EyewardCard:
    """Write calibration, threshold, band and promise into the card of a checkpoint; return the card.

    Its probe images are judged once more, because their ratings may change with the threshold.

    Raises:
        CheckpointError: when the card cannot be read, or a probe cannot be judged.
    """
    card = EyewardCard.read(folder).model_copy(
        update={
            "calibration": calibrated.calibration,
            "threshold": calibrated.threshold,
            "review_band": calibrated.review_band,
            "promise": calibrated.promise,
        }
    )
    decided = replace(guard, rule=rule_of(card))
    card = card.model_copy(update={"probes": tuple(_judged(probe, decided, folder) for probe in card.probes)})
    card.write(folder)
    return card


def _judged(probe: Probe, guard: Guard, folder: Path) -> Probe:
    verdict = guard.assess(folder / probe.image, policy_of(probe))
    if verdict.rating is None or verdict.category is None:
        reason = verdict.error.message if verdict.error else "it has no category"
        raise CheckpointError(f"The probe {probe.image} cannot be judged, so nothing was written: {reason}")
    return probe.model_copy(update={"rating": verdict.rating, "category": verdict.category})


def _choose(
    outcomes: Sequence[Outcome],
    calibration: Calibration,
    recall: float,
    specificity: float | None,
    confidence: float,
) -> Choice:
    numbers: Mapping[str, int] = {group: n for n, group in enumerate(dict.fromkeys(o.question.group for o in outcomes))}
    verdicts = [outcome.verdict for outcome in outcomes]
    p = [
        np.nan if v.p_unsafe_raw is None else calibration.apply(v.p_unsafe_raw, category_id(v.category))
        for v in verdicts
    ]
    abstained = [v.review is not None and v.review.reason is not ReviewReason.band for v in verdicts]
    scores = Scores(
        p_unsafe=np.array(p, np.float64),
        unsafe=np.array([o.question.rating is Rating.Unsafe for o in outcomes], bool),
        group=np.array([numbers[o.question.group] for o in outcomes], np.int64),
        abstained=np.array(abstained, bool),
    )
    if specificity is None:
        return choose_threshold(scores, recall, confidence)
    return choose_band(scores, recall, specificity, confidence)


def _in_first_half(group: str) -> bool:
    """Sort groups into two halves by their names alone, so that the same images always fall on the same side."""
    return hashlib.sha256(f"calibration {group}".encode()).digest()[0] < 128
