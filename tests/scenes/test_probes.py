from __future__ import annotations

import random

import pytest
from hypothesis import given

from eyeward.errors import UsageError
from eyeward.policy.schema import Stance
from eyeward.policy.wording import EYEWARD
from eyeward.scenes import wordings
from eyeward.scenes.caption import touched_ids
from eyeward.scenes.facts import Context
from eyeward.scenes.graph import SceneGraph
from eyeward.scenes.probes import (
    all_reserved,
    five_policies,
    moved_rule,
    own_exempt,
    reserved_combination,
    reserved_declarations,
    reserved_order,
    reserved_start_sentence,
    unrelated_exempt,
    unrelated_sensitive,
)
from eyeward.scenes.reserve import combination_is_reserved, order_is_reserved
from eyeward.scenes.truth import decide
from eyeward.verdict import NA, Rating
from tests.scenes.worlds import DEFAULT, SEEDS, scene, scenes

SAFE, UNSAFE = Rating.Safe, Rating.Unsafe


@pytest.mark.parametrize(
    ("graph", "ratings"),
    [
        (scene("firearm"), [UNSAFE, SAFE, UNSAFE, UNSAFE, UNSAFE]),
        (scene("firearm", Context.BADGE), [SAFE, SAFE, UNSAFE, SAFE, SAFE]),
        (scene("vehicle"), [SAFE, SAFE, SAFE, SAFE, SAFE]),
    ],
)
def test_five_policies_move_a_scene_by_its_own_category_alone(graph: SceneGraph, ratings: list[Rating]) -> None:
    for seed in range(20):
        five = five_policies(graph, DEFAULT, random.Random(seed))
        assert [decide(graph, varied.policy).rating for varied in five] == ratings


@given(scenes(), SEEDS)
def test_unrelated_probes_leave_the_own_categories_alone(graph: SceneGraph, seed: int) -> None:
    rng = random.Random(seed)
    for varied in (unrelated_exempt(graph, DEFAULT, rng, 3), unrelated_sensitive(graph, DEFAULT, rng, 2)):
        changed = [item.id for item in varied.policy.categories if item.stance is not Stance.enforced]
        assert len(changed) == len(varied.changes) in (2, 3)
        assert not {*changed} & {*touched_ids(graph)}


def test_own_exempt_changes_only_what_the_scene_touches() -> None:
    varied = own_exempt(scene("firearm"), DEFAULT, random.Random(1))
    assert varied.policy == DEFAULT.non_violating("O6")
    assert varied.wording == EYEWARD


@given(scenes())
def test_a_moved_rule_flips_the_scene(graph: SceneGraph) -> None:
    truth = decide(graph, DEFAULT)
    if truth.category == NA:
        with pytest.raises(UsageError, match="No rule decides"):
            moved_rule(graph, DEFAULT)
    elif graph.second is None:
        assert decide(graph, moved_rule(graph, DEFAULT).policy).rating is not truth.rating


@given(SEEDS)
def test_reserved_probes_are_reserved(seed: int) -> None:
    rng = random.Random(seed)
    assert order_is_reserved(reserved_order(DEFAULT, rng).policy.ids)
    assert reserved_start_sentence(DEFAULT, rng).wording.start_sentence in wordings.RESERVED_START_SENTENCES
    for count in range(4, 10):
        policy = reserved_combination(DEFAULT, rng, count).policy
        changed = [(item.id, item.stance) for item in policy.categories if item.stance is not Stance.enforced]
        assert len(changed) == count
        assert combination_is_reserved(changed)


@given(SEEDS)
def test_all_reserved_is_reserved_in_order_combination_and_start(seed: int) -> None:
    varied = all_reserved(DEFAULT, random.Random(seed))
    changed = [(item.id, item.stance) for item in varied.policy.categories if item.stance is not Stance.enforced]
    assert order_is_reserved(varied.policy.ids)
    assert 4 <= len(changed) <= 9
    assert combination_is_reserved(changed)
    assert varied.wording.start_sentence in wordings.RESERVED_START_SENTENCES


def test_reserved_declarations_keep_the_policy() -> None:
    exempt = own_exempt(scene("firearm"), DEFAULT, random.Random(1))
    for number in range(10):
        varied = reserved_declarations(exempt, number)
        assert varied.policy == exempt.policy
        assert varied.wording.non_violating_declaration == wordings.RESERVED_NON_VIOLATING[number]
        assert varied.wording.sensitive_declaration == wordings.RESERVED_SENSITIVE[number]
        assert len(varied.changes) == 3


def test_impossible_probes_are_refused_with_a_sentence() -> None:
    rng = random.Random(1)
    with pytest.raises(UsageError, match="categories"):
        reserved_order(DEFAULT.only("O6"), rng)
    with pytest.raises(UsageError, match="from 2 to 9"):
        reserved_combination(DEFAULT, rng, 10)
    with pytest.raises(UsageError, match="unrelated"):
        unrelated_exempt(scene("firearm"), DEFAULT.only("O6", "O5"), rng, 2)
