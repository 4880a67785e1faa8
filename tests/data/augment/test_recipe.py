from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyeward.data.augment.presets import EYEWARD, PAPER, PRESETS, load_augmentation
from eyeward.data.augment.recipe import Augmentation, Variation, augment
from eyeward.data.augment.steps import StartWith
from eyeward.data.folder import default_policy
from eyeward.data.rationales.origin import RationaleOrigin, Writer
from eyeward.data.sample import Sample, Severity, Split
from eyeward.errors import DataError
from eyeward.policy import Policy, Stance
from eyeward.scenes.labels import label
from eyeward.scenes.relabelling import by_scene
from eyeward.scenes.sample import sample_scene
from eyeward.verdict import NA, Rating
from tests.data.drawn import DEFAULT, LABELS


def policy_of(sample: Sample) -> Policy:
    return sample.policy if isinstance(sample.policy, Policy) else default_policy()


def plain(count: int, unsafe: int, split: Split = Split.TRAIN) -> list[Sample]:
    """Make samples, the first of which are unsafe, over all categories."""
    return [
        Sample(
            image=f"{split}-{number}.png",
            group=f"{split}-{number}",
            category=LABELS[number % 9] if number < unsafe or number % 2 else NA,
            rating=Rating.Unsafe if number < unsafe else Rating.Safe,
            severity=Severity.HIGHLY_UNSAFE if number < unsafe else Severity.BARELY_SAFE,
            split=split,
        )
        for number in range(count)
    ]


def turned(samples: tuple[Sample, ...]) -> Counter[tuple[str, Split | None]]:
    """Count augmented samples whose rating is not that of their image, by the rating that they have."""
    base = {sample.image: sample.rating for sample in samples if not sample.augmented}
    return Counter(
        (sample.rating.value, sample.split)
        for sample in samples
        if sample.augmented and sample.rating is not base[sample.image]
    )


def test_the_paper_makes_5466_samples_of_its_3242_images() -> None:
    done = augment(plain(3242, 556), PAPER, policy_of)
    ratings = Counter(sample.rating for sample in done.samples)
    assert ratings == {Rating.Safe: 3242, Rating.Unsafe: 2224}
    exceptions = [sample for sample in done.samples if sample.augmented and sample.rating is Rating.Safe]
    assert len(exceptions) == 556
    assert turned(done.samples)["Unsafe", Split.TRAIN] == 0
    for sample in exceptions:
        policy = policy_of(sample)
        assert policy.category(sample.category[:2]).stance is Stance.non_violating
        assert 1 <= len(sample.changes) <= 3


def test_the_test_set_of_the_paper_has_824_samples() -> None:
    assert len(augment(plain(464, 90), PAPER, policy_of).samples) == 824


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 24), st.integers(0, 24), st.integers(0, 5))
def test_both_directions_are_even_on_every_side(train: int, test: int, seed: int) -> None:
    samples = plain(train, train // 3) + plain(test, test // 2, Split.TEST)
    done = augment(samples, EYEWARD.model_copy(update={"seed": seed}), policy_of)
    counts = turned(done.samples)
    for split in (Split.TRAIN, Split.TEST):
        assert counts["Safe", split] == counts["Unsafe", split]
    assert [sample for sample in done.samples if not sample.augmented] == samples
    by_image = {sample.image: sample for sample in samples}
    for sample in done.samples:
        origin = by_image[sample.image]
        assert (sample.split, sample.group, sample.severity) == (origin.split, origin.group, origin.severity)
    asked = [(sample.image, policy_of(sample).hash) for sample in done.samples]
    assert len(asked) == len(set(asked))


def test_the_order_of_samples_does_not_matter_and_the_seed_does() -> None:
    samples = plain(30, 10)
    shuffled = random.Random(1).sample(samples, len(samples))

    def lines(augmentation: Augmentation, of: list[Sample]) -> list[str]:
        return sorted(sample.to_json() for sample in augment(of, augmentation, policy_of).samples)

    assert lines(EYEWARD, samples) == lines(EYEWARD, shuffled)
    assert lines(EYEWARD, samples) != lines(EYEWARD.model_copy(update={"seed": 1}), samples)


def test_what_is_augmented_already_is_left_alone() -> None:
    once = augment(plain(12, 6), EYEWARD, policy_of).samples
    augmented = [sample for sample in once if sample.augmented]
    assert list(augment(augmented, EYEWARD, policy_of).samples) == augmented


def test_scenes_know_the_answer_under_every_pack() -> None:
    scenes = [label(sample_scene(seed), f"{seed}.png", Split.TRAIN, DEFAULT) for seed in range(60)]
    by_label = augment(scenes, EYEWARD, policy_of)
    by_graph = augment(scenes, EYEWARD, policy_of, by_scene)
    packs = [s for s in by_graph.samples if s.changes and s.changes[0].kind == "policy_chosen"]
    assert packs
    assert by_graph.left_out.get("unknown_label", 0) == 0
    assert by_label.left_out["unknown_label"] > 0
    assert all(sample.rationale for sample in by_graph.samples)


def test_ratings_and_categories_can_be_balanced() -> None:
    samples = plain(60, 10)
    fields = {"balance_ratings": True, "balance_categories": 1.5}
    done = augment(samples, EYEWARD.model_copy(update=fields), policy_of)
    loose = augment(samples, EYEWARD, policy_of)

    def gap(of: tuple[Sample, ...]) -> int:
        ratings = Counter(sample.rating for sample in of)
        return abs(ratings[Rating.Safe] - ratings[Rating.Unsafe])

    assert gap(done.samples) < gap(loose.samples)
    made = Counter(sample.category for sample in done.samples if sample.augmented)
    before = Counter(sample.category for sample in loose.samples if sample.augmented)
    assert made[NA] < before[NA]
    assert done.left_out["one_category"] > 0


@pytest.mark.parametrize("name", list(PRESETS))
def test_presets_are_yaml_that_reads_back(tmp_path: Path, name: str) -> None:
    preset = load_augmentation(name, seed=4)
    assert preset.seed == 4
    (tmp_path / "mine.yaml").write_text(preset.model_dump_json(), encoding="utf-8")
    assert load_augmentation(str(tmp_path / "mine.yaml")) == preset


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("variations: [{steps: [{step: flip}]}]", "does not match any of the expected tags"),
        ("variations: [{steps: []}]", "variations"),
        ("variations: [", "not YAML"),
        ("- 1", "not YAML"),
    ],
)
def test_an_augmentation_that_cannot_be_read_says_where(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=words) as raised:
        load_augmentation(str(tmp_path / "mine.yaml"))
    assert "mine.yaml" in str(raised.value)
    with pytest.raises(DataError, match="name a preset"):
        load_augmentation("none")


def test_where_a_reason_is_from_goes_with_the_reason() -> None:
    origin = RationaleOrigin(writer=Writer.rules)
    reasoned = [sample.model_copy(update={"rationale": "A gun.", "rationale_from": origin}) for sample in plain(6, 4)]
    made = [sample for sample in augment(reasoned, EYEWARD, policy_of).samples if sample.augmented]
    assert {sample.rationale for sample in made} == {"A gun.", None}
    for sample in made:
        assert sample.rationale_from == (origin if sample.rationale else None)


def test_other_words_around_the_same_policy_are_a_variant_of_their_own() -> None:
    start = Augmentation(variations=(Variation(steps=(StartWith(sentences=("Judge this.",)),)),))
    done = augment(plain(4, 2), start, policy_of)
    made = [sample for sample in done.samples if sample.augmented]
    assert [sample.rating for sample in made] == [Rating.Unsafe] * 2 + [Rating.Safe] * 2
    assert {policy_of(sample).hash for sample in made} == {DEFAULT.hash}
    assert len({(sample.image, sample.asked) for sample in done.samples}) == 8
    assert augment(done.samples, start, policy_of).left_out == {"same_policy": 4}
