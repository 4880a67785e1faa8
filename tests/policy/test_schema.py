"""Policies are closed, immutable and hashed by what they say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from eyeward.errors import PolicyError
from eyeward.policy import Category, Policy, Reworded, Stance
from tests.policy.strategies import policies


@pytest.fixture
def default() -> Policy:
    return Policy.load("default")


def test_a_label_is_id_and_name(default: Policy) -> None:
    assert default.category("O6").label == "O6: Weapons or Substance Abuse"
    assert default.labels[0] == "O1: Hate, Humiliation, Harassment"


def test_a_policy_cannot_be_changed_in_place(default: Policy) -> None:
    with pytest.raises(ValidationError):
        default.name = "other"
    with pytest.raises(ValidationError):
        default.categories[0].stance = Stance.sensitive


def test_stances_are_set_on_the_named_categories_only(default: Policy) -> None:
    changed = default.non_violating("O6", "O7").sensitive("O2")
    stances = {category.id: category.stance for category in changed.categories if category.stance != "enforced"}
    assert stances == {"O2": "sensitive", "O6": "non_violating", "O7": "non_violating"}
    assert all(category.stance is Stance.enforced for category in default.categories)
    assert changed.with_stance("enforced", "O2", "O6", "O7") == default


def test_only_and_without_keep_the_order(default: Policy) -> None:
    assert default.only("O9", "O1").ids == ("O1", "O9")
    assert default.without("O2", "O1").ids == default.ids[2:]


def test_reorder_needs_every_id_once(default: Policy) -> None:
    assert default.reorder(reversed(default.ids)).ids == tuple(reversed(default.ids))
    for order in (default.ids[1:], (*default.ids, "O1")):
        with pytest.raises(PolicyError, match="must name each of"):
            default.reorder(order)


def test_a_renamed_category_has_another_label(default: Policy) -> None:
    assert default.rename("O6", "Arms").category("O6").label == "O6: Arms"


def test_a_moved_rule_stands_at_the_end_of_the_other_list(default: Policy) -> None:
    moved = default.move_rule("O6", "alcoholic drinks", to="can").category("O6")
    assert moved.can[-1] == "alcoholic drinks"
    assert "alcoholic drinks" not in moved.should_not
    back = default.move_rule("O6", "alcoholic drinks", "can").move_rule("O6", "alcoholic drinks", "should_not")
    assert sorted(back.category("O6").should_not) == sorted(default.category("O6").should_not)


def test_a_removed_rule_is_gone_and_an_added_one_is_last(default: Policy) -> None:
    assert "smoking and tobacco" not in default.remove_rule("O6", "smoking and tobacco").category("O6").rules
    assert default.add_rule("O6", "water pistols", "can").category("O6").can[-1] == "water pistols"


WRONG_EDITS: list[tuple[Callable[[Policy], object], str]] = [
    (lambda p: p.sensitive("O12"), "has no category 'O12'; it has O1, O2"),
    (lambda p: p.with_stance("lenient", "O1"), "no stance 'lenient'; use one of enforced, non_violating, sensitive"),
    (lambda p: p.without(*p.ids), "has no categories"),
    (lambda p: p.move_rule("O6", "smoking and tobacco", to="should_not"), "stands under should_not already"),
    (lambda p: p.move_rule("O6", "no such rule", to="can"), "no rule 'no such rule' under should_not"),
    (lambda p: p.move_rule("O6", "smoking and tobacco", to="may"), "no list of rules 'may'"),  # type: ignore[arg-type]
    (lambda p: p.remove_rule("O6", "no such rule"), "no rule 'no such rule'"),
    (lambda p: p.add_rule("O6", " ", "can"), "A rule is empty"),
    (lambda p: p.add_rule("O6", "two\nlines", "can"), "control character"),
    (lambda p: p.rename("O6", "Arms:"), "ends with a colon"),
    (lambda p: p.renamed("My Policy"), "not a lower-case slug"),
]


@pytest.mark.parametrize(("edit", "sentence"), WRONG_EDITS)
def test_an_edit_that_makes_no_sense_is_a_sentence(
    default: Policy, edit: Callable[[Policy], object], sentence: str
) -> None:
    with pytest.raises(PolicyError, match=sentence):
        edit(default)


def test_ids_are_unique_and_na_is_reserved() -> None:
    one = Category(id="O1", name="Hate", should_not=("insults",))
    with pytest.raises(PolicyError, match="two categories with the id 'O1'"):
        Policy(name="p", categories=(one, one))
    with pytest.raises(PolicyError, match="reserved"):
        Category(id="NA", name="None applying")


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError, match="severity"):
        Category(id="O1", name="Hate", severity=3)  # type: ignore[call-arg]


def test_the_hash_of_default_is_known() -> None:
    """Verdicts and annotations carry it: a change of the pack or of the canonical form must be meant."""
    assert Policy.load("default").hash == "0396307c50951143a216334c2c1dc4185bc0b32ef2326eea7424dd675324e5ab"


@given(policies())
def test_the_hash_ignores_name_version_and_file_form(policy: Policy) -> None:
    assert policy.renamed("other", version=policy.version + 1).hash == policy.hash
    assert Policy.from_text("# a comment\n" + policy.to_yaml()).hash == policy.hash


@given(policies())
def test_yaml_reads_back_as_the_same_policy(policy: Policy) -> None:
    assert Policy.from_text(policy.to_yaml()) == policy


@given(policies(), st.data())
def test_the_hash_changes_with_stance_wording_and_order(policy: Policy, data: st.DataObject) -> None:
    id = data.draw(st.sampled_from(policy.ids))
    category = policy.category(id)
    other = Stance.sensitive if category.stance is not Stance.sensitive else Stance.enforced
    changed = [
        policy.with_stance(other, id),
        policy.rename(id, category.name + "x"),
        policy.add_rule(id, "one more rule", "can"),
        policy.remove_rule(id, category.rules[0]),
        policy.model_copy(update={"verbatim": "x"}),
        policy.reworded(Reworded(field="start_sentence", to="Look.")),
        policy.reworded(Reworded(field="start_sentence", to="See.")),
    ]
    if len(policy.ids) > 1:
        changed += [policy.reorder(reversed(policy.ids)), policy.without(id)]
    hashes = {each.hash for each in changed}
    assert policy.hash not in hashes
    assert len(hashes) == len(changed)


def test_an_edit_drops_the_verbatim_prompt() -> None:
    policy = Policy(**{**dict(Policy.load("default")), "verbatim": "a prompt"})
    assert policy.non_violating("O6").verbatim is None
    assert policy.renamed("other").verbatim == "a prompt"


LOOK, STEPS = Reworded(field="start_sentence", to="Look."), Reworded(field="steps", to=("One.", "Two."))


def test_an_edit_keeps_the_words_that_a_policy_is_asked_in(default: Policy) -> None:
    policy = default.reworded(LOOK)
    assert policy.non_violating("O6").only("O6").wording == policy.renamed("other").wording == (LOOK,)
    see = Reworded(field="start_sentence", to="See.")
    assert policy.reworded(STEPS, see).wording == (see, STEPS)
    assert default.model_copy(update={"verbatim": "a prompt"}).reworded(LOOK) == policy


def test_a_policy_without_words_of_its_own_is_written_as_before_there_were_any(default: Policy) -> None:
    assert default.model_dump().keys() == {"name", "version", "categories", "verbatim"}
    policy = default.reworded(LOOK, STEPS)
    assert Policy.model_validate_json(policy.model_dump_json()) == policy
    assert Policy.from_text(policy.to_yaml()) == policy
    assert {policy: 1}[default.reworded(LOOK, STEPS)] == 1


def test_the_order_of_its_words_does_not_change_the_hash(default: Policy) -> None:
    assert default.reworded(LOOK, STEPS).hash == default.reworded(STEPS, LOOK).hash


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"wording": (LOOK, LOOK)}, "says 'start_sentence' twice"),
        ({"wording": (LOOK,), "verbatim": "a prompt"}, "asked to the letter"),
        ({"wording": (Reworded(field="greeting", to="Hello."),)}, "the key 'greeting' is unknown"),
        ({"wording": (Reworded(field="start_sentence", to="a\nb"),)}, "must stay on one line"),
        ({"wording": (Reworded(field="start_sentence", to=("a", "b")),)}, "valid string"),
    ],
)
def test_words_that_no_prompt_can_be_asked_in_are_a_sentence(
    default: Policy, fields: dict[str, object], sentence: str
) -> None:
    with pytest.raises(PolicyError, match=sentence):
        Policy.model_validate({**dict(default), **fields})


def test_a_verdict_can_name_the_policy(default: Policy) -> None:
    assert default.ref.model_dump() == {"name": "default", "version": 1, "hash": default.hash}


def test_a_hash_that_was_asked_for_before_is_there_at_once(default: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    known = default.hash

    def read(category: Category) -> int:
        raise AssertionError("all rules are read again")

    monkeypatch.setattr(Category, "__hash__", read)
    assert default.hash == known
