"""The right label of a drawn scene under any changed policy, for augmentations, and the reason of a label."""

from __future__ import annotations

from eyeward.data.augment.labelling import Label, by_annotation
from eyeward.data.augment.variant import Variant
from eyeward.data.sample import Sample
from eyeward.policy.schema import Policy
from eyeward.scenes.labels import deciding_words, graph_of
from eyeward.scenes.rationale import rationale
from eyeward.scenes.truth import UnknownRule, decide


def by_scene(variant: Variant) -> Label | None:
    """Decide a scene by its graph, and an image without one by what its annotator said."""
    if variant.sample.scene is None:
        return by_annotation(variant)
    graph = graph_of(variant.sample)
    try:
        truth = decide(graph, variant.policy)
    except UnknownRule:
        return None
    words = deciding_words(truth.decided_by)
    return Label(truth.rating, truth.category, truth.categories, words, rationale(graph, truth))


def reason_by_scene(sample: Sample, policy: Policy) -> str | None:
    """Return the right reason of a drawn scene, or None: for other images, and where its label says something else."""
    if sample.scene is None:
        return None
    graph = graph_of(sample)
    try:
        truth = decide(graph, policy)
    except UnknownRule:
        return None
    as_labelled = truth.rating is sample.rating and truth.category == sample.category
    return rationale(graph, truth) if as_labelled else None
