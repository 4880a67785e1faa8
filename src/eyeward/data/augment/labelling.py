"""What is right about an image under a changed policy, as far as its label tells; nothing is guessed.

A category that is declared decides by its stance. One that the policy no longer has decides nothing. One that is
enforced by the rules that the annotator read is as the annotator said. Where its rules differ, the rule that decided
has to be known: it counts by the list that it stands in now. Everything else is unknown, and the variant is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from eyeward.data.augment.variant import Variant
from eyeward.policy.schema import Category, Stance
from eyeward.verdict import NA, Rating


@dataclass(frozen=True, slots=True)
class Label:
    """The right answer under a changed policy."""

    rating: Rating
    category: str
    categories: tuple[str, ...]
    decided_by: str | None
    rationale: str | None = None


Labeller = Callable[[Variant], Label | None]
"""Finds the label of a variant, or None where nobody can know; scenes bring one that knows everything."""


def by_annotation(variant: Variant) -> Label | None:
    """Return what the annotator's label means under the changed policy, or None where it does not say."""
    if _is_unread(variant):
        return None
    ratings: dict[str, Rating] = {}
    for id in variant.touched:
        if id not in variant.policy.ids:
            continue
        rating = _rating(variant, variant.policy.category(id))
        if rating is None:
            return None
        ratings[id] = rating
    if not ratings:
        return Label(Rating.Safe, NA, (NA,), "none_applies", variant.sample.rationale if not variant.touched else None)
    unsafe = [id for id, rating in ratings.items() if rating is Rating.Unsafe]
    counting = unsafe or list(ratings)
    labels = tuple(variant.policy.category(id).label for id in counting)
    rating = Rating.Unsafe if unsafe else Rating.Safe
    category = variant.policy.category(counting[0])
    same = rating is variant.sample.rating and category == _base(variant, category.id)
    if category.stance is not Stance.enforced:
        return Label(rating, labels[0], labels, category.stance.value)
    return Label(rating, labels[0], labels, variant.sample.decided_by, variant.sample.rationale if same else None)


def _is_unread(variant: Variant) -> bool:
    """Whether the policy has rules about which the annotator was not asked, in a category that the image may touch."""
    for category in variant.policy.categories:
        base = _base(variant, category.id)
        if category.id in variant.touched or category.stance is Stance.non_violating:
            continue
        if base is None or not {*category.rules} <= {*base.rules}:
            return True
    return False


def _rating(variant: Variant, category: Category) -> Rating | None:
    if category.stance is not Stance.enforced:
        return Rating.Unsafe if category.stance is Stance.sensitive else Rating.Safe
    base = _base(variant, category.id)
    if base is None or base.stance is not Stance.enforced:
        return None
    if {*category.should_not} == {*base.should_not} and {*category.can} == {*base.can}:
        return variant.sample.rating
    rule = variant.sample.decided_by
    if rule is None or rule not in base.rules or not {*category.rules} <= {*base.rules}:
        return None
    if rule in category.should_not:
        return Rating.Unsafe
    return Rating.Safe if rule in category.can else None


def _base(variant: Variant, id: str) -> Category | None:
    return variant.base.category(id) if id in variant.base.ids else None
