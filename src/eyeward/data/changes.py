"""What was changed in the policy of an augmented sample: one record a change, told apart by `kind`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from eyeward.policy.schema import Policy, RuleList, Stance
from eyeward.policy.wording import Reworded


class _Change(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StanceChanged(_Change):
    """A category was declared, or enforced again."""

    kind: Literal["stance_changed"] = "stance_changed"
    category: str
    to: Stance


class CategoryRemoved(_Change):
    """The policy no longer has this category."""

    kind: Literal["category_removed"] = "category_removed"
    category: str


class CategoryRenamed(_Change):
    """A category has another name; its id stays."""

    kind: Literal["category_renamed"] = "category_renamed"
    category: str
    to: str


class CategoriesReordered(_Change):
    """The categories stand in another order."""

    kind: Literal["categories_reordered"] = "categories_reordered"
    order: tuple[str, ...]
    """All ids, as they stand now."""


class RuleAdded(_Change):
    """A rule that the base does not have."""

    kind: Literal["rule_added"] = "rule_added"
    category: str
    rule: str
    to: RuleList


class RuleRemoved(_Change):
    """A rule of the base that is gone."""

    kind: Literal["rule_removed"] = "rule_removed"
    category: str
    rule: str


class RuleMoved(_Change):
    """A rule stands in the other list of its category."""

    kind: Literal["rule_moved"] = "rule_moved"
    category: str
    rule: str
    to: RuleList


class RuleReworded(_Change):
    """A rule says the same in other words."""

    kind: Literal["rule_reworded"] = "rule_reworded"
    category: str
    rule: str
    """The words that it has now."""


class RulesReordered(_Change):
    """The rules of a category stand in another order."""

    kind: Literal["rules_reordered"] = "rules_reordered"
    category: str


class PolicyChosen(_Change):
    """Another policy altogether, such as a pack."""

    kind: Literal["policy_chosen"] = "policy_chosen"
    name: str


class WordingChanged(_Change):
    """A sentence around the rules differs from that of the guard."""

    kind: Literal["wording_changed"] = "wording_changed"
    field: str
    """A field of `PromptWording`."""
    to: str | tuple[str, ...]


Change = Annotated[
    StanceChanged
    | CategoryRemoved
    | CategoryRenamed
    | CategoriesReordered
    | RuleAdded
    | RuleRemoved
    | RuleMoved
    | RuleReworded
    | RulesReordered
    | PolicyChosen
    | WordingChanged,
    Field(discriminator="kind"),
]


def wording_changes(changes: tuple[Change, ...]) -> tuple[WordingChanged, ...]:
    """Return those changes that leave the policy as it is, and only ask in other words."""
    return tuple(change for change in changes if isinstance(change, WordingChanged))


def worded(policy: Policy, changes: tuple[Change, ...]) -> Policy:
    """Return a sample's policy with the sentences that it is asked in where these are not those of the guard.

    An exact text stays as it is.

    Raises:
        PolicyError: when a change names a sentence that prompts do not have, or words that it cannot hold.
    """
    sentences = [Reworded(field=change.field, to=change.to) for change in wording_changes(changes)]
    return policy if not sentences or policy.verbatim is not None else policy.reworded(*sentences)
