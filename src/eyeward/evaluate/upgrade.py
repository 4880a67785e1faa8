"""May one guard take the place of another? A gate: not worse by more than a margin, and canaries keep their verdict."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from eyeward.evaluate.intervals import RESAMPLES
from eyeward.evaluate.outcome import Outcome
from eyeward.evaluate.paired import Comparison, compare
from eyeward.verdict import ModelRef

FILE_NAME = "diff.json"
GUARDED = ("recall", "specificity")
"""What may not fall. Balanced accuracy is not enough: one of the two may fall while the other rises."""
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
    lie above minus the margin, so that few questions pass nothing. Labels play no part for canaries.

    Raises:
        UsageError: when the questions have nothing in common.
    """
    comparison = compare(after, before, (names[1], names[0]), resamples)
    reasons = []
    for name in GUARDED:
        difference = comparison.differences[name]
        low = difference.value if difference.low is None else difference.low
        if difference.value is not None and low is not None and low < -margin:
            reasons.append(
                f"{name} may be lower by more than {margin:.3f}: the difference is {difference.value:+.3f}, and its "
                f"interval begins at {low:+.3f}."
            )
    moved = [_changed(one, two) for one, two in zip(*canaries, strict=True) if _said(one) != _said(two)]
    if moved:
        reasons.append(f"{len(moved)} of {len(canaries[0])} canaries changed their verdict.")
    pairs = list(zip(before, after, strict=True))
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
        reasons=tuple(reasons),
    )


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
