"""What the labels of other guards mean in the categories of the default policy, and which categories they leave out."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from eyeward.guard.profile import Coverage, Reading
from eyeward.policy import Category, Policy, Stance
from eyeward.verdict import NA, Rating

FOLDER = Path(__file__).parent / "crosswalks"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Cover(StrEnum):
    """How much of a category a guard sees in images."""

    whole = "whole"
    """By its own definition, which is not the policy's: rules are not read."""
    part = "part"
    """What it finds counts; what it does not find says nothing."""
    none = "none"


class CategoryCover(_Record):
    """A category of the default policy, as a guard sees it."""

    name: str
    """A category with another name has another meaning, whatever its id."""
    cover: Cover
    because: str


class LabelMeaning(_Record):
    """A label of a guard."""

    title: str = ""
    """What the guard's own list calls it, where that is not the label itself."""
    means: tuple[str, ...] = ()
    """Ids of categories; none for what no category is about."""
    images: bool = True
    """Whether the guard looks for it in images; a score for an image is worth nothing where it does not."""


class Crosswalk(_Record):
    """From the labels of one guard to categories."""

    guard: str
    source: str
    """Where the labels were published."""
    categories: Mapping[str, CategoryCover]
    labels: Mapping[str, LabelMeaning] = Field(min_length=1)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        seen = {id for label in self.labels.values() if label.images for id in label.means}
        unknown = {id for label in self.labels.values() for id in label.means} - set(self.categories)
        if unknown:
            raise ValueError(f"labels mean {', '.join(sorted(unknown))}, which are no categories of this crosswalk")
        for id, category in self.categories.items():
            if (category.cover is Cover.none) is (id in seen):
                wrong = "no label for images means it" if id not in seen else "a label for images means it"
                raise ValueError(f"{id} has the cover {category.cover.value!r}, but {wrong}")
        return self

    @classmethod
    @lru_cache(maxsize=16)
    def load(cls, guard: str) -> Self:
        """Load the crosswalk that ships for a guard."""
        return cls.model_validate(yaml.safe_load((FOLDER / f"{guard}.yaml").read_text(encoding="utf-8")))

    @property
    def seen_labels(self) -> tuple[str, ...]:
        """The labels that the guard looks for in images."""
        return tuple(label for label, meaning in self.labels.items() if meaning.images)

    def coverage(self, policy: Policy) -> Coverage:
        """Say which categories of a policy the guard sees.

        A category in which everything is allowed is covered by any guard: nothing has to be seen in it. One in which
        nothing is allowed is covered in part at best: guards look for what is forbidden, not for the rest of it.
        """
        found = {category.id: self._cover(category) for category in policy.categories}
        return Coverage(
            covered=tuple(id for id, cover in found.items() if cover is Cover.whole),
            not_covered=tuple(id for id, cover in found.items() if cover is not Cover.whole),
            partly=tuple(id for id, cover in found.items() if cover is Cover.part),
        )

    def reading(self, policy: Policy, scores: Mapping[str, float]) -> Reading:
        """Read the scores of labels, each a probability of its own.

        `p_unsafe` is the highest score of a label that means a category in which anything is forbidden.
        """
        by_category = {
            category.id: max(
                (scores[label] for label, meaning in self.labels.items() if label in scores and id in meaning.means),
                default=0.0,
            )
            for category in policy.categories
            for id in [self._own_id(category)]
        }
        return reading_of(policy, by_category)

    def shared_reading(self, policy: Policy, p_unsafe: float, given_unsafe: Mapping[str, float]) -> Reading:
        """Read the probability of Unsafe and those of labels given Unsafe, which add up to one.

        A label that means several categories of the policy is shared evenly among those in which anything is forbidden.
        """
        by_category: dict[str, float] = {}
        forbidden = {c.id for c in policy.categories if c.stance is not Stance.non_violating}
        own = {c.id for c in policy.categories if self._own_id(c) is not None}
        for label, share in given_unsafe.items():
            meant = [id for id in self.labels[label].means if id in own]
            meant = [id for id in meant if id in forbidden] or meant
            for id in meant:
                by_category[id] = by_category.get(id, 0.0) + share / len(meant)
        return shared_reading(policy, p_unsafe, by_category)

    def _own_id(self, category: Category) -> str | None:
        own = self.categories.get(category.id)
        return category.id if own is not None and own.name == category.name else None

    def _cover(self, category: Category) -> Cover:
        if category.stance is Stance.non_violating:
            return Cover.whole
        id = self._own_id(category)
        cover = Cover.none if id is None else self.categories[id].cover
        return Cover.part if category.stance is Stance.sensitive and cover is Cover.whole else cover


def reading_of(policy: Policy, scores: Mapping[str, float]) -> Reading:
    """Read scores of categories, by id, each a probability of its own; the worst that is forbidden counts.

    Nothing was written, so that the rating is left to threshold and band.
    """
    touched, violated = _by_label(policy, scores)
    most = max(touched.values())
    return Reading(
        rating=None,
        category=None,
        p_unsafe_raw=max(violated.values(), default=0.0),
        categories={
            Rating.Unsafe: _shares(violated or touched),
            Rating.Safe: {**{label: most * share for label, share in _shares(touched).items()}, NA: 1.0 - most},
        },
        rationale=None,
    )


def shared_reading(policy: Policy, p_unsafe: float, given_unsafe: Mapping[str, float]) -> Reading:
    """Read the probability of Unsafe in a model's own sense, and those of categories, by id, given that.

    What lies on allowed categories, or on none of the policy's, is no violation.
    """
    touched, violated = _by_label(policy, given_unsafe)
    return Reading(
        rating=None,
        category=None,
        p_unsafe_raw=p_unsafe * min(1.0, sum(violated.values())),
        categories={
            Rating.Unsafe: _shares(violated or touched),
            Rating.Safe: {
                **{label: p_unsafe * share for label, share in touched.items()},
                NA: max(0.0, 1.0 - p_unsafe * sum(touched.values())),
            },
        },
        rationale=None,
    )


def _by_label(policy: Policy, scores: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """Return the scores of all categories by label, and of those in which anything is forbidden."""
    allowed = {category.label for category in policy.categories if category.stance is Stance.non_violating}
    touched = {category.label: scores.get(category.id, 0.0) for category in policy.categories}
    return touched, {label: score for label, score in touched.items() if label not in allowed}


def _shares(scores: Mapping[str, float]) -> dict[str, float]:
    total = sum(scores.values())
    return {label: score / total if total else 1.0 / len(scores) for label, score in scores.items()}
