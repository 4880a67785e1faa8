"""What came of each question: a question is an image under a policy, an outcome is what a guard said to it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from eyeward.data.changes import Change
from eyeward.errors import ErrorType
from eyeward.verdict import Rating, Status, Verdict


class OutcomeKind(StrEnum):
    """Whether a question was answered. Only `ok` can be right; all of them stay in every denominator."""

    ok = "ok"
    unparsable = "unparsable"
    """The model wrote something that is no answer."""
    failed = "failed"
    """The image or the engine failed."""
    review = "review"
    """The guard abstained."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Question(_Record):
    """An image under a policy, with the right answer."""

    number: int = Field(ge=0)
    """Place among the questions of a run."""
    image: str
    """As the labels name it."""
    group: str
    """Images of one group are not independent of each other; intervals treat them as one."""
    policy_hash: str
    changes: tuple[Change, ...] = ()
    """How the policy differs from the one that the labels were made under; empty where it does not."""
    rating: Rating
    category: str
    severity: str | None = None
    unchanged_rating: Rating | None = None
    """What is right for this image under the unchanged policy; None where nobody knows."""


class Outcome(_Record):
    """A question with what a guard said."""

    question: Question
    guard: str
    """What the run calls the guard; two checkpoints may have one name in their verdicts."""
    verdict: Verdict

    @property
    def kind(self) -> OutcomeKind:
        """What came of it."""
        return kind_of(self.verdict)

    @property
    def right(self) -> bool:
        """Whether the rating is right; what is no rating is wrong."""
        return self.kind is OutcomeKind.ok and self.verdict.rating is self.question.rating


def kind_of(verdict: Verdict) -> OutcomeKind:
    """Sort a verdict."""
    if verdict.status is Status.error:
        unreadable = verdict.error is not None and verdict.error.type is ErrorType.unparsable_answer
        return OutcomeKind.unparsable if unreadable else OutcomeKind.failed
    return OutcomeKind.review if verdict.rating is Rating.Review else OutcomeKind.ok


def category_id(label: str | None) -> str:
    """Return what stands before the colon of a label; policies may name one category differently."""
    return "" if label is None else label.partition(":")[0].strip()
