from __future__ import annotations

import random

import pytest
from hypothesis import given

from eyeward.data.sample import Split
from eyeward.policy.render import render
from eyeward.policy.schema import Policy, Stance
from eyeward.policy.wording import EYEWARD
from eyeward.scenes import wordings
from eyeward.scenes.facts import FACT_BY_WORDING, Side
from eyeward.scenes.reserve import combination_is_reserved, order_is_reserved
from eyeward.scenes.truth import decide
from eyeward.scenes.variation import ChangeKind, VariedPolicy, vary_policy
from tests.scenes.worlds import DEFAULT, SEEDS, scene


def many(split: Split, count: int = 600) -> list[VariedPolicy]:
    rng = random.Random(7)
    return [vary_policy(rng, DEFAULT, split) for _ in range(count)]


TRAINED = many(Split.TRAIN)


def stances(policy: Policy) -> list[tuple[str, str]]:
    return [(item.id, item.stance) for item in policy.categories if item.stance is not Stance.enforced]


@given(SEEDS)
def test_the_same_seed_gives_the_same_policy(seed: int) -> None:
    assert vary_policy(random.Random(seed), DEFAULT) == vary_policy(random.Random(seed), DEFAULT)


@given(SEEDS)
def test_scenes_can_be_decided_under_every_variation(seed: int) -> None:
    for split in Split:
        varied = vary_policy(random.Random(seed), DEFAULT, split)
        decide(scene("firearm"), varied.policy)
        assert all(category.rules for category in varied.policy.categories)
        assert render(varied.policy, varied.wording).text


@pytest.mark.parametrize("split", [Split.TRAIN, Split.VALIDATION])
def test_nothing_reserved_is_drawn_for_training(split: Split) -> None:
    for varied in many(split, 300):
        assert not order_is_reserved(varied.policy.ids)
        assert not combination_is_reserved(stances(varied.policy))
        assert varied.wording.start_sentence not in wordings.RESERVED_START_SENTENCES
        assert varied.wording.non_violating_declaration not in wordings.RESERVED_NON_VIOLATING
        assert varied.wording.sensitive_declaration not in wordings.RESERVED_SENSITIVE


@pytest.mark.parametrize(
    "base",
    [DEFAULT.sensitive("O6"), DEFAULT.non_violating("O9"), DEFAULT.sensitive("O1", "O2").non_violating("O3", "O5")],
)
def test_stances_of_the_base_count_in_what_is_reserved(base: Policy) -> None:
    rng = random.Random(3)
    for _ in range(300):
        assert not combination_is_reserved(stances(vary_policy(rng, base, Split.TRAIN).policy))
    for _ in range(50):
        declared = stances(vary_policy(rng, base, Split.TEST).policy)
        assert combination_is_reserved(declared) or len(declared) < 2


def test_everything_that_can_be_reserved_is_reserved_for_testing() -> None:
    for varied in many(Split.TEST, 300):
        assert order_is_reserved(varied.policy.ids)
        assert combination_is_reserved(stances(varied.policy)) or len(stances(varied.policy)) < 2
        assert varied.wording.start_sentence in wordings.RESERVED_START_SENTENCES
        assert varied.wording.non_violating_declaration in wordings.RESERVED_NON_VIOLATING
        assert varied.wording.sensitive_declaration in wordings.RESERVED_SENSITIVE


def test_every_kind_of_change_occurs_from_none_to_many() -> None:
    assert {change.kind for varied in TRAINED for change in varied.changes} == set(ChangeKind)
    assert {len(stances(varied.policy)) for varied in TRAINED} == set(range(10))
    assert {len(varied.policy.ids) for varied in TRAINED} == {5, 6, 7, 8, 9}
    assert sum(varied.wording == EYEWARD for varied in TRAINED) > 60
    assert sum(varied.policy.ids == tuple(sorted(varied.policy.ids)) for varied in TRAINED) > 60


def test_rules_of_all_facts_stand_on_both_sides() -> None:
    seen: set[tuple[str, Side]] = set()
    for varied in TRAINED:
        for category in varied.policy.categories:
            seen |= {(FACT_BY_WORDING[rule].key, Side.SHOULD_NOT) for rule in category.should_not}
            seen |= {(FACT_BY_WORDING[rule].key, Side.CAN) for rule in category.can}
    assert len(seen) == 2 * len({fact.key for fact in FACT_BY_WORDING.values()})


def test_changes_say_what_the_policy_shows() -> None:
    for varied in TRAINED[:200]:
        policy = varied.policy
        for change in varied.changes:
            match change.kind:
                case ChangeKind.DROPPED:
                    assert change.category not in policy.ids
                case ChangeKind.RENAMED:
                    assert policy.category(str(change.category)).name == change.to
                case ChangeKind.STANCE:
                    assert policy.category(str(change.category)).stance == change.to
                case ChangeKind.RULE_REMOVED:
                    fact = FACT_BY_WORDING[str(change.rule)]
                    rules = policy.category(str(change.category)).rules
                    assert fact not in [FACT_BY_WORDING[rule] for rule in rules]
                case ChangeKind.RULE_MOVED:
                    category = policy.category(str(change.category))
                    assert change.rule in (category.can if change.to == Side.CAN else category.should_not)
                case ChangeKind.RULE_ADDED | ChangeKind.RULE_REWORDED:
                    assert change.rule in policy.category(str(change.category)).rules
                case ChangeKind.REORDERED if change.category is not None:
                    assert change.to == "rules"
                case ChangeKind.REORDERED:
                    assert policy.ids == tuple(str(change.to).split())
                case ChangeKind.WORDING:
                    value = getattr(varied.wording, str(change.field))
                    assert value != getattr(EYEWARD, str(change.field))
                    assert change.to == ("\n".join(value) if isinstance(value, tuple) else str(value))


def test_a_variation_without_changes_is_the_base_and_occurs() -> None:
    unchanged = [varied for varied in TRAINED if not varied.changes]
    assert unchanged
    assert all(varied == VariedPolicy(DEFAULT) for varied in unchanged)


def test_what_differs_from_the_base_is_among_the_changes() -> None:
    for varied in TRAINED:
        same = {category.id: category for category in DEFAULT.categories}
        named = {change.category for change in varied.changes}
        assert all(category == same[category.id] or category.id in named for category in varied.policy.categories)


@given(SEEDS)
def test_a_small_policy_can_be_varied_too(seed: int) -> None:
    rng = random.Random(seed)
    for split in Split:
        assert vary_policy(rng, DEFAULT.only("O6"), split).policy.ids == ("O6",)
