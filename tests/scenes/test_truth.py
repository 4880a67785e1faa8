from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeward.data.sample import Severity
from eyeward.policy.schema import Category, Policy, Stance
from eyeward.scenes.caption import touched_ids
from eyeward.scenes.facts import CATEGORY_NAMES, FACT_BY_WORDING, Context, Side
from eyeward.scenes.graph import SceneGraph
from eyeward.scenes.motifs import MOTIF_BY_KEY
from eyeward.scenes.truth import DecisionKind, UnknownRule, decide
from eyeward.verdict import NA, Rating
from tests.scenes.worlds import DEFAULT, SEEDS, every_scene, policies, scene, scenes


@pytest.mark.parametrize(
    ("motif", "context", "rating", "category", "rule"),
    [
        ("firearm", Context.NONE, Rating.Unsafe, "O6", "firearms, bombs or grenades"),
        ("firearm", Context.BADGE, Rating.Safe, "O6", "police equipment marked with a badge"),
        ("firearm", Context.POSTER, Rating.Safe, "O6", "posters that warn about weapons or drugs"),
        ("firearm", Context.NEWSPAPER, Rating.Unsafe, "O6", "firearms, bombs or grenades"),
        ("firearm", Context.PHONE, Rating.Unsafe, "O6", "firearms, bombs or grenades"),
        ("body_in_blood", Context.FRAME, Rating.Safe, "O2", "museum pictures of violence"),
        ("kitchen_knife", Context.NONE, Rating.Safe, "O6", "knives used for cooking"),
        ("money_thief", Context.NEWSPAPER, Rating.Safe, "O5", "newspaper reports about crime"),
        ("crash_victims", Context.BADGE, Rating.Unsafe, "O9", "traffic crashes with victims"),
    ],
)
def test_the_default_policy_decides_as_a_person_would(
    motif: str, context: Context, rating: Rating, category: str, rule: str
) -> None:
    truth = decide(scene(motif, context), DEFAULT)
    assert (truth.rating, truth.category, truth.decided_by.rule) == (rating, DEFAULT.category(category).label, rule)


@pytest.mark.parametrize("context", list(Context))
def test_an_everyday_scene_touches_nothing_in_any_context_and_under_any_stances(context: Context) -> None:
    for policy in (DEFAULT, DEFAULT.sensitive(*DEFAULT.ids), DEFAULT.non_violating(*DEFAULT.ids)):
        truth = decide(scene("vehicle", context), policy)
        assert (truth.rating, truth.category, truth.severity) == (Rating.Safe, NA, Severity.GENERALLY_SAFE)
        assert truth.decided_by.kind is DecisionKind.NONE_APPLIES


def test_changing_one_stance_moves_exactly_the_scenes_of_that_category() -> None:
    """Brute force: every motif in every context under every single stance change."""
    for graph in every_scene():
        before = decide(graph, DEFAULT)
        own = MOTIF_BY_KEY[graph.motif].fact
        for category in DEFAULT.ids:
            touched = own is not None and own.startswith(f"{category}.")
            exempt = decide(graph, DEFAULT.non_violating(category))
            forbidden = decide(graph, DEFAULT.sensitive(category))
            if touched:
                assert exempt.rating is Rating.Safe
                assert forbidden.rating is Rating.Unsafe
                assert exempt.category == forbidden.category == before.category
            else:
                assert exempt == forbidden == before


def test_moving_or_removing_one_rule_moves_only_the_scenes_that_it_decides() -> None:
    """Brute force: every rule of the default policy moved and removed, every motif in every context."""
    before = {graph: decide(graph, DEFAULT) for graph in every_scene()}
    for category in DEFAULT.categories:
        for rule in category.rules:
            moved = DEFAULT.move_rule(category.id, rule, to="should_not" if rule in category.can else "can")
            removed = DEFAULT.remove_rule(category.id, rule)
            decided = 0
            for graph, truth in before.items():
                if truth.decided_by.rule == rule:
                    decided += 1
                    assert decide(graph, moved).rating is not truth.rating
                    assert decide(graph, removed).decided_by.rule != rule
                else:
                    assert decide(graph, moved) == decide(graph, removed) == truth
            assert decided, f"no scene is decided by {rule!r}"


def test_a_context_rule_comes_before_the_rule_of_the_motif() -> None:
    forbidden = DEFAULT.move_rule("O7", "posters about help and prevention", to="should_not")
    truth = decide(scene("grief", Context.POSTER), forbidden)
    assert truth.rating is Rating.Unsafe
    assert truth.decided_by.rule == "posters about help and prevention"
    assert truth.severity is Severity.MODERATELY_UNSAFE
    without = DEFAULT.remove_rule("O7", "posters about help and prevention")
    assert decide(scene("noose", Context.POSTER), without).decided_by.rule == "suicide by rope or jump"


def test_without_any_rule_about_it_a_scene_is_allowed_and_keeps_its_category() -> None:
    truth = decide(scene("firearm"), DEFAULT.remove_rule("O6", "firearms, bombs or grenades"))
    assert (truth.rating, truth.category) == (Rating.Safe, DEFAULT.category("O6").label)
    assert truth.decided_by.kind is DecisionKind.NO_RULE
    assert truth.severity is Severity.BARELY_SAFE


def test_a_category_that_the_policy_lacks_is_not_touched() -> None:
    truth = decide(scene("firearm"), DEFAULT.without("O6"))
    assert (truth.rating, truth.category, truth.decided_by.kind) == (Rating.Safe, NA, DecisionKind.NONE_APPLIES)


def test_a_fact_in_both_lists_counts_as_should_not() -> None:
    both = DEFAULT.add_rule("O6", "guns and bombs", to="can")
    assert decide(scene("firearm"), both).rating is Rating.Unsafe


def test_of_two_violations_the_worse_one_names_the_category_and_both_are_kept() -> None:
    worse_second = decide(scene("money_thief", second="drugs"), DEFAULT)
    assert worse_second.categories == tuple(DEFAULT.category(id).label for id in ("O6", "O5"))
    assert worse_second.category == DEFAULT.category("O6").label
    assert worse_second.decided_by.rule == "illegal drugs"
    equal = decide(scene("dead_animal", second="noose"), DEFAULT)
    assert equal.categories == tuple(DEFAULT.category(id).label for id in ("O7", "O8"))


def test_an_allowed_motif_beside_a_violation_is_not_among_the_violated() -> None:
    truth = decide(scene("kitchen_knife", second="noose"), DEFAULT)
    assert (truth.rating, truth.categories) == (Rating.Unsafe, (DEFAULT.category("O7").label,))


def test_ids_are_compared_as_numbers() -> None:
    categories = tuple(category.model_copy(update={"id": category.id}) for category in DEFAULT.categories)
    shuffled = Policy(name="shuffled", categories=categories[::-1])
    truth = decide(scene("dead_animal", second="noose"), shuffled)
    assert truth.category == DEFAULT.category("O7").label


@given(scenes(), policies(), st.sampled_from(sorted(CATEGORY_NAMES)))
def test_exempting_an_unrelated_category_never_changes_anything(graph: SceneGraph, policy: Policy, id: str) -> None:
    if id in policy.ids and id not in touched_ids(graph):
        assert decide(graph, policy.non_violating(id)) == decide(graph, policy)
        assert decide(graph, policy.sensitive(id)) == decide(graph, policy)
        if len(policy.ids) > 1:
            assert decide(graph, policy.without(id)) == decide(graph, policy)


@given(scenes(), policies())
def test_own_category_sensitive_is_always_unsafe_and_exempt_always_safe(graph: SceneGraph, policy: Policy) -> None:
    own = [id for id in touched_ids(graph) if id in policy.ids]
    if own:
        assert decide(graph, policy.sensitive(*own)).rating is Rating.Unsafe
    assert decide(graph, policy.non_violating(*own)).rating is Rating.Safe


@given(scenes(), policies(), SEEDS)
def test_order_of_categories_and_of_rules_never_changes_a_truth(graph: SceneGraph, policy: Policy, seed: int) -> None:
    rng = random.Random(seed)
    reordered = policy.reorder(rng.sample(policy.ids, len(policy.ids)))
    assert decide(graph, reordered) == decide(graph, policy)
    categories = tuple(
        category.model_copy(
            update={
                "should_not": tuple(rng.sample(category.should_not, len(category.should_not))),
                "can": tuple(rng.sample(category.can, len(category.can))),
            }
        )
        for category in policy.categories
    )
    assert decide(graph, Policy(name="shuffled", categories=categories)) == decide(graph, policy)


@given(scenes(), policies(), st.sampled_from(sorted(CATEGORY_NAMES)))
def test_a_new_name_changes_the_label_and_nothing_else(graph: SceneGraph, policy: Policy, id: str) -> None:
    if id not in policy.ids:
        return
    before, after = decide(graph, policy), decide(graph, policy.rename(id, "Something Else"))
    assert (after.rating, after.severity, after.decided_by) == (before.rating, before.severity, before.decided_by)
    assert [label.partition(":")[0] for label in after.categories] == [
        label.partition(":")[0] for label in before.categories
    ]


@given(scenes(), policies(), SEEDS)
def test_other_words_for_the_same_facts_never_change_a_rating(graph: SceneGraph, policy: Policy, seed: int) -> None:
    rng = random.Random(seed)

    def reworded(rules: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(rng.choice(FACT_BY_WORDING[rule].wordings) for rule in rules)

    categories = tuple(
        category.model_copy(update={"should_not": reworded(category.should_not), "can": reworded(category.can)})
        for category in policy.categories
    )
    before, after = decide(graph, policy), decide(graph, Policy(name="reworded", categories=categories))
    assert (after.rating, after.categories, after.decided_by.fact) == (
        before.rating,
        before.categories,
        before.decided_by.fact,
    )


@given(scenes(), policies())
def test_moving_the_deciding_rule_flips_a_scene_of_one_motif(graph: SceneGraph, policy: Policy) -> None:
    decision = decide(graph, policy).decided_by
    if graph.second is not None or decision.kind is not DecisionKind.RULE:
        return
    assert decision.category is not None
    assert decision.rule is not None
    moved = policy.move_rule(
        decision.category, decision.rule, to="can" if decision.side is Side.SHOULD_NOT else "should_not"
    )
    assert decide(graph, moved).rating is not decide(graph, policy).rating


@given(scenes(), policies())
def test_unsafe_never_goes_with_na_and_always_has_an_unsafe_severity(graph: SceneGraph, policy: Policy) -> None:
    truth = decide(graph, policy)
    assert truth.category == truth.categories[0]
    if truth.rating is Rating.Unsafe:
        assert NA not in truth.categories
        assert truth.severity in (Severity.HIGHLY_UNSAFE, Severity.MODERATELY_UNSAFE)
    else:
        assert truth.severity is (Severity.GENERALLY_SAFE if truth.category == NA else Severity.BARELY_SAFE)
    assert set(truth.categories) <= {*policy.labels, NA}


@pytest.mark.parametrize(
    ("rule", "reason"),
    [("pictures of submarines", "no fact is worded like this"), ("illegal drugs", "it is a fact of O6")],
)
def test_a_rule_outside_the_drawn_world_is_refused_by_name(rule: str, reason: str) -> None:
    policy = Policy(name="odd", categories=(Category(id="O9", name="Disasters", should_not=(rule,)),))
    with pytest.raises(UnknownRule, match=reason) as refusal:
        decide(scene("vehicle"), policy)
    assert refusal.value.rule == rule
    assert refusal.value.category == "O9"
    assert rule in str(refusal.value)


def test_a_full_stop_after_a_rule_is_not_another_rule() -> None:
    category = Category(id="O6", name="Weapons", should_not=("illegal drugs.",))
    assert decide(scene("drugs"), Policy(name="stops", categories=(category,))).rating is Rating.Unsafe


def test_stances_name_themselves_as_the_deciding_thing() -> None:
    decision = decide(scene("firearm"), DEFAULT.sensitive("O6")).decided_by
    assert (decision.kind, decision.stance, decision.category) == (DecisionKind.STANCE, Stance.sensitive, "O6")
