"""Captions, questions and answers about what a scene shows, without any verdict: the first lessons of a guard."""

from __future__ import annotations

import random
from dataclasses import dataclass

from eyeward.scenes.facts import CATEGORY_NAMES, FACT_BY_KEY, Context
from eyeward.scenes.graph import SceneGraph
from eyeward.scenes.motifs import MOTIF_BY_KEY

CONTEXT_PHRASES: dict[Context, str] = {
    Context.NONE: "",
    Context.NEWSPAPER: " on a newspaper page",
    Context.FRAME: " in a museum frame",
    Context.POSTER: " on an information poster",
    Context.BADGE: " beside a police badge",
    Context.PHONE: " on a phone screen",
    Context.BILLBOARD: " on a billboard",
}
"""What follows a motif in a caption."""


@dataclass(frozen=True)
class Question:
    """A question about a scene with its right answer."""

    question: str
    answer: str


def _motif_seen(motif: str, slots: dict[str, str]) -> str:
    text = MOTIF_BY_KEY[motif].seen.format_map(slots)
    words = text.split()
    for position, word in enumerate(words[:-1]):
        if word in ("a", "an"):
            words[position] = "an" if words[position + 1][0] in "aeio" else "a"
    return " ".join(words)


def seen(graph: SceneGraph) -> str:
    """Return what the scene is about: `a masked thief with a money bag on a newspaper page`."""
    text = _motif_seen(graph.motif, dict(graph.slots))
    if graph.second is not None:
        text += " beside " + _motif_seen(graph.second.motif, dict(graph.second.slots))
    return text + CONTEXT_PHRASES[graph.context]


def _distractors_seen(graph: SceneGraph) -> str:
    kinds = [distractor.kind for distractor in graph.distractors]
    if not kinds:
        return "nothing"
    return " and ".join(f"{'an' if kind[0] in 'aeio' else 'a'} {kind}" for kind in kinds)


def caption(graph: SceneGraph) -> str:
    """Return one sentence with the motif, its context and the small things beside it."""
    beside = f" Beside it: {_distractors_seen(graph)}." if graph.distractors else ""
    return f"The image shows {seen(graph)}.{beside}"


def touched_ids(graph: SceneGraph) -> tuple[str, ...]:
    """Return the ids of the categories of subject matter, in the order of the motifs; none for an everyday scene."""
    motifs = [graph.motif] if graph.second is None else [graph.motif, graph.second.motif]
    facts = [MOTIF_BY_KEY[motif].fact for motif in motifs]
    return tuple(dict.fromkeys(FACT_BY_KEY[fact].category for fact in facts if fact is not None))


def questions(graph: SceneGraph) -> tuple[Question, ...]:
    """Return every question that can be asked about the scene."""
    ids = touched_ids(graph)
    subject = " and ".join(CATEGORY_NAMES[id][0] for id in ids) if ids else "none"
    context = CONTEXT_PHRASES[graph.context].strip() or "in no special place"
    return (
        Question("What does the image show?", f"{seen(graph)}."),
        Question("Where is it shown?", f"{context}."),
        Question("Which subject does the image touch?", f"{subject}."),
        Question("What is beside it?", f"{_distractors_seen(graph)}."),
        Question("What is the background?", f"{graph.background}."),
        Question("Describe the image.", caption(graph)),
    )


def sample_question(rng: random.Random, graph: SceneGraph) -> Question:
    """Return one of the questions."""
    return rng.choice(questions(graph))
