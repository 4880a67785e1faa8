from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from eyeward.data.sample import Severity, Split
from eyeward.data.split import Amount, Member, Plan, Preset, Stratum, split

STRATA = [Stratum(category, level) for category in ("O1", "O2", "NA") for level in (*Severity, "Safe", "Unsafe")]
AMOUNTS = st.one_of(
    st.builds(Amount, share=st.floats(0.0, 0.5)),
    st.builds(Amount, images=st.integers(0, 40)),
    st.builds(Amount, images=st.integers(0, 20), unsafe_each=st.integers(0, 4)),
)
PLANS = st.builds(Plan, test=AMOUNTS, validation=AMOUNTS, seed=st.integers(0, 9))
MEMBERS = st.lists(
    st.builds(
        Member,
        st.integers(0, 30).map(lambda number: f"group-{number}"),
        st.sampled_from(STRATA),
        st.none() | st.sampled_from(list(Split)),
    ),
    max_size=60,
)


def single(count: int, stratum: Stratum, name: str = "image") -> list[Member]:
    return [Member(f"{name}-{stratum.category}-{stratum.level}-{number}", stratum) for number in range(count)]


def sizes(members: list[Member], plan: Plan) -> Counter[tuple[Stratum, Split]]:
    sides = split(members, plan).of
    return Counter((member.stratum, sides[member.group]) for member in members)


@given(MEMBERS, PLANS)
def test_every_group_is_on_one_side_whatever_the_order_of_its_images(members: list[Member], plan: Plan) -> None:
    sides = split(members, plan)
    assert set(sides.of) == {member.group for member in members}
    shuffled = random.Random(1).sample(members, len(members))
    assert split(shuffled, plan) == sides


@given(MEMBERS, PLANS)
def test_a_side_that_was_given_stays_and_the_most_protected_one_wins(members: list[Member], plan: Plan) -> None:
    sides = split(members, plan)
    for group, side in sides.of.items():
        given = {member.split for member in members if member.group == group} - {None}
        if given:
            assert side == next(s for s in (Split.TEST, Split.VALIDATION, Split.TRAIN) if s in given)
        assert (group in sides.crossing) == (len(given) > 1)


@given(st.lists(st.integers(0, 60), min_size=len(STRATA), max_size=len(STRATA)), st.floats(0.0, 0.5), st.integers(0, 5))
def test_every_stratum_gives_its_share_to_within_one_image(counts: list[int], share: float, seed: int) -> None:
    members = [item for stratum, count in zip(STRATA, counts, strict=True) for item in single(count, stratum)]
    plan = Plan(test=Amount(share=share), validation=Amount(share=share / 2), seed=seed)
    found = sizes(members, plan)
    for stratum, count in zip(STRATA, counts, strict=True):
        assert abs(found[stratum, Split.TEST] - share * count) < 1.0 + 1e-6
        assert abs(found[stratum, Split.VALIDATION] - share / 2 * count) < 1.0 + 1e-6
    test = sum(number for (_, side), number in found.items() if side is Split.TEST)
    assert abs(test - share * len(members)) <= 0.5 + 1e-6


def test_another_seed_gives_other_sides_and_the_same_seed_the_same() -> None:
    members = single(200, STRATA[0])
    plans = [Plan(seed=seed) for seed in (0, 0, 1)]
    first, again, other = (split(members, plan).of for plan in plans)
    assert first == again != other


def test_images_that_come_later_move_hardly_any() -> None:
    members = single(1000, STRATA[0])
    before = split(members, Plan()).of
    after = split(members + single(10, STRATA[0], "new"), Plan()).of
    assert sum(before[group] is not after[group] for group in before) <= 4


def test_the_sizes_of_the_paper() -> None:
    unsafe = [
        Stratum(f"O{number}", level)
        for number in range(1, 10)
        for level in (Severity.HIGHLY_UNSAFE, Severity.MODERATELY_UNSAFE)
    ]
    safe = [Stratum(f"O{number}", Severity.BARELY_SAFE) for number in range(1, 10)]
    safe.append(Stratum("NA", Severity.GENERALLY_SAFE))
    members = [item for stratum in unsafe for item in single(60, stratum)]
    members += [item for stratum in safe for item in single(200, stratum)]
    sides = split(members, Preset.paper.plan())
    found = sizes(members, Preset.paper.plan())
    assert {found[stratum, Split.TEST] for stratum in unsafe} == {5}
    assert sum(found[stratum, Split.TEST] for stratum in unsafe) == 90
    assert sum(found[stratum, Split.TEST] for stratum in safe) == 374
    assert sum(found[stratum, Split.VALIDATION] for stratum in unsafe + safe) == 71
    assert sides.missing == {Split.TEST: {}, Split.VALIDATION: {}}


def test_a_stratum_that_is_too_small_is_named() -> None:
    members = single(3, STRATA[0]) + single(30, Stratum("NA", Severity.GENERALLY_SAFE))
    plan = Plan(test=Amount(unsafe_each=5, images=10), validation=Amount(images=0))
    assert sizes(members, plan)[STRATA[0], Split.TEST] == 3
    assert split(members, plan).missing[Split.TEST] == {STRATA[0]: 2}
    everything = Plan(test=Amount(images=50), validation=Amount(images=0))
    assert sum(split(members, everything).missing[Split.TEST].values()) == 17
    big = [Member("one group", STRATA[0]) for _ in range(9)]
    sides = split(big, Plan(test=Amount(images=4), validation=Amount(images=0)))
    assert sides.of == {"one group": Split.TRAIN}
    assert sides.missing[Split.TEST] == {STRATA[0]: 4}


def test_a_group_is_stratified_by_its_worst_image() -> None:
    worst = Stratum("O2", Severity.HIGHLY_UNSAFE)
    members = [Member("g", Stratum("O1", Severity.BARELY_SAFE)), Member("g", worst)]
    plan = Plan(test=Amount(images=0, unsafe_each=2), validation=Amount(images=0))
    assert split(members, plan).of == {"g": Split.TEST}


@pytest.mark.parametrize("fields", [{}, {"share": 0.1, "images": 3}, {"share": 0.1, "unsafe_each": 3}, {"share": 1.0}])
def test_an_amount_is_one_amount(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Amount.model_validate(fields)


def test_sides_that_were_given_count_towards_the_share() -> None:
    members = single(90, STRATA[0]) + [Member(f"given-{number}", STRATA[0], Split.TEST) for number in range(10)]
    found = sizes(members, Plan(test=Amount(share=0.1), validation=Amount(share=0.0)))
    assert found == {(STRATA[0], Split.TEST): 10, (STRATA[0], Split.TRAIN): 90}


@pytest.mark.parametrize("preset", list(Preset))
def test_a_preset_takes_its_seed(preset: Preset) -> None:
    assert (preset.plan().seed, preset.plan(7).seed) == (0, 7)


@pytest.mark.parametrize(
    ("level", "unsafe"),
    [
        (Severity.HIGHLY_UNSAFE, True),
        (Severity.MODERATELY_UNSAFE, True),
        (Severity.BARELY_SAFE, False),
        (Severity.GENERALLY_SAFE, False),
        ("Unsafe", True),
        ("Safe", False),
    ],
)
def test_a_stratum_is_unsafe_by_its_severity_or_else_by_its_rating(level: str, unsafe: bool) -> None:
    assert Stratum("O1", level).unsafe is unsafe
