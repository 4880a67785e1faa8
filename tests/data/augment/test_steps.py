from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeward.data.augment.labelling import by_annotation
from eyeward.data.augment.steps import (
    ChoosePolicy,
    Count,
    DeclareOthers,
    DeclareOwn,
    MoveDecidingRule,
    MoveOtherRules,
    RemoveCategories,
    Rename,
    Reorder,
    StartWith,
    Step,
)
from eyeward.data.augment.variant import Variant
from eyeward.data.changes import StanceChanged, worded
from eyeward.data.sample import Sample
from eyeward.policy import Stance
from eyeward.scenes.labels import label
from eyeward.scenes.relabelling import by_scene
from eyeward.scenes.sample import sample_scene
from eyeward.verdict import NA, Rating
from tests.data.drawn import DEFAULT

WEAPONS = "O6: Weapons or Substance Abuse"
HATE = "O1: Hate, Humiliation, Harassment"
RULE = DEFAULT.category("O6").should_not[0]
UNSAFE = Sample(image="a.png", group="a", category=WEAPONS, rating=Rating.Unsafe, decided_by=RULE, rationale="A gun.")
ALLOWED = UNSAFE.model_copy(update={"rating": Rating.Safe, "decided_by": DEFAULT.category("O6").can[0]})
NOTHING = Sample(image="a.png", group="a", category=NA, rating=Rating.Safe)
BOTH = UNSAFE.model_copy(update={"categories": (WEAPONS, HATE), "decided_by": None})
EXEMPT, SENSITIVE = Stance.non_violating, Stance.sensitive
NONE, ANY = Count(least=0, most=0), Count(least=1, most=3)

STEPS: list[Step] = [
    DeclareOwn(stance=EXEMPT, others=Count(least=0, most=2)),
    DeclareOwn(stance=SENSITIVE, others=Count(least=0, most=2)),
    DeclareOthers(stance=EXEMPT),
    DeclareOthers(stance=SENSITIVE),
    MoveDecidingRule(),
    MoveOtherRules(),
    RemoveCategories(own=True, count=Count(least=0, most=2)),
    RemoveCategories(),
    Reorder(),
    Rename(names={"O6": ("Arms",), "O2": ("Fights",)}),
    ChoosePolicy(policies=("children", "news")),
    StartWith(sentences=("Judge.",)),
]


def variant(sample: Sample) -> Variant:
    return Variant(sample, DEFAULT, DEFAULT)


def after(step: Step, sample: Sample, seed: int = 0) -> Variant | None:
    return step.apply(variant(sample), random.Random(seed))


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.step)
@pytest.mark.parametrize("sample", [UNSAFE, ALLOWED, NOTHING, BOTH], ids=["unsafe", "allowed", "nothing", "both"])
def test_a_step_is_the_same_for_the_same_seed_and_records_what_it_did(step: Step, sample: Sample) -> None:
    for seed in range(10):
        once = after(step, sample, seed)
        assert once == after(step, sample, seed)
        if once is not None:
            assert once.changes
            assert worded(once.policy, once.changes) != DEFAULT


@pytest.mark.parametrize(
    ("step", "sample", "rating", "category"),
    [
        (DeclareOwn(stance=EXEMPT), UNSAFE, Rating.Safe, WEAPONS),
        (DeclareOwn(stance=EXEMPT), BOTH, Rating.Safe, WEAPONS),
        (DeclareOwn(stance=SENSITIVE), ALLOWED, Rating.Unsafe, WEAPONS),
        (DeclareOthers(stance=EXEMPT), UNSAFE, Rating.Unsafe, WEAPONS),
        (DeclareOthers(stance=EXEMPT), NOTHING, Rating.Safe, NA),
        (DeclareOthers(stance=SENSITIVE), ALLOWED, Rating.Safe, WEAPONS),
        (DeclareOthers(stance=SENSITIVE), NOTHING, Rating.Safe, NA),
        (MoveDecidingRule(), UNSAFE, Rating.Safe, WEAPONS),
        (MoveDecidingRule(), ALLOWED, Rating.Unsafe, WEAPONS),
        (MoveOtherRules(), UNSAFE, Rating.Unsafe, WEAPONS),
        (RemoveCategories(own=True, count=NONE), UNSAFE, Rating.Safe, NA),
        (RemoveCategories(own=True, count=NONE), BOTH, Rating.Safe, NA),
        (RemoveCategories(), UNSAFE, Rating.Unsafe, WEAPONS),
        (Reorder(), ALLOWED, Rating.Safe, WEAPONS),
        (Rename(names={"O6": ("Arms",)}, count=Count(least=1, most=1)), UNSAFE, Rating.Unsafe, "O6: Arms"),
    ],
)
def test_the_label_follows_the_policy(step: Step, sample: Sample, rating: Rating, category: str) -> None:
    for seed in range(20):
        changed = after(step, sample, seed)
        assert changed is not None
        found = by_annotation(changed)
        assert found is not None
        assert (found.rating, found.category) == (rating, category)


@pytest.mark.parametrize(
    ("step", "sample"),
    [
        (DeclareOwn(stance=EXEMPT), ALLOWED),
        (DeclareOwn(stance=EXEMPT), NOTHING),
        (DeclareOwn(stance=SENSITIVE), UNSAFE),
        (DeclareOwn(stance=SENSITIVE), NOTHING),
        (DeclareOthers(stance=EXEMPT, ratings=(Rating.Unsafe,)), ALLOWED),
        (MoveDecidingRule(), NOTHING),
        (MoveDecidingRule(), BOTH),
        (RemoveCategories(own=True), NOTHING),
        (Rename(names={"O99": ("x",)}), UNSAFE),
    ],
)
def test_a_step_that_means_nothing_for_a_sample_does_not_apply(step: Step, sample: Sample) -> None:
    assert all(after(step, sample, seed) is None for seed in range(5))


@given(st.integers(0, 999), st.sampled_from([UNSAFE, ALLOWED, NOTHING, BOTH]))
def test_unrelated_stances_leave_the_categories_of_the_image_alone(seed: int, sample: Sample) -> None:
    for stance in (EXEMPT, SENSITIVE):
        changed = after(DeclareOthers(stance=stance, count=ANY), sample, seed)
        assert changed is not None
        declared = {category.id for category in changed.policy.categories if category.stance is stance}
        assert 1 <= len(declared) <= 3
        assert not declared & set(changed.touched)
        assert {change.category for change in changed.changes if isinstance(change, StanceChanged)} == declared


def test_of_several_violated_categories_all_have_to_be_exempt() -> None:
    policy = DEFAULT.non_violating("O6")
    found = by_annotation(Variant(BOTH, DEFAULT, policy, (StanceChanged(category="O6", to=EXEMPT),)))
    assert found is not None
    assert (found.rating, found.category, found.categories) == (Rating.Unsafe, HATE, (HATE,))


def test_what_the_annotator_was_not_asked_is_unknown() -> None:
    unread = [
        DEFAULT.add_rule("O2", "snowball fights", "should_not"),  # may be in the picture
        DEFAULT.remove_rule("O6", RULE),  # another rule may forbid it
    ]
    for policy in unread:
        assert by_annotation(Variant(UNSAFE, DEFAULT, policy)) is None
    undecided = UNSAFE.model_copy(update={"decided_by": None})
    assert by_annotation(Variant(undecided, DEFAULT, DEFAULT.move_rule("O6", RULE, "can"))) is None


def test_a_reason_is_kept_only_where_it_still_holds() -> None:
    kept = after(DeclareOthers(stance=EXEMPT), UNSAFE)
    turned = after(DeclareOwn(stance=EXEMPT), UNSAFE)
    renamed = after(Rename(names={"O6": ("Arms",)}), UNSAFE)
    assert kept and turned and renamed
    labels = [by_annotation(changed) for changed in (kept, turned, renamed)]
    assert [found and found.rationale for found in labels] == ["A gun.", None, None]
    assert [found and found.decided_by for found in labels] == [RULE, "non_violating", RULE]


@given(st.integers(0, 3000), st.integers(0, 99), st.sampled_from(STEPS))
def test_annotations_of_scenes_mean_what_their_graphs_decide(scene: int, seed: int, step: Step) -> None:
    sample = label(sample_scene(scene), "a.png", "train", DEFAULT)  # type: ignore[arg-type]
    changed = after(step, sample, seed)
    found = None if changed is None else by_annotation(changed)
    if changed is not None and found is not None:
        truth = by_scene(changed)
        assert truth is not None
        assert (found.rating, found.category) == (truth.rating, truth.category)
