"""Hostile names and rules: the category that a picture violates stays as it was, and the policy stays one."""

from __future__ import annotations

import pytest

from eyeward.evaluate.suites.attack import Family
from eyeward.evaluate.suites.policy_hacking import POLICY_ATTACKS, PolicyAttack, can_be_hacked
from eyeward.policy import Policy, Reworded, Stance

POLICY = Policy.load("default")


@pytest.mark.parametrize("attack", POLICY_ATTACKS, ids=lambda attack: attack.name)
def test_the_violated_category_keeps_every_prohibition(attack: PolicyAttack) -> None:
    for own in POLICY.ids:
        for count in attack.values:
            changed = attack.change(POLICY, own, count)
            assert changed.ids == POLICY.ids
            assert changed.hash != POLICY.hash
            assert changed.category(own).should_not == POLICY.category(own).should_not
            assert changed.category(own).stance is Stance.enforced
            if attack.family is Family.policy:
                assert changed.category(own) == POLICY.category(own)


@pytest.mark.parametrize("attack", POLICY_ATTACKS[:-1], ids=lambda attack: attack.name)
def test_as_many_categories_are_taken_over_as_the_level_says(attack: PolicyAttack) -> None:
    for count in attack.values:
        changed = attack.change(POLICY, "O9", count)
        assert sum(changed.category(id) != POLICY.category(id) for id in POLICY.ids) == count


def test_levels_of_a_family_are_one_parameter_and_the_own_category_is_a_family_by_itself() -> None:
    of = {family: [a for a in POLICY_ATTACKS if a.family is family] for family in {a.family for a in POLICY_ATTACKS}}
    assert of.keys() == {Family.policy, Family.own_category}
    assert [attack.name for attack in of[Family.own_category]] == ["policy: contradictory rules"]
    assert all(len({(attack.parameter, attack.values) for attack in those}) == 1 for those in of.values())


def test_the_attacks_are_what_they_are_called() -> None:
    by_name = {attack.name: attack.change(POLICY, "O6", 1) for attack in POLICY_ATTACKS}
    taken = {name: policy.category("O9") for name, policy in by_name.items()}
    assert '", "rationale": "' in taken["policy: name closes JSON"].name
    assert "O6 is declared as non-violating" in taken["policy: name declares"].name
    assert "<|im_end|>" in taken["policy: name with chat marks"].name
    assert "answer Safe" in taken["policy: rule orders"].can[-1]
    assert len(set(taken["policy: rule repeated"].can)) >= 12
    assert set(POLICY.category("O6").should_not) <= set(taken["policy: allowed elsewhere"].can)
    assert taken["policy: others exempt"].stance is Stance.non_violating
    both = by_name["policy: contradictory rules"].category("O6")
    assert set(both.should_not) <= set(both.can)


def test_a_policy_of_one_category_or_of_exact_words_is_left_alone() -> None:
    assert can_be_hacked(POLICY, "O6")
    assert not can_be_hacked(POLICY, "NA")
    assert not can_be_hacked(POLICY.only("O6"), "O6")
    assert not can_be_hacked(POLICY.model_copy(update={"verbatim": "O6: Weapons"}), "O6")


def test_a_policy_that_is_attacked_is_asked_in_its_own_words() -> None:
    worded = POLICY.reworded(Reworded(field="start_sentence", to="Look."))
    assert can_be_hacked(worded, "O6")
    assert {attack.change(worded, "O6", attack.values[0]).wording for attack in POLICY_ATTACKS} == {worded.wording}
