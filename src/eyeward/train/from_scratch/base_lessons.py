"""Lessons for `mini-base`: what a scene shows, where, and in which words rules speak of it. No verdicts."""

from __future__ import annotations

import random
from collections.abc import Callable

from eyeward.scenes.caption import questions
from eyeward.scenes.facts import FACT_BY_KEY, FACTS
from eyeward.scenes.graph import SceneGraph
from eyeward.scenes.motifs import MOTIF_BY_KEY
from eyeward.train.from_scratch.lessons import Answer, Question, Speller

SUBJECT_QUESTION = "Name what the image is about in the words of a rule."
PLACE_QUESTION = "Name where it is shown in the words of a rule."

_PLACED = {(fact.category, fact.context): fact for fact in FACTS if fact.context is not None}


def subject_words(graph: SceneGraph, rng: random.Random) -> str:
    """Name the motif in one of the wordings that rules have for it."""
    fact = MOTIF_BY_KEY[graph.motif].fact
    return "none." if fact is None else f"{fact.split('.')[0]}: {rng.choice(FACT_BY_KEY[fact].wordings)}."


def place_words(graph: SceneGraph, rng: random.Random) -> str:
    """Name the context in one of the wordings that rules of the motif's category have for it."""
    fact = MOTIF_BY_KEY[graph.motif].fact
    placed = None if fact is None else _PLACED.get((FACT_BY_KEY[fact].category, graph.context))
    return "none." if placed is None else f"{rng.choice(placed.wordings)}."


def _listed(number: int) -> Callable[[SceneGraph, random.Random], str]:
    return lambda graph, rng: questions(graph)[number].answer


def question_texts() -> tuple[str, ...]:
    """Give every question that the base stage asks."""
    sample = SceneGraph.from_json(
        '{"seed":0,"motif":"two_people","slots":{},"context":"none","style":"flat","background":"plain","x":0.5,"y":0.5,'
        '"scale":0.4,"rotation":0,"mirrored":false,"distractors":[],"noise":0,"tint":[1,1,1],"second":null}'
    )
    return (*(item.question for item in questions(sample)), SUBJECT_QUESTION, PLACE_QUESTION)


_TEXTS = question_texts()
_ANSWERS: dict[str, Callable[[SceneGraph, random.Random], str]] = {
    **{text: _listed(number) for number, text in enumerate(_TEXTS[:-2])},
    SUBJECT_QUESTION: subject_words,
    PLACE_QUESTION: place_words,
}
_SHARES = {"What does the image show?": 3.0, "Describe the image.": 1.5, SUBJECT_QUESTION: 3.0, PLACE_QUESTION: 2.0}


def choose_question(rng: random.Random) -> str:
    """Choose a question, the ones about the motif more often."""
    return rng.choices(_TEXTS, [_SHARES.get(text, 1.0) for text in _TEXTS])[0]


def base_question(speller: Speller, text: str) -> Question:
    """Lay a question out as a prefix."""
    ids = (*speller.opening, *speller.spell(text), speller.newline)
    return Question(ids, (), (), (), ())


def base_answer(speller: Speller, text: str, graph: SceneGraph, rng: random.Random) -> Answer:
    """Lay the answer to a question about a scene out as a suffix."""
    words = (*speller.spell(_ANSWERS[text](graph, rng)), speller.turn_end)
    given = speller.hand_over
    return Answer((*given, *words), (*(0.0 for _ in given), *(1.0 for _ in words)))
