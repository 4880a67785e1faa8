"""A diff says what changes for a reader."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from eyeward.policy import Category, Policy, Reworded
from eyeward.policy.diff import Change, ChangeKind
from tests.policy.strategies import policies

DEFAULT = Policy.load("default")


CASES = [
    (DEFAULT.sensitive("O2"), Change(ChangeKind.STANCE_CHANGED, "O2", "enforced", "sensitive")),
    (DEFAULT.rename("O6", "Arms"), Change(ChangeKind.CATEGORY_RENAMED, "O6", "Weapons or Substance Abuse", "Arms")),
    (
        DEFAULT.move_rule("O6", "alcoholic drinks", to="can"),
        Change(ChangeKind.RULE_MOVED, "O6", "alcoholic drinks", "alcoholic drinks", "should_not", "can"),
    ),
    (
        DEFAULT.remove_rule("O6", "alcoholic drinks"),
        Change(ChangeKind.RULE_REMOVED, "O6", old="alcoholic drinks", old_list="should_not"),
    ),
    (
        DEFAULT.add_rule("O6", "water pistols", "can"),
        Change(ChangeKind.RULE_ADDED, "O6", new="water pistols", new_list="can"),
    ),
    (DEFAULT.without("O9"), Change(ChangeKind.CATEGORY_REMOVED, "O9", old="Disasters or Emergencies")),
]


@pytest.mark.parametrize(("other", "change"), CASES)
def test_each_edit_is_one_change(other: Policy, change: Change) -> None:
    assert DEFAULT.diff(other).changes == (change,)


def test_a_reworded_rule_is_not_a_removed_and_an_added_one() -> None:
    one = Policy(name="p", categories=(Category(id="O1", name="Hate", should_not=("people who insult someone",)),))
    other = Policy(name="p", categories=(Category(id="O1", name="Hate", should_not=("people who mock someone",)),))
    (change,) = one.diff(other).changes
    assert change.kind is ChangeKind.RULE_REWORDED
    assert (change.old, change.new) == ("people who insult someone", "people who mock someone")


def test_a_rule_that_changes_its_words_and_its_list_is_another_rule() -> None:
    one = Policy(name="p", categories=(Category(id="O1", name="Hate", should_not=("people who insult someone",)),))
    other = Policy(name="p", categories=(Category(id="O1", name="Hate", can=("people who mock someone",)),))
    assert [change.kind for change in one.diff(other).changes] == [ChangeKind.RULE_REMOVED, ChangeKind.RULE_ADDED]


def test_an_added_category_lists_its_rules_and_stance() -> None:
    changes = DEFAULT.without("O9").diff(DEFAULT.non_violating("O9")).changes
    kinds = [change.kind for change in changes]
    assert kinds[:2] == [ChangeKind.CATEGORY_ADDED, ChangeKind.STANCE_CHANGED]
    assert kinds[2:] == [ChangeKind.RULE_ADDED] * len(DEFAULT.category("O9").rules)


def test_another_order_is_a_change() -> None:
    (change,) = DEFAULT.diff(DEFAULT.reorder(reversed(DEFAULT.ids))).changes
    assert change.kind is ChangeKind.CATEGORIES_REORDERED
    assert change.new == "O9, O8, O7, O6, O5, O4, O3, O2, O1"


def test_the_text_groups_changes_by_category() -> None:
    other = DEFAULT.move_rule("O6", "alcoholic drinks", to="can").sensitive("O6").renamed("bar")
    lines = DEFAULT.diff(other).to_text().splitlines()
    assert lines[0] == f"default v1 ({DEFAULT.hash[:12]}) -> bar v1 ({other.hash[:12]})"
    assert lines[1:] == [
        "O6:",
        "  stance: enforced -> sensitive",
        "  moved from should not to can: alcoholic drinks",
    ]


def test_the_json_has_the_same_changes() -> None:
    changes = DEFAULT.diff(DEFAULT.sensitive("O2"))
    assert json.loads(changes.to_json())["changes"] == [
        {
            "kind": "stance_changed",
            "category": "O2",
            "old": "enforced",
            "new": "sensitive",
            "old_list": None,
            "new_list": None,
        }
    ]


@given(policies())
def test_a_policy_does_not_differ_from_itself(policy: Policy) -> None:
    assert not policy.diff(policy)
    assert policy.diff(policy.renamed("other")).to_text().endswith("say the same.\n")


@given(policies(), policies())
def test_a_diff_is_empty_exactly_when_the_hashes_are_equal(one: Policy, other: Policy) -> None:
    assert bool(one.diff(other)) == (one.hash != other.hash)


@given(policies())
def test_every_order_of_rules_counts(policy: Policy) -> None:
    categories = [
        category.model_copy(update={"should_not": category.should_not[::-1], "can": category.can[::-1]})
        for category in policy.categories
    ]
    other = Policy(name="p", categories=tuple(categories))
    assert bool(policy.diff(other)) == (policy.hash != other.hash)
    assert all(change.kind is ChangeKind.RULES_REORDERED for change in policy.diff(other).changes)


@given(policies(), policies())
def test_going_back_turns_every_addition_into_a_removal(one: Policy, other: Policy) -> None:
    there = [change for change in one.diff(other).changes if change.kind is ChangeKind.RULE_MOVED]
    back = [change for change in other.diff(one).changes if change.kind is ChangeKind.RULE_MOVED]
    assert sorted((c.category, c.new, c.new_list) for c in there) == sorted(
        (c.category, c.old, c.old_list) for c in back
    )


def test_words_that_a_policy_is_asked_in_are_a_change() -> None:
    worded = DEFAULT.reworded(Reworded(field="start_sentence", to="Look."), Reworded(field="bullet", to="+ "))
    (change,) = DEFAULT.diff(worded).changes
    assert str(change) == "wording: that of the guard -> bullet '+ ', start_sentence 'Look.'"
    assert not worded.diff(worded.renamed("other"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("a\nb\nc", "a\nB \nc", "verbatim: line 2 'b' -> line 2 'B '"),
        ("a", "a\n", "verbatim: no line 2 -> line 2 ''"),
        (None, "a", "verbatim: none -> a prompt text"),
    ],
)
def test_two_verbatim_texts_are_told_apart_by_their_first_line_that_differs(
    old: str | None, new: str, said: str
) -> None:
    policy = Policy.load("default")
    (change,) = policy.model_copy(update={"verbatim": old}).diff(policy.model_copy(update={"verbatim": new})).changes
    assert str(change) == said
