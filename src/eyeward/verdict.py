"""What a guard says about one image under one policy: the same record in Python, in files and over HTTP."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from eyeward.errors import ErrorType

__all__ = [
    "NA",
    "ErrorType",
    "Failure",
    "ModelRef",
    "Note",
    "PolicyRef",
    "Rating",
    "Review",
    "ReviewReason",
    "Status",
    "Verdict",
]

NA = "NA: None applying"
"""The category label of an image that touches no category of the policy."""

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class Rating(StrEnum):
    """`Review` is an abstention, not a middle: whoever counts, counts it as wrong."""

    Safe = "Safe"
    Unsafe = "Unsafe"
    Review = "Review"


class Status(StrEnum):
    """`error` means that there is no rating; nothing downstream may read it as Safe."""

    ok = "ok"
    error = "error"


class ReviewReason(StrEnum):
    """Why a guard abstains: unsure, out of what it knows, or frames left that nobody judged."""

    band = "band"
    out_of_scope = "out_of_scope"
    frames = "frames"


class Note(StrEnum):
    """Codes that may stand in `notes`; `docs/verdict.md` has a line for each."""

    exif_rotated = "exif_rotated"
    alpha_on_white_and_black = "alpha_on_white_and_black"
    several_frames = "several_frames"
    frames_sampled = "frames_sampled"
    reduced_to_8_bit = "reduced_to_8_bit"
    converted_cmyk = "converted_cmyk"
    hash_match = "hash_match"
    policy_words_unknown = "policy_words_unknown"
    categories_not_covered = "categories_not_covered"
    rationale_cut = "rationale_cut"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Failure(_Record):
    """Why an image was not judged: a type for machines, a sentence for people."""

    type: ErrorType
    message: str = Field(min_length=1)


class PolicyRef(_Record):
    """Names the policy that was applied; `hash` is the sha256 of its canonical form."""

    name: str
    version: int
    hash: str


class ModelRef(_Record):
    """Names the weights and where they ran."""

    name: str
    revision: str | None = None
    engine: str


class Review(_Record):
    """Says why a rating is `Review`; `band` and `scope_distance` are given where they led to it."""

    reason: ReviewReason
    band: tuple[Probability, Probability] | None = None
    scope_distance: float | None = None


class Verdict(_Record):
    """One judgement, or the error that stands in its place. The keys of its JSON never vary.

    `category` is what the content falls under whatever the rating, as a full label. `p_unsafe` is calibrated where the
    guard carries a calibration and equals `p_unsafe_raw` where not; both are null where a guard gives no
    probability. `uncertainty` is the probability mass that the engine could not see. `category_probabilities` is
    conditional on the rating that was written and keyed by category id.
    """

    image: str | None
    sha256: str | None = None
    status: Status
    rating: Rating | None
    category: str | None = None
    rationale: str | None = None
    p_unsafe: Probability | None = None
    p_unsafe_raw: Probability | None = None
    uncertainty: Probability = 0.0
    category_probabilities: dict[str, Probability] = Field(default_factory=dict)
    threshold: Probability | None = None
    review: Review | None = None
    frames_judged: int = Field(default=0, ge=0)
    notes: tuple[str, ...] = ()
    policy: PolicyRef
    prompt_hash: str | None = None
    model: ModelRef
    seconds: float | None = Field(default=None, ge=0.0)
    error: Failure | None = None

    @classmethod
    def failed(
        cls,
        failure: Failure,
        *,
        image: str | None,
        policy: PolicyRef,
        model: ModelRef,
        sha256: str | None = None,
        notes: tuple[str, ...] = (),
        seconds: float | None = None,
    ) -> Self:
        """Return the verdict of an image that could not be judged."""
        return cls(
            image=image,
            sha256=sha256,
            status=Status.error,
            rating=None,
            notes=notes,
            policy=policy,
            model=model,
            seconds=seconds,
            error=failure,
        )

    @property
    def flagged(self) -> bool:
        """True unless the image was rated Safe: `Unsafe`, `Review` and errors are all flagged."""
        return self.rating is not Rating.Safe

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.status is Status.error:
            if self.error is None:
                raise ValueError("a verdict with status 'error' must carry the error")
            if self.rating is not None or self.category is not None or self.p_unsafe is not None:
                raise ValueError("a verdict with status 'error' has no rating, category or probability")
            if self.review is not None:
                raise ValueError("a verdict with status 'error' has no review")
            return self
        if self.error is not None:
            raise ValueError("a verdict that carries an error must have status 'error'")
        if self.rating is None:
            raise ValueError("a verdict with status 'ok' must have a rating")
        if (self.rating is Rating.Review) != (self.review is not None):
            raise ValueError("the rating 'Review' and the field review go together")
        if self.rating is Rating.Unsafe and self.category == NA:
            raise ValueError(f"the rating 'Unsafe' never goes with the category {NA!r}")
        return self
