"""Steps of an augmentation: each changes the policy of a variant and says how, or does not apply to it.

A step knows nothing of labels: what is right under the changed policy is for `labelling` to find. The same random state
gives the same step.
"""

from __future__ import annotations

import random
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from eyeward.data.augment.variant import Variant
from eyeward.data.changes import (
    CategoriesReordered,
    CategoryRemoved,
    CategoryRenamed,
    PolicyChosen,
    RuleMoved,
    StanceChanged,
    WordingChanged,
)
from eyeward.policy.schema import Policy, RuleList, Stance
from eyeward.verdict import Rating


class Count(BaseModel):
    """From how many to how many, each as likely."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    least: int = Field(ge=0)
    most: int = Field(ge=0)

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.least > self.most:
            raise ValueError("least must not be above most")
        return self

    def draw(self, rng: random.Random, among: tuple[str, ...]) -> tuple[str, ...] | None:
        """Return some of `among` in their order, or None when there are too few."""
        if len(among) < self.least:
            return None
        chosen = set(rng.sample(among, rng.randint(self.least, min(self.most, len(among)))))
        return tuple(item for item in among if item in chosen)


class _Step(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DeclareOwn(_Step):
    """Give every category that the image touches a stance, and some others the same one."""

    step: Literal["declare_own"] = "declare_own"
    stance: Stance
    others: Count = Count(least=0, most=0)

    def apply(self, variant: Variant, rng: random.Random) -> Variant | None:
        """Apply to images that this turns around: unsafe ones for an exception, allowed ones for a ban."""
        turned = Rating.Safe if self.stance is Stance.sensitive else Rating.Unsafe
        own = tuple(id for id in variant.touched if id in variant.policy.ids)
        others = self.others.draw(rng, variant.open)
        if variant.sample.rating is not turned or not own or others is None:
            return None
        return _declared(variant, self.stance, (*own, *others))


class DeclareOthers(_Step):
    """Give some categories that the image does not touch a stance: its label stays."""

    step: Literal["declare_others"] = "declare_others"
    stance: Stance
    count: Count = Count(least=1, most=3)
    ratings: tuple[Rating, ...] = (Rating.Safe, Rating.Unsafe)
    """The samples that it applies to."""

    def apply(self, variant: Variant, rng: random.Random) -> Variant | None:
        """Apply where there are enough such categories."""
        others = self.count.draw(rng, variant.open)
        if variant.sample.rating not in self.ratings or not others:
            return None
        return _declared(variant, self.stance, others)


class MoveDecidingRule(_Step):
    """Move the rule that decides the image to the other list of its category."""

    step: Literal["move_deciding_rule"] = "move_deciding_rule"

    def apply(self, variant: Variant, rng: random.Random) -> Variant | None:
        """Apply where the annotator said which rule decides."""
        rule = variant.sample.decided_by
        for id in variant.touched:
            if id in variant.policy.ids and rule in variant.policy.category(id).rules:
                return _moved(variant, id, rule)
        return None


class MoveOtherRules(_Step):
    """Move rules of categories that the image does not touch: its label stays."""

    step: Literal["move_other_rules"] = "move_other_rules"
    count: Count = Count(least=1, most=3)

    def apply(self, variant: Variant, rng: random.Random) -> Variant | None:
        """Apply where there are enough such categories, one rule of each."""
        chosen = self.count.draw(rng, variant.open)
        if not chosen:
            return None
        moved = variant
        for id in chosen:
            rules = moved.policy.category(id).rules
            if rules:
                moved = _moved(moved, id, rng.choice(rules))
        return moved if moved is not variant else None


class RemoveCategories(_Step):
    """Take categories out of the policy: the image's own ones, or others."""

    step: Literal["remove_categories"] = "remove_categories"
    own: bool = False
    count: Count = Count(least=1, most=3)
    """How many others; with `own`, besides those."""

    def apply(self, variant: Variant, rng: random.Random) -> Variant | None:
        """Apply where a category is left."""
        own = tuple(id for id in variant.touched if id in variant.policy.ids) if self.own else ()
        others = self.count.draw(rng, variant.open)
        if others is None or (self.own and not own) or not (own or others):
            return None
        gone = (*own, *others)
        if len(gone) >= len(variant.policy.ids):
            return None
        policy = variant.policy.without(*gone)
        return variant.with_(policy, *(CategoryRemoved(category=id) for id in gone))


class Reorder(_Step):
    """Put the categories in another order: the label stays."""

    step: Literal["reorder"] = "reorder"

    def apply(self, variant: Variant, rng: random.Random) -> Variant | None:
        """Apply where there is another order."""
        order = tuple(rng.sample(variant.policy.ids, len(variant.policy.ids)))
        if order == variant.policy.ids:
            return None
        return variant.with_(variant.policy.reorder(order), CategoriesReordered(order=order))


class Rename(_Step):
    """Give categories other names: the rating stays, the label is written with the new name."""

    step: Literal["rename"] = "rename"
    names: dict[str, tuple[str, ...]]
    """Names by id."""
    count: Count = Count(least=1, most=3)

    def apply(self, variant: Variant, rng: random.Random) -> Variant | None:
        """Apply where a category has another name to get."""
        known = tuple(
            category.id
            for category in variant.policy.categories
            if [name for name in self.names.get(category.id, ()) if name != category.name]
        )
        chosen = self.count.draw(rng, known)
        if not chosen:
            return None
        policy, changes = variant.policy, []
        for id in chosen:
            name = rng.choice([name for name in self.names[id] if name != policy.category(id).name])
            policy = policy.rename(id, name)
            changes.append(CategoryRenamed(category=id, to=name))
        return variant.with_(policy, *changes)


class ChoosePolicy(_Step):
    """Start from another policy, such as a pack."""

    step: Literal["choose_policy"] = "choose_policy"
    policies: tuple[str, ...]
    """Packs, or YAML files."""

    def apply(self, variant: Variant, rng: random.Random) -> Variant | None:
        """Apply as the first step only: what others changed would be lost."""
        if variant.changes:
            return None
        policy = Policy.load(rng.choice(self.policies))
        if policy.hash == variant.policy.hash:
            return None
        return variant.with_(policy, PolicyChosen(name=policy.name))


class StartWith(_Step):
    """Begin the prompt with another sentence: the label stays."""

    step: Literal["start_with"] = "start_with"
    sentences: tuple[str, ...]

    def apply(self, variant: Variant, rng: random.Random) -> Variant | None:
        """Apply always."""
        change = WordingChanged(field="start_sentence", to=rng.choice(self.sentences))
        return variant.with_(variant.policy, change)


Step = Annotated[
    DeclareOwn
    | DeclareOthers
    | MoveDecidingRule
    | MoveOtherRules
    | RemoveCategories
    | Reorder
    | Rename
    | ChoosePolicy
    | StartWith,
    Field(discriminator="step"),
]


def _declared(variant: Variant, stance: Stance, ids: tuple[str, ...]) -> Variant:
    policy = variant.policy.with_stance(stance, *ids)
    return variant.with_(policy, *(StanceChanged(category=id, to=stance) for id in ids))


def _moved(variant: Variant, id: str, rule: str) -> Variant:
    to: RuleList = "can" if rule in variant.policy.category(id).should_not else "should_not"
    return variant.with_(variant.policy.move_rule(id, rule, to), RuleMoved(category=id, rule=rule, to=to))
