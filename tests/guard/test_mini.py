"""The guard that ships: it sees, it reads, it says what it cannot judge. Small samples; figures are in benchmarks/."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

import eyeward
from eyeward.guard.guard import Guard
from eyeward.guard.loading import packaged_guards
from eyeward.policy import Policy
from eyeward.scenes.graph import SceneGraph
from eyeward.scenes.paint import paint
from eyeward.scenes.sample import sample_scene
from eyeward.scenes.truth import decide
from eyeward.verdict import NA, Rating, ReviewReason

DEFAULT = Policy.load("default")
SCENES = [sample_scene(number, "validation") for number in range(90)]
UNSAFE = [graph for graph in SCENES if decide(graph, DEFAULT).rating is Rating.Unsafe]
ALLOWED = [g for g in SCENES if (t := decide(g, DEFAULT)).rating is Rating.Safe and t.category != NA]


@pytest.fixture(scope="module")
def mini() -> Iterator[Guard]:
    yield eyeward.load_guard("mini")


def ratings(guard: Guard, graphs: list[SceneGraph], policies: list[Policy]) -> list[Rating | None]:
    requests = (eyeward.Request(paint(g), p) for g, p in zip(graphs, policies, strict=True))
    return [verdict.rating for verdict in guard.assess_requests(requests)]


def own(graph: SceneGraph) -> str:
    return decide(graph, DEFAULT).category.split(":")[0]


def test_it_tells_safe_from_unsafe_scenes(mini: Guard) -> None:
    said = ratings(mini, SCENES, [DEFAULT] * len(SCENES))
    right = [s is decide(g, DEFAULT).rating for s, g in zip(said, SCENES, strict=True)]
    assert np.mean(right) > 0.9


def test_alone_or_in_a_batch_and_in_half_precision_the_verdict_is_the_same(mini: Guard) -> None:
    scenes = [paint(graph) for graph in SCENES[:24]]
    half, whole = (eyeward.load_guard("mini", dtype=dtype, self_check="off") for dtype in ("bfloat16", "float32"))
    together = list(half.assess_many(scenes, DEFAULT))
    for gap, others in (
        (0.01, [half.assess(scene, DEFAULT) for scene in scenes]),
        (0.02, whole.assess_many(scenes, DEFAULT)),
    ):
        for verdict, other in zip(together, others, strict=True):
            assert verdict.p_unsafe == pytest.approx(other.p_unsafe, abs=gap)
            assert (verdict.rating, verdict.category) == (other.rating, other.category)


def test_exempting_the_category_of_a_scene_flips_it_and_exempting_another_does_not(mini: Guard) -> None:
    exempt = ratings(mini, UNSAFE, [DEFAULT.non_violating(own(g)) for g in UNSAFE])
    other = ratings(mini, UNSAFE, [DEFAULT.non_violating("O1" if own(g) != "O1" else "O9") for g in UNSAFE])
    assert np.mean([r is Rating.Safe for r in exempt]) > 0.85
    assert np.mean([r is Rating.Unsafe for r in other]) > 0.85


def test_a_sensitive_category_forbids_what_its_rules_allow(mini: Guard) -> None:
    own_sensitive = ratings(mini, ALLOWED, [DEFAULT.sensitive(own(g)) for g in ALLOWED])
    assert np.mean([r is Rating.Unsafe for r in own_sensitive]) > 0.85


def test_the_answer_is_json_and_the_rationale_names_what_is_seen(mini: Guard) -> None:
    verdict = mini.assess(paint(UNSAFE[0]), DEFAULT, explain=True)
    assert verdict.rationale is not None
    assert verdict.rationale.startswith("The image shows ")
    assert json.loads(verdict.model_dump_json())["rationale"] == verdict.rationale


def test_a_picture_that_is_no_scene_is_for_review(mini: Guard) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    verdict = mini.assess(noise, DEFAULT)
    assert verdict.rating is Rating.Review
    assert verdict.review is not None
    assert verdict.review.reason is ReviewReason.out_of_scope


def test_a_policy_with_words_it_never_met_is_outside_of_what_it_reads(mini: Guard) -> None:
    policy = DEFAULT.add_rule("O6", "zeppelins over the harbour", to="should_not")
    assert mini.coverage(policy).not_covered == ("O6",)
    verdict = mini.assess(paint(SCENES[0]), policy)
    assert verdict.rating is Rating.Review
    assert "policy_words_unknown" in verdict.notes


def test_every_shipped_policy_is_covered(mini: Guard) -> None:
    for name in ("default", "children", "news", "medical"):
        assert mini.coverage(Policy.load(name)).not_covered == ()


def test_only_weights_lie_beside_the_weights() -> None:
    """Servers read every safetensors file of a folder as weights of the model."""
    for folder in packaged_guards().values():
        assert [file.name for file in folder.glob("*.safetensors")] == ["model.safetensors"]
