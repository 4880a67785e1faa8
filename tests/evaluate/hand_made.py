"""Outcomes made by hand: what is right, and what a guard said."""

from __future__ import annotations

from eyeward.data.changes import Change, StanceChanged
from eyeward.errors import ErrorType
from eyeward.evaluate.outcome import Outcome, Question
from eyeward.evaluate.table import OutcomeTable
from eyeward.policy import Policy, Stance
from eyeward.verdict import NA, Failure, ModelRef, Rating, Review, ReviewReason, Status, Verdict

POLICY = Policy.load("default")
WEAPONS = "O6: Weapons or Substance Abuse"
NUDITY = "O4: Nudity Content"
MODEL = ModelRef(name="hand", revision="1", engine="none")
EXEMPT: tuple[Change, ...] = (StanceChanged(category="O6", to=Stance.non_violating),)

SAFE, UNSAFE, REVIEW = Rating.Safe, Rating.Unsafe, Rating.Review


def said(
    rating: Rating | ErrorType,
    p_unsafe: float | None = None,
    category: str | None = None,
    rationale: str | None = None,
    policy: Policy = POLICY,
    image: str = "a.png",
) -> Verdict:
    """Make a verdict: a rating, or the type of an error."""
    if isinstance(rating, ErrorType):
        failure = Failure(type=rating, message="It went wrong.")
        return Verdict.failed(failure, image=image, policy=policy.ref, model=MODEL)
    shown = {SAFE: 0.1, UNSAFE: 0.9, REVIEW: 0.5}[rating] if p_unsafe is None else p_unsafe
    return Verdict(
        image=image,
        status=Status.ok,
        rating=rating,
        category=category or (WEAPONS if rating is UNSAFE else NA),
        rationale=rationale,
        p_unsafe=shown,
        p_unsafe_raw=shown,
        review=Review(reason=ReviewReason.band, band=(0.4, 0.6)) if rating is REVIEW else None,
        frames_judged=1,
        policy=policy.ref,
        model=MODEL,
    )


def outcome(
    truth: Rating,
    verdict: Verdict,
    image: str = "a.png",
    group: str | None = None,
    category: str | None = None,
    changes: tuple[Change, ...] = (),
    unchanged: Rating | None = None,
    severity: str | None = None,
    number: int = 0,
    guard: str = "hand",
) -> Outcome:
    """Put a verdict beside what is right."""
    question = Question(
        number=number,
        image=image,
        group=group or image,
        policy_hash=verdict.policy.hash,
        changes=changes,
        rating=truth,
        category=category or (WEAPONS if truth is UNSAFE else NA),
        severity=severity,
        unchanged_rating=unchanged if changes else truth,
    )
    return Outcome(question=question, guard=guard, verdict=verdict.model_copy(update={"image": image}))


def table(*pairs: tuple[Rating, Verdict]) -> OutcomeTable:
    """Lay out images that each stand for themselves."""
    return OutcomeTable.of([outcome(truth, verdict, f"{number}.png") for number, (truth, verdict) in enumerate(pairs)])


def counted(tp: int, fn: int, fp: int, tn: int) -> list[tuple[Rating, Verdict]]:
    """Return pairs that make these four counts."""
    return (
        [(UNSAFE, said(UNSAFE))] * tp
        + [(UNSAFE, said(SAFE))] * fn
        + [(SAFE, said(UNSAFE))] * fp
        + [(SAFE, said(SAFE))] * tn
    )
