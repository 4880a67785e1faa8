"""Scenes and policies for the tests of the drawn world."""

from __future__ import annotations

import random
from collections.abc import Iterator

from hypothesis import strategies as st

from eyeward.data.sample import Split
from eyeward.policy.schema import Policy
from eyeward.scenes.facts import Context
from eyeward.scenes.graph import SceneGraph, SecondMotif, Style
from eyeward.scenes.motifs import MOTIFS
from eyeward.scenes.sample import sample_scene
from eyeward.scenes.variation import vary_policy

DEFAULT = Policy.load("default")

SEEDS = st.integers(min_value=0, max_value=2**40)


def scene(motif: str, context: Context = Context.NONE, second: str | None = None) -> SceneGraph:
    """Return a plain scene of one motif, or of two."""
    return SceneGraph(
        seed=1,
        motif=motif,
        slots={slot: kinds[0] for slot, kinds in next(item for item in MOTIFS if item.key == motif).slots.items()},
        context=context,
        style=Style.FLAT,
        background="plain",
        x=0.5,
        y=0.5,
        scale=0.4,
        rotation=0.0,
        mirrored=False,
        second=None if second is None else SecondMotif(second, {}, 0.75, 0.5, 0.2),
    )


def every_scene() -> Iterator[SceneGraph]:
    """Yield one scene for each motif in each context."""
    for motif in MOTIFS:
        for context in Context:
            yield scene(motif.key, context)


@st.composite
def scenes(draw: st.DrawFn) -> SceneGraph:
    """Draw scenes of one or two motifs from all splits."""
    split = draw(st.sampled_from(Split))
    return sample_scene(draw(SEEDS), split, second_share=draw(st.sampled_from((0.0, 0.0, 1.0))))


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Draw variations of the default policy."""
    return vary_policy(random.Random(draw(SEEDS)), DEFAULT, draw(st.sampled_from(Split))).policy
