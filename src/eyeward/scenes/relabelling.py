"""The right label of a drawn scene under any changed policy, for augmentations."""

from __future__ import annotations

from eyeward.data.augment.labelling import Label, by_annotation
from eyeward.data.augment.variant import Variant
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
