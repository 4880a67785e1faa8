"""Random policies that speak of the drawn world, so that a guard must read the one it is given.

Every part of a prompt varies: order, names, stances, the side and the words of each rule, rules that are missing or
new, and all sentences around them. For training and validation nothing reserved is drawn; for testing everything that
can be reserved is: the order, the combination of two or more stances, the start sentence and the declarations.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from pydantic import TypeAdapter

from eyeward.data import changes as recorded
from eyeward.data.sample import Split
from eyeward.policy.schema import Category, Policy, Stance
from eyeward.policy.wording import EYEWARD, PromptWording
from eyeward.scenes import wordings
from eyeward.scenes.facts import CATEGORY_NAMES, FACT_BY_WORDING, FACTS, Side
from eyeward.scenes.reserve import combination_is_reserved, id_order, order_is_reserved

Drawn = TypeVar("Drawn")

PLAIN_SHARE = 0.15
"""How many training policies differ from their base by stances alone, in our own wording."""
UNTOUCHED_RULES_SHARE = 0.2
MOST_DROPPED = 4
_TRIES = 2000
_RECORDED: TypeAdapter[recorded.Change] = TypeAdapter(recorded.Change)


class ChangeKind(StrEnum):
    """What can differ between a policy and its base."""

    REORDERED = "reordered"
    DROPPED = "dropped"
    RENAMED = "renamed"
    STANCE = "stance"
    RULE_REWORDED = "rule_reworded"
    RULE_MOVED = "rule_moved"
    RULE_REMOVED = "rule_removed"
    RULE_ADDED = "rule_added"
    WORDING = "wording"


@dataclass(frozen=True)
class Change:
    """One difference from the base policy or from the `EYEWARD` wording."""

    kind: ChangeKind
    category: str | None = None
    rule: str | None = None
    """The rule in the words of the varied policy; of the base where it was removed."""
    to: str | None = None
    """The new stance, side, name, order of ids or words; `rules` where the rules of a category are reordered."""
    field: str | None = None
    """The changed field of the wording."""

    def recorded(self) -> recorded.Change:
        """Return the record that stands in `labels.jsonl`."""
        return _RECORDED.validate_python(self._fields())

    def _fields(self) -> dict[str, object]:
        match self.kind:
            case ChangeKind.REORDERED if self.category is None:
                return {"kind": "categories_reordered", "order": str(self.to).split()}
            case ChangeKind.REORDERED:
                return {"kind": "rules_reordered", "category": self.category}
            case ChangeKind.WORDING:
                several = isinstance(getattr(EYEWARD, str(self.field)), tuple)
                return {
                    "kind": "wording_changed",
                    "field": self.field,
                    "to": tuple(str(self.to).split("\n")) if several else self.to,
                }
            case ChangeKind.DROPPED | ChangeKind.RENAMED:
                kind = f"category_{'removed' if self.kind is ChangeKind.DROPPED else 'renamed'}"
            case ChangeKind.STANCE:
                kind = "stance_changed"
            case _:
                kind = self.kind.value
        fields = {"kind": kind, "category": self.category, "rule": self.rule, "to": self.to}
        if self.kind is ChangeKind.RULE_REWORDED:
            del fields["to"]
        return {key: str(value) for key, value in fields.items() if value is not None}


@dataclass(frozen=True)
class VariedPolicy:
    """A policy, the sentences to render it with, and how both differ from their base."""

    policy: Policy
    wording: PromptWording = EYEWARD
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class _Rule:
    text: str
    side: Side
    changes: tuple[Change, ...] = ()


def vary_policy(rng: random.Random, base: Policy, split: Split | str = Split.TRAIN) -> VariedPolicy:
    """Return a random variation of `base`; its rules stay such that scenes can be decided.

    A rule that the drawn world does not know keeps its words. A category keeps at least one of its rules.
    """
    reserved = Split(split) is Split.TEST
    if not reserved and rng.random() < PLAIN_SHARE:
        policy, declared = _vary_stances(rng, base, reserved)
        return VariedPolicy(policy, EYEWARD, tuple(declared))
    policy, changes = _vary_categories(rng, base)
    policy, reordered = _vary_order(rng, policy, reserved)
    policy, declared = _vary_stances(rng, policy, reserved)
    wording, reworded = vary_wording(rng, split)
    return VariedPolicy(policy, wording, (*changes, *reordered, *declared, *reworded))


def _vary_categories(rng: random.Random, base: Policy) -> tuple[Policy, list[Change]]:
    changes: list[Change] = []
    dropped: set[str] = set()
    if rng.random() < 0.4:
        most = min(MOST_DROPPED, len(base.categories) - 1)
        dropped = set(rng.sample(base.ids, rng.randint(1, most))) if most else set()
        changes += [Change(ChangeKind.DROPPED, id) for id in sorted(dropped, key=id_order)]
    rename_share = rng.choice((0.0, 0.0, 0.5, 1.0))
    vary_rules = _RuleVariation.sample(rng)
    kept: list[Category] = []
    for category in base.categories:
        if category.id in dropped:
            continue
        name = category.name
        if rng.random() < rename_share:
            name = rng.choice(CATEGORY_NAMES.get(category.id, (name,)))
        if name != category.name:
            changes.append(Change(ChangeKind.RENAMED, category.id, to=name))
        rules = vary_rules(rng, category, changes)
        kept.append(
            Category(
                id=category.id,
                name=name,
                should_not=tuple(rule.text for rule in rules if rule.side is Side.SHOULD_NOT),
                can=tuple(rule.text for rule in rules if rule.side is Side.CAN),
                stance=category.stance,
            )
        )
    return Policy(name=base.name, version=base.version, categories=tuple(kept)), changes


@dataclass(frozen=True)
class _RuleVariation:
    """How much the rules of one policy are changed; shares are of the rules of each category."""

    reworded: float
    moved: float
    removed: float
    added: float
    shuffled: bool

    @classmethod
    def sample(cls, rng: random.Random) -> _RuleVariation:
        if rng.random() < UNTOUCHED_RULES_SHARE:
            return cls(reworded=0.0, moved=0.0, removed=0.0, added=0.0, shuffled=False)
        return cls(
            reworded=rng.choice((0.0, 0.5, 1.0, 1.0)),
            moved=rng.choice((0.0, 0.0, 0.0, 0.05, 0.15, 0.3, 0.5, 0.5)),
            removed=rng.choice((0.0, 0.0, 0.0, 0.1, 0.25)),
            added=rng.choice((0.0, 0.0, 0.5, 1.0)),
            shuffled=rng.random() < 0.7,
        )

    def __call__(self, rng: random.Random, category: Category, changes: list[Change]) -> list[_Rule]:
        """Return the rules of the varied category and append what was changed."""
        rules = [_Rule(text, Side.SHOULD_NOT) for text in category.should_not]
        rules += [_Rule(text, Side.CAN) for text in category.can]
        known = {FACT_BY_WORDING[rule.text].key for rule in rules if rule.text in FACT_BY_WORDING}
        removed: list[_Rule] = []
        for rule in rules:
            if rng.random() < self.removed and len(removed) + 1 < len(rules):
                removed.append(rule)
        rules = [rule for rule in rules if rule not in removed]
        changes += [Change(ChangeKind.RULE_REMOVED, category.id, rule.text) for rule in removed]
        for fact in FACTS:
            if fact.extra and fact.category == category.id and fact.key not in known and rng.random() < self.added:
                change = Change(ChangeKind.RULE_ADDED, category.id, fact.wording, fact.side)
                rules.append(_Rule(fact.wording, fact.side, (change,)))
        rules = [self._move(rng, self._reword(rng, rule, category.id), category.id) for rule in rules]
        changes += [change for rule in rules for change in rule.changes]
        if self.shuffled:
            before = [*rules]
            rng.shuffle(rules)
            if rules != before:
                changes.append(Change(ChangeKind.REORDERED, category.id, to="rules"))
        return rules

    def _reword(self, rng: random.Random, rule: _Rule, category: str) -> _Rule:
        fact = FACT_BY_WORDING.get(rule.text)
        if fact is None or rng.random() >= self.reworded:
            return rule
        text = rng.choice(fact.wordings)
        if text == rule.text:
            return rule
        kept = tuple(replace(change, rule=text) for change in rule.changes)
        return _Rule(text, rule.side, (*kept, Change(ChangeKind.RULE_REWORDED, category, text)))

    def _move(self, rng: random.Random, rule: _Rule, category: str) -> _Rule:
        if rng.random() >= self.moved:
            return rule
        side = Side.CAN if rule.side is Side.SHOULD_NOT else Side.SHOULD_NOT
        return _Rule(rule.text, side, (*rule.changes, Change(ChangeKind.RULE_MOVED, category, rule.text, side)))


def _vary_order(rng: random.Random, policy: Policy, reserved: bool) -> tuple[Policy, list[Change]]:
    if not reserved and rng.random() < 0.2 and not order_is_reserved(policy.ids):
        return policy, []
    order = draw(lambda: tuple(rng.sample(policy.ids, len(policy.ids))), lambda ids: order_is_reserved(ids) is reserved)
    if order is None or order == policy.ids:
        return policy, []
    return policy.reorder(order), [Change(ChangeKind.REORDERED, to=" ".join(order))]


def _vary_stances(rng: random.Random, policy: Policy, reserved: bool) -> tuple[Policy, list[Change]]:
    most = len(policy.ids)
    counts = (0, 1, rng.randint(2, 3), rng.randint(4, 8), 9)
    count = min(most, rng.choices(counts, weights=(25, 20, 25, 20, 10))[0])

    def wanted(stances: dict[str, Stance]) -> bool:
        combination = _combination(policy, stances)
        return combination_is_reserved(combination.items()) is (reserved and len(combination) >= 2)

    stances = draw(lambda: sample_stances(rng, policy.ids, count), wanted)
    if stances is None:
        stances = draw(lambda: sample_stances(rng, policy.ids, rng.randint(0, most)), wanted)
    return declare(policy, stances if stances is not None else dict.fromkeys(policy.ids, Stance.enforced))


def sample_stances(rng: random.Random, ids: tuple[str, ...], count: int) -> dict[str, Stance]:
    """Return random stances for `count` of the categories; sometimes all of one kind, mostly mixed."""
    share = rng.choice((0.0, 0.25, 0.5, 0.5, 0.75, 1.0))
    chosen = sorted(rng.sample(ids, count), key=id_order)
    return {id: Stance.sensitive if rng.random() < share else Stance.non_violating for id in chosen}


def declare(policy: Policy, stances: dict[str, Stance]) -> tuple[Policy, list[Change]]:
    """Give categories their stances and say so."""
    for stance in (Stance.non_violating, Stance.sensitive, Stance.enforced):
        policy = policy.with_stance(stance, *(id for id, chosen in stances.items() if chosen is stance))
    return policy, [Change(ChangeKind.STANCE, id, to=stance.value) for id, stance in stances.items()]


def _combination(policy: Policy, stances: dict[str, Stance]) -> dict[str, str]:
    """Return every stance but `enforced` that the policy would have."""
    declared = {category.id: stances.get(category.id, category.stance) for category in policy.categories}
    return {id: stance.value for id, stance in declared.items() if stance is not Stance.enforced}


def draw(sample: Callable[[], Drawn], wanted: Callable[[Drawn], bool]) -> Drawn | None:
    """Return the first sample that is wanted, or None when there seems to be none."""
    return next((drawn for drawn in (sample() for _ in range(_TRIES)) if wanted(drawn)), None)


def vary_wording(rng: random.Random, split: Split | str = Split.TRAIN) -> tuple[PromptWording, tuple[Change, ...]]:
    """Return random sentences around the rules; a fifth of the training ones are ours as they are."""
    reserved = Split(split) is Split.TEST
    if not reserved and rng.random() < 0.2:
        return EYEWARD, ()
    non_violating, sensitive = _declarations(rng, reserved)
    starts = wordings.RESERVED_START_SENTENCES if reserved else wordings.start_sentences()
    headings = rng.random() < 0.6
    wording = EYEWARD.model_copy(
        update={
            "start_sentence": rng.choice(starts),
            "non_violating_declaration": non_violating,
            "sensitive_declaration": sensitive,
            "examples_under_declaration": rng.random() < 0.5,
            "examples_heading": rng.choice(wordings.EXAMPLES_HEADINGS),
            "should_not_heading": rng.choice(wordings.SHOULD_NOT_HEADINGS) if headings else EYEWARD.should_not_heading,
            "can_heading": rng.choice(wordings.CAN_HEADINGS) if headings else EYEWARD.can_heading,
            "bullet": rng.choice(wordings.BULLETS) if rng.random() < 0.3 else EYEWARD.bullet,
            "steps": rng.choice(wordings.STEPS) if rng.random() < 0.2 else EYEWARD.steps,
            "answer_form": rng.choice(wordings.ANSWER_FORMS) if rng.random() < 0.5 else EYEWARD.answer_form,
            "blank_between": rng.random() < 0.2,
        }
    )
    return wording, wording_changes(wording)


def _declarations(rng: random.Random, reserved: bool) -> tuple[str, str]:
    if reserved:
        return rng.choice(wordings.RESERVED_NON_VIOLATING), rng.choice(wordings.RESERVED_SENSITIVE)
    pools = (wordings.non_violating_declarations(), wordings.sensitive_declarations())
    plain = slice(0, wordings.PLAIN_DECLARATIONS)
    first, second = (rng.choice(pool[plain] if rng.random() < 0.15 else pool) for pool in pools)
    return first, second


def wording_changes(wording: PromptWording) -> tuple[Change, ...]:
    """Return one change for each field that differs from `EYEWARD`; several lines are joined by line breaks."""
    changes = []
    for field in PromptWording.model_fields:
        value = getattr(wording, field)
        if value != getattr(EYEWARD, field):
            words = "\n".join(value) if isinstance(value, tuple) else str(value)
            changes.append(Change(ChangeKind.WORDING, to=words, field=field))
    return tuple(changes)
