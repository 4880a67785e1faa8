from __future__ import annotations

import random

from hypothesis import given

from eyeward.scenes.caption import caption, questions, sample_question, seen, touched_ids
from eyeward.scenes.facts import Context
from eyeward.scenes.graph import SceneGraph
from tests.scenes.worlds import SEEDS, every_scene, scene, scenes

VERDICT_WORDS = {"safe", "unsafe", "allowed", "forbidden", "violation", "violates", "rule", "policy", "rating"}


def test_a_caption_names_motif_slot_and_context() -> None:
    assert seen(scene("firearm", Context.NEWSPAPER)) == "a pistol on a newspaper page"
    assert seen(scene("money_thief", second="smoker")) == (
        "a masked thief with a money bag beside a person with a burning cigarette"
    )


def test_different_motifs_and_contexts_have_different_captions() -> None:
    graphs = list(every_scene())
    assert len({seen(graph) for graph in graphs}) == len(graphs)


@given(scenes())
def test_no_lesson_holds_a_verdict(graph: SceneGraph) -> None:
    for lesson in questions(graph):
        words = {word.strip(".,?:").lower() for word in f"{lesson.question} {lesson.answer}".split()}
        allowed = {"safe"} if "safe" in graph.slots.values() else set()
        assert not words & VERDICT_WORDS - allowed


@given(scenes())
def test_questions_are_answered_from_the_graph(graph: SceneGraph) -> None:
    answers = {lesson.question: lesson.answer for lesson in questions(graph)}
    assert answers["What is the background?"] == f"{graph.background}."
    assert all(item.kind in answers["What is beside it?"] for item in graph.distractors)
    assert answers["What does the image show?"].rstrip(".") in answers["Describe the image."]
    assert (answers["Which subject does the image touch?"] == "none.") is (not touched_ids(graph))


@given(scenes(), SEEDS)
def test_a_sampled_question_is_one_of_all(graph: SceneGraph, seed: int) -> None:
    assert sample_question(random.Random(seed), graph) in questions(graph)


def test_the_caption_mentions_small_things_beside_the_motif() -> None:
    assert caption(scene("animal")) == "The image shows a dog."


def test_articles_fit_their_nouns() -> None:
    for graph in every_scene():
        words = seen(graph).split()
        for article, noun in zip(words, words[1:], strict=False):
            if article in ("a", "an"):
                assert (article == "an") is (noun[0] in "aeio"), seen(graph)
