"""From the readings of an image's frames to one verdict: the worst frame counts, and doubt is never Safe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eyeward.engine.rating import RatingRule
from eyeward.guard.profile import Coverage, Reading
from eyeward.verdict import Note, Rating, Review, ReviewReason

_WORST = {Rating.Unsafe: 2, Rating.Review: 1, Rating.Safe: 0}


@dataclass(frozen=True)
class Judgement:
    """What stands in a verdict about one frame."""

    rating: Rating
    category: str
    rationale: str | None
    p_unsafe: float
    p_unsafe_raw: float
    uncertainty: float
    category_probabilities: dict[str, float]
    review: Review | None
    notes: tuple[str, ...] = ()
    given_unsafe: Mapping[str, float] = field(default_factory=dict)
    """By category id: the probability of each, given that the image is Unsafe, whatever its rating."""


def judge_frame(
    reading: Reading,
    rule: RatingRule | None,
    coverage: Coverage,
    scope_distance: float | None = None,
    scope_threshold: float | None = None,
) -> Judgement:
    """Turn a reading into a judgement. Out of scope comes before the review band; either makes it Review.

    A policy that the guard cannot read in full makes every judgement Review: an image may fall under what was not
    read, and words that were not understood may have changed how the others were. Categories that the guard cannot see
    make what would be Safe Review; what it does find stands.
    """
    p_unsafe = reading.p_unsafe_raw
    if rule is not None:
        p_unsafe = rule.calibrated(p_unsafe, likeliest(reading, Rating.Unsafe))
    written = reading.rating or _decided(reading, p_unsafe, rule)
    review = None
    notes: tuple[str, ...] = ()
    if coverage.unknown_words:
        review = Review(reason=ReviewReason.out_of_scope)
        notes = (Note.policy_words_unknown.value,)
    elif coverage.not_covered and written is Rating.Safe:
        review = Review(reason=ReviewReason.out_of_scope)
        notes = (Note.categories_not_covered.value,)
    if scope_distance is not None and scope_threshold is not None and not scope_distance <= scope_threshold:
        review = Review(reason=ReviewReason.out_of_scope, scope_distance=scope_distance)
    if review is None and rule is not None and rule.in_band(p_unsafe):
        review = Review(reason=ReviewReason.band, band=rule.band)
    shown = written if review is None else (Rating.Unsafe if p_unsafe >= 0.5 else Rating.Safe)
    as_written = shown is reading.rating
    return Judgement(
        rating=written if review is None else Rating.Review,
        category=(reading.category if as_written else None) or likeliest(reading, shown),
        rationale=reading.rationale if as_written else None,
        p_unsafe=p_unsafe,
        p_unsafe_raw=reading.p_unsafe_raw,
        uncertainty=reading.uncertainty,
        category_probabilities={label.split(":")[0]: p for label, p in reading.categories[shown].items()},
        review=review,
        notes=notes,
        given_unsafe={label.split(":")[0]: p for label, p in reading.categories[Rating.Unsafe].items()},
    )


def _decided(reading: Reading, p_unsafe: float, rule: RatingRule | None) -> Rating:
    """Rate what was only scored; in parity mode, as who scored it decides, or else the likelier rating."""
    if rule is None:
        return reading.decided or (Rating.Unsafe if p_unsafe >= 0.5 else Rating.Safe)
    return Rating.Unsafe if rule.label(p_unsafe) == rule.positive else Rating.Safe


def likeliest(reading: Reading, rating: Rating) -> str:
    """Return the likeliest category, given a rating."""
    categories = reading.categories[rating]
    return max(categories, key=lambda label: categories[label])


def worst(judgements: Sequence[Judgement]) -> Judgement:
    """Return the judgement that counts: Unsafe before Review before Safe, then the highest probability."""
    return max(judgements, key=lambda judgement: (_WORST[judgement.rating], judgement.p_unsafe))
