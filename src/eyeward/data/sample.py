"""One labelled image: the record that stands in `labels.jsonl`, whoever wrote it, and what it may not say."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from functools import cache
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, field_validator, model_validator

from eyeward.data.changes import Change, WordingChanged, wording_changes
from eyeward.data.rationales.origin import RationaleOrigin
from eyeward.errors import PolicyError
from eyeward.policy.schema import Policy
from eyeward.verdict import NA, Rating

_HASH = re.compile(r"[0-9a-f]{64}")

Asked = tuple[str, tuple[WordingChanged, ...]]
"""The hash of a policy, empty for the default one, and the sentences around it that differ from ours."""


class Severity(StrEnum):
    """How bad an image is for a human labeller; the two upper levels are unsafe."""

    HIGHLY_UNSAFE = "highly_unsafe"
    MODERATELY_UNSAFE = "moderately_unsafe"
    BARELY_SAFE = "barely_safe"
    GENERALLY_SAFE = "generally_safe"

    @property
    def rating(self) -> Rating:
        """What an image of this severity is rated under the policy that the labeller read."""
        return Rating.Unsafe if self in (Severity.HIGHLY_UNSAFE, Severity.MODERATELY_UNSAFE) else Rating.Safe


class Split(StrEnum):
    """The side that a sample stands on."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class Contradiction(StrEnum):
    """How the fields of one label can disagree; the closed list that reports count by."""

    unsafe_without_category = "unsafe_without_category"
    severity_against_rating = "severity_against_rating"
    category_not_among_categories = "category_not_among_categories"
    none_beside_others = "none_beside_others"
    rating_is_no_label = "rating_is_no_label"


def contradiction(
    rating: Rating,
    category: str,
    categories: tuple[str, ...] = (),
    severity: Severity | None = None,
    changed: bool = False,
) -> tuple[Contradiction, str] | None:
    """Return how the fields of a label disagree, with a sentence, or None.

    `changed` says that the policy is not the one which the labeller read: the severity is then no word on the rating.
    """
    if rating is Rating.Review:
        return Contradiction.rating_is_no_label, "A label is Safe or Unsafe; Review is what a guard says."
    if rating is Rating.Unsafe and category == NA:
        return (
            Contradiction.unsafe_without_category,
            f"Unsafe goes with no {NA!r}; name the category.",
        )
    if severity is not None and not changed and severity.rating is not rating:
        sentence = f"The rating is {rating} and the severity {severity}, which means {severity.rating}."
        return Contradiction.severity_against_rating, sentence
    if categories and category not in categories:
        return Contradiction.category_not_among_categories, f"The category {category!r} is not among {categories}."
    if NA in categories and len(set(categories)) > 1:
        return Contradiction.none_beside_others, f"{NA!r} stands beside categories that apply: {categories}."
    return None


def _policy_or_hash(value: object) -> object:
    if isinstance(value, str) and not _HASH.fullmatch(value):
        raise ValueError("is neither a policy nor the sha256 of one")
    if isinstance(value, dict):
        try:
            value = Policy.model_validate(value)
        except PolicyError as problem:
            raise ValueError(problem.message) from None
    named = value.hash if isinstance(value, Policy) else value
    return None if named == _default_hash() else value


@cache
def _default_hash() -> str:
    return Policy.load("default").hash


class Sample(BaseModel):
    """One labelled image, with the keys of `labels.jsonl` in their order."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    image: str = Field(min_length=1)
    """Path relative to the folder of the labels, with forward slashes."""
    category: str = Field(min_length=1)
    """Full label as in the policy, or `NA: None applying`."""
    categories: tuple[str, ...] = ()
    """All that apply, worst first; empty where the annotator named one only."""
    rating: Rating
    severity: Severity | None = None
    rationale: str | None = None
    decided_by: str | None = None
    """The words of the deciding rule, or the stance, or `none_applies` or `no_rule`."""
    scene: dict[str, JsonValue] | None = None
    """The graph of a drawn scene, as `SceneGraph.to_record` gives it."""
    split: Split | None = None
    annotator: str | None = None
    source: str | None = None
    licence: str | None = None
    group: str = Field(min_length=1)
    """Images of one group stay on one side of every split."""
    policy: Annotated[Policy | str | None, BeforeValidator(_policy_or_hash)] = None
    """None for the default policy, however a row names it; else the policy itself or the hash of one in
    `policies.jsonl`. So two labels under it are seen to be under one policy."""
    changes: tuple[Change, ...] = ()
    """How the policy differs from the one that the labeller read; empty for a sample that is not augmented."""
    rationale_from: RationaleOrigin | None = None
    """Who wrote the rationale, and after what attempts; None where nobody recorded it."""

    @field_validator("image")
    @classmethod
    def _stays_in_the_folder(cls, image: str) -> str:
        if image.startswith("/") or ".." in image.split("/"):
            raise ValueError("leads out of the folder of the labels; put the image inside")
        return image

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        changed = bool(self.changes)
        found = contradiction(self.rating, self.category, self.categories, self.severity, changed)
        if found is not None:
            raise ValueError(f"{found[0]}: {found[1]}")
        if self.rationale_from is not None and self.rationale is None:
            raise ValueError("rationale_from tells of a rationale that is not there; take it away")
        return self

    @property
    def augmented(self) -> bool:
        """Whether the policy is not the one that the labeller read."""
        return bool(self.changes)

    @property
    def policy_hash(self) -> str | None:
        """The hash of the policy, None for the default one."""
        return self.policy.hash if isinstance(self.policy, Policy) else self.policy

    @property
    def asked(self) -> Asked:
        """What tells it from other samples of its image: the policy, and the words around it."""
        return self.policy_hash or "", wording_changes(self.changes)

    def to_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))
