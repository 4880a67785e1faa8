from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given

from eyeward.data.sample import Split
from eyeward.errors import UsageError
from eyeward.scenes.facts import CATEGORY_NAMES, FACTS, Context
from eyeward.scenes.graph import Style
from eyeward.scenes.motifs import MOTIF_BY_KEY, MOTIFS
from eyeward.scenes.reserve import pair_is_reserved, reserved_pairs, split_of_seed
from eyeward.scenes.sample import LARGEST, MOST_ROTATION, SMALLEST, Pairs, sample_scene
from eyeward.scenes.truth import decide
from eyeward.verdict import NA, Rating
from tests.scenes.worlds import DEFAULT, SEEDS

MANY = [sample_scene(number) for number in range(6000)]
TRUTHS = [decide(graph, DEFAULT) for graph in MANY]


def test_a_quarter_is_everyday_and_the_rest_is_half_violating() -> None:
    everyday = sum(truth.category == NA for truth in TRUTHS) / len(TRUTHS)
    violating = sum(truth.rating is Rating.Unsafe for truth in TRUTHS) / sum(truth.category != NA for truth in TRUTHS)
    assert 0.22 < everyday < 0.28
    assert 0.46 < violating < 0.54


def test_every_category_is_as_frequent_as_the_others_on_both_sides() -> None:
    counts = Counter((truth.category, truth.rating) for truth in TRUTHS if truth.category != NA)
    assert len(counts) == 2 * len(CATEGORY_NAMES)
    assert max(counts.values()) < 1.5 * min(counts.values())


def test_every_motif_and_every_default_rule_occurs() -> None:
    assert {graph.motif for graph in MANY} == {motif.key for motif in MOTIFS}
    assert {truth.decided_by.fact for truth in TRUTHS} >= {fact.key for fact in FACTS if not fact.extra}


def test_about_half_stand_without_a_context_and_every_context_has_everyday_and_unsafe_scenes() -> None:
    plain = sum(graph.context is Context.NONE for graph in MANY) / len(MANY)
    assert 0.51 < plain < 0.59
    for context in Context:
        there = [truth for graph, truth in zip(MANY, TRUTHS, strict=True) if graph.context is context]
        assert sum(truth.category == NA for truth in there) > 30
        assert sum(truth.rating is Rating.Unsafe for truth in there) > 30
        assert sum(truth.rating is Rating.Safe and truth.category != NA for truth in there) > 30


def test_a_context_alone_does_not_tell_the_rating() -> None:
    """Each motif that a rule forbids is drawn with contexts that lift the rule and with others that do not."""
    ratings: dict[tuple[str, bool], set[Rating]] = {}
    for graph, truth in zip(MANY, TRUTHS, strict=True):
        ratings.setdefault((truth.category, graph.context is Context.NONE), set()).add(truth.rating)
    for category in DEFAULT.labels:
        assert ratings[category, False] == {Rating.Safe, Rating.Unsafe}


def test_everything_lies_inside_the_picture() -> None:
    for graph in MANY:
        assert SMALLEST <= graph.scale <= LARGEST
        assert graph.scale <= graph.x <= 1 - graph.scale + 1e-9
        assert graph.scale <= graph.y <= 1 - graph.scale + 1e-9
        assert abs(graph.rotation) <= MOST_ROTATION
        assert len(graph.distractors) <= 2
        for item in graph.distractors:
            assert item.scale <= min(item.x, item.y, 1 - item.x, 1 - item.y) + 1e-9
            assert max(abs(item.x - graph.x), abs(item.y - graph.y)) > 0.7 * graph.scale


def test_slots_are_filled_with_what_the_motif_allows() -> None:
    for graph in MANY:
        motif = MOTIF_BY_KEY[graph.motif]
        assert graph.slots.keys() == motif.slots.keys()
        assert all(graph.slots[slot] in kinds for slot, kinds in motif.slots.items())


@given(SEEDS)
def test_the_same_seed_gives_the_same_scene_in_both_styles(seed: int) -> None:
    flat, ink = sample_scene(seed), sample_scene(seed, style=Style.INK)
    assert flat == sample_scene(seed)
    assert replace(ink, style=Style.FLAT) == flat


@given(SEEDS)
def test_the_splits_have_seeds_of_their_own(seed: int) -> None:
    for split in Split:
        graph = sample_scene(seed, split)
        assert split_of_seed(graph.seed) is split
        assert 0 <= graph.seed < 2**53


def test_no_reserved_pair_is_drawn_unless_asked_for_and_then_nothing_else() -> None:
    assert not any(pair_is_reserved(graph.motif, graph.context) for graph in MANY)
    for split in Split:
        drawn = (sample_scene(number, split, second_share=0.3) for number in range(500))
        for graph in drawn:
            assert not pair_is_reserved(graph.motif, graph.context)
            assert graph.second is None or not pair_is_reserved(graph.second.motif, graph.context)
    reserved = [sample_scene(number, Split.TEST, pairs=Pairs.RESERVED) for number in range(1500)]
    assert {(graph.motif, graph.context) for graph in reserved} == reserved_pairs()
    assert not {graph.seed for graph in reserved} & {sample_scene(number, Split.TEST).seed for number in range(1500)}


def test_reserved_pairs_cannot_be_asked_for_in_training() -> None:
    with pytest.raises(UsageError, match="kept for testing"):
        sample_scene(1, Split.TRAIN, pairs=Pairs.RESERVED)


def test_second_motifs_are_drawn_when_asked_for_and_stand_apart() -> None:
    assert all(graph.second is None for graph in MANY)
    pairs = [graph for graph in (sample_scene(number, second_share=1.0) for number in range(300)) if graph.second]
    assert len(pairs) > 200
    for graph in pairs:
        assert graph.second is not None
        assert graph.x + graph.scale <= 0.5 + 1e-6
        assert graph.second.x - graph.second.scale >= 0.5 - 1e-6
