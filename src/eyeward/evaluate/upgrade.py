"""May one guard take the place of another? A gate: not worse by more than a margin, and canaries keep their verdict."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from eyeward.evaluate.intervals import RESAMPLES, paired_interval
from eyeward.evaluate.outcome import Outcome, OutcomeKind
from eyeward.evaluate.paired import Comparison, compare
from eyeward.verdict import ModelRef, Rating

FILE_NAME = "diff.json"
GUARDED = {"recall": Rating.Unsafe, "specificity": Rating.Safe}
"""What may not fall, over the questions that are so. Balanced accuracy is not enough: one may fall while the other
rises."""
MOST_NAMED = 50


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Changed(_Record):
    """A question that both guards answer differently."""

    image: str
    policy: str
    """Hash."""
    truth: str
    before: str
    after: str
    """A rating, or what stands in its place."""


class Upgrade(_Record):
    """What stands in `diff.json`."""

    before: ModelRef
    after: ModelRef
    margin: float
    questions: int
    broken: int
    """Right before, wrong now."""
    mended: int
    otherwise: int
    """Wrong both times, and not in the same way."""
    named: tuple[Changed, ...]
    """Broken ones first; at most fifty."""
    comparison: Comparison
    """Differences are after minus before."""
    canaries: int
    canaries_changed: tuple[Changed, ...]
    unseen: dict[str, float]
    """Where no rating of recall or specificity moved: how far it could have fallen all the same, with 95 %. Few
    questions show little."""
    reasons: tuple[str, ...]
    """Why it may not take the place; empty where it may."""

    @property
    def passed(self) -> bool:
        """Whether it may."""
        return not self.reasons


def upgrade(
    before: Sequence[Outcome],
    after: Sequence[Outcome],
    names: tuple[str, str],
    margin: float,
    canaries: tuple[Sequence[Outcome], Sequence[Outcome]] = ((), ()),
    resamples: int = RESAMPLES,
) -> Upgrade:
    """Compare a guard with the one that is to follow it, on the same questions in the same order.

    Recall and specificity may not be lower by more than the margin: the whole interval of 95 % of the difference must
    lie above minus the margin, so that few questions pass nothing that moves. Where nothing moves, `unseen` says what
    that is worth. What was not measured does not pass: a kind of questions that is missing, answers that are, a canary
    that could not be judged. Labels play no part for canaries.

    Raises:
        UsageError: when the questions have nothing in common.
    """
    comparison = compare(after, before, (names[1], names[0]), resamples)
    pairs = list(zip(before, after, strict=True))
    reasons, unseen = _measured(pairs, margin)
    silent = sum(_failed(two) for _, two in pairs)
    if silent > margin * len(pairs):
        reasons.append(f"{silent} of {len(pairs)} questions got no answer from {names[1]}; see to them and ask again.")
    kept = list(zip(*canaries, strict=True))
    moved = [_changed(one, two) for one, two in kept if _said(one) != _said(two)]
    if moved:
        reasons.append(f"{len(moved)} of {len(kept)} canaries changed their verdict.")
    unjudged = sum(_failed(one) and _said(one) == _said(two) for one, two in kept)
    if unjudged:
        reasons.append(f"{unjudged} of {len(kept)} canaries could not be judged by either guard.")
    broken = [(one, two) for one, two in pairs if one.right and not two.right]
    mended = [(one, two) for one, two in pairs if two.right and not one.right]
    otherwise = [(one, two) for one, two in pairs if not one.right and not two.right and _said(one) != _said(two)]
    named = [_changed(one, two) for one, two in (*broken, *otherwise, *mended)][:MOST_NAMED]
    return Upgrade(
        before=before[0].verdict.model,
        after=after[0].verdict.model,
        margin=margin,
        questions=len(pairs),
        broken=len(broken),
        mended=len(mended),
        otherwise=len(otherwise),
        named=tuple(named),
        comparison=comparison,
        canaries=len(canaries[0]),
        canaries_changed=tuple(moved),
        unseen=unseen,
        reasons=tuple(reasons),
    )


def _measured(pairs: Sequence[tuple[Outcome, Outcome]], margin: float) -> tuple[list[str], dict[str, float]]:
    """Return why recall or specificity do not pass, and how far those could have fallen for which nothing moved."""
    reasons: list[str] = []
    unseen: dict[str, float] = {}
    for name, truth in GUARDED.items():
        asked = [(one, two) for one, two in pairs if one.question.rating is truth]
        gains = np.array([float(two.right) - one.right for one, two in asked], np.float64)
        numbers = {group: number for number, group in enumerate({one.question.group for one, _ in asked})}
        interval = paired_interval(gains, np.array([numbers[one.question.group] for one, _ in asked], np.int64))
        if interval is None:
            reasons.append(f"{name} was not measured: no question is {truth.value}. Add images that are.")
        elif not gains.any():
            unseen[name] = -interval[0]
        elif interval[0] < -margin:
            reasons.append(
                f"{name} may be lower by more than {margin:.3f}: the difference is {gains.mean():+.3f}, and its "
                f"interval begins at {interval[0]:+.3f}."
            )
    return reasons, unseen


def _failed(outcome: Outcome) -> bool:
    return outcome.kind in (OutcomeKind.failed, OutcomeKind.unparsable)


def _said(outcome: Outcome) -> str:
    rating = outcome.verdict.rating
    return outcome.kind.value if rating is None else rating.value


def _changed(one: Outcome, two: Outcome) -> Changed:
    question = one.question
    return Changed(
        image=question.image,
        policy=question.policy_hash,
        truth=question.rating.value,
        before=_said(one),
        after=_said(two),
    )
