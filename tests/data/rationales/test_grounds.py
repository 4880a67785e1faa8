"""What decides a label, in one sentence."""

from __future__ import annotations

import pytest
from hypothesis import given

from eyeward.data.rationales.faults import argues_for, rationale_faults
from eyeward.data.rationales.grounds import Groundless, Grounds, from_label, grounds_of, with_grounds
from eyeward.data.sample import Sample, Split
from eyeward.policy import Policy
from eyeward.policy.loading import pack_names
from eyeward.scenes.graph import SceneGraph
from eyeward.scenes.labels import label
from eyeward.scenes.relabelling import reason_by_scene
from eyeward.verdict import NA, Rating
from tests.data.rationales.classroom import ALLOWED, DEFAULT, FORBIDDEN, O6, sample
from tests.scenes.worlds import policies, scenes

UNSAFE, SAFE = Rating.Unsafe, Rating.Safe


@pytest.mark.parametrize(
    ("labelled", "policy", "sentence", "excepted"),
    [
        (sample(decided_by=FORBIDDEN), DEFAULT, f"It breaks the rule: {FORBIDDEN.rstrip('.')}.", False),
        (sample(rating=SAFE, decided_by=ALLOWED), DEFAULT, f"It is allowed by the rule: {ALLOWED.rstrip('.')}.", True),
        (sample(), DEFAULT, "It breaks a rule of O6.", False),
        (sample(rating=SAFE), DEFAULT, "No rule of O6 forbids it.", False),
        (sample(rating=SAFE, decided_by="no_rule"), DEFAULT, "No rule of O6 forbids it.", False),
        (sample(rating=SAFE), DEFAULT.non_violating("O6"), "Category O6 is declared as non-violating.", True),
        (sample(), DEFAULT.sensitive("O6"), "Category O6 is declared as sensitive.", True),
        (sample(rating=SAFE, category=NA), DEFAULT, "No category applies.", False),
    ],
)
def test_the_label_and_its_policy_say_what_decides(
    labelled: Sample, policy: Policy, sentence: str, excepted: bool
) -> None:
    assert grounds_of(labelled, policy) == Grounds(sentence, excepted)


@pytest.mark.parametrize(
    ("labelled", "policy", "why"),
    [
        (sample(), DEFAULT.non_violating("O6"), Groundless.label_against_policy),
        (sample(rating=SAFE), DEFAULT.sensitive("O6"), Groundless.label_against_policy),
        (sample(decided_by=ALLOWED), DEFAULT, Groundless.label_against_policy),
        (sample(rating=SAFE, decided_by=FORBIDDEN), DEFAULT, Groundless.label_against_policy),
        (sample(), DEFAULT.without("O6"), Groundless.category_not_in_policy),
        (sample(), DEFAULT.rename("O6", "Arms"), Groundless.category_not_in_policy),
    ],
)
def test_where_label_and_policy_disagree_nothing_is_said(labelled: Sample, policy: Policy, why: Groundless) -> None:
    assert grounds_of(labelled, policy) is why


@pytest.mark.parametrize("pack", pack_names())
def test_reasons_from_rules_have_no_fault_and_argue_for_their_rating(pack: str) -> None:
    policy = Policy.load(pack)
    labels: list[tuple[Rating, str, str | None]] = [(SAFE, NA, None)]
    for category in policy.categories:
        labels += [(UNSAFE, category.label, rule) for rule in (*category.should_not, None)]
        labels += [(SAFE, category.label, rule) for rule in (*category.can, None)]
    checked = 0
    for rating, category_label, rule in labels:
        labelled = sample(rating=rating, category=category_label, decided_by=rule)
        grounds = grounds_of(labelled, policy)
        if isinstance(grounds, Groundless):  # a pack may declare a category
            continue
        text = from_label(labelled, grounds)
        assert rationale_faults(text, rating, category_label, policy) == set(), text
        assert argues_for(text) in (rating, None)
        checked += 1
    assert checked > len(policy.categories)


@given(scenes(), policies())
def test_the_reasons_of_scenes_end_with_the_same_sentence(graph: SceneGraph, policy: Policy) -> None:
    labelled = label(graph, "a.png", Split.TEST, policy)
    grounds = grounds_of(labelled, policy)
    assert isinstance(grounds, Grounds)
    assert labelled.rationale is not None and labelled.rationale.endswith(grounds.sentence)
    assert with_grounds(labelled.rationale, grounds) == labelled.rationale


@given(scenes(), policies())
def test_a_scene_gives_its_own_reason_only_for_its_own_label(graph: SceneGraph, policy: Policy) -> None:
    labelled = label(graph, "a.png", Split.TEST, policy)
    assert reason_by_scene(labelled, policy) == labelled.rationale
    other = Rating.Safe if labelled.rating is Rating.Unsafe else Rating.Unsafe
    assert reason_by_scene(labelled.model_copy(update={"rating": other}), policy) is None
    assert reason_by_scene(labelled.model_copy(update={"scene": None}), policy) is None


def test_an_exception_is_said_once_and_what_is_no_exception_needs_no_words() -> None:
    policy = DEFAULT.non_violating("O6")
    grounds = grounds_of(sample(rating=SAFE), policy)
    assert isinstance(grounds, Grounds)
    said = "A gun lies there. Since category O6 is declared as non-violating, it is allowed."
    assert with_grounds(said, grounds) == said
    assert with_grounds("A gun lies there", grounds) == f"A gun lies there. {grounds.sentence}"
    assert with_grounds("A gun!", grounds) == f"A gun! {grounds.sentence}"
    other = "Category O61 is declared as non-violating."
    assert with_grounds(other, grounds) == f"{other} {grounds.sentence}"
    plain = grounds_of(sample(), DEFAULT)
    assert isinstance(plain, Grounds)
    assert with_grounds("A gun lies there", plain) == "A gun lies there"


def test_marks_that_json_escapes_are_left_out() -> None:
    policy = DEFAULT.add_rule("O6", 'the "worst"\\ guns.', "should_not")
    labelled = sample(decided_by='the "worst"\\ guns.')
    grounds = grounds_of(labelled, policy)
    assert isinstance(grounds, Grounds)
    assert from_label(labelled, grounds) == f"The image falls under {O6.label}. It breaks the rule: the worst guns."
