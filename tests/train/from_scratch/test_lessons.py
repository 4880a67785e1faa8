"""Lessons say what the truth says, where the prompt says it."""

from __future__ import annotations

import json
import random

import pytest

from eyeward.policy import EYEWARD, LineRole, Policy
from eyeward.scenes.facts import Context
from eyeward.scenes.graph import SceneGraph
from eyeward.scenes.sample import sample_scene
from eyeward.scenes.truth import decide
from eyeward.train.from_scratch.corpus import corpus
from eyeward.train.from_scratch.curriculum import choose_policy
from eyeward.train.from_scratch.lessons import Answer, Point, Question, Speller, collate, policy_answer, policy_question
from eyeward.train.from_scratch.tokenizer import build_tokenizer

CONTEXTS = tuple(Context)
TOKENIZER = build_tokenizer(corpus())
SPELLER = Speller(TOKENIZER)
DEFAULT = Policy.load("default")


def scene(motif: str, context: Context = Context.NONE) -> SceneGraph:
    return next(g for n in range(20_000) if (g := sample_scene(n, "train")).motif == motif and g.context is context)


def lesson(policy: Policy, graph: SceneGraph, explain: bool = False) -> tuple[Question, Answer]:
    question = policy_question(SPELLER, policy, EYEWARD)
    return question, policy_answer(SPELLER, question, policy, graph, CONTEXTS, explain)


def at_points(answer: Answer) -> list[str]:
    return [TOKENIZER.decode([answer.ids[p]]) for p in answer.points]


def pointed(question: Question, answer: Answer) -> list[str]:
    assert question.rendered is not None
    return [question.rendered.lines[question.line_ends.index(n)].text for n in answer.read_from[Point.RATING]]


def test_the_prefix_is_the_rendered_policy_in_one_user_turn() -> None:
    question, _ = lesson(DEFAULT, scene("money_thief"))
    text = TOKENIZER.decode(list(question.ids), skip_special_tokens=False)
    assert question.rendered is not None
    assert text == f"<|im_start|>user\n{question.rendered.text}\n"


def test_the_answer_is_json_with_the_truth() -> None:
    graph = scene("money_thief")
    _, answer = lesson(DEFAULT, graph, explain=True)
    text = TOKENIZER.decode(list(answer.ids), skip_special_tokens=False)
    told = json.loads(text.split("assistant\n")[1].removesuffix("<|im_end|>"))
    truth = decide(graph, DEFAULT)
    assert (told["rating"], told["category"]) == (truth.rating.value, truth.category)


def test_the_points_are_the_rating_and_the_category() -> None:
    _, answer = lesson(DEFAULT, scene("money_thief"))
    assert at_points(answer)[:2] == ["Unsafe", "O5"]
    assert [answer.weights[p] for p in answer.points[:2]] == [5.0, 3.0]


def test_the_points_of_a_rationale_are_its_verb_and_its_rule() -> None:
    _, answer = lesson(DEFAULT, scene("money_thief"), explain=True)
    assert at_points(answer) == ["Unsafe", "O5", " breaks", " theft"]
    _, answer = lesson(DEFAULT, scene("money_thief", Context.NEWSPAPER), explain=True)
    assert at_points(answer) == ["Safe", "O5", " is", " newspaper"]
    _, answer = lesson(DEFAULT.sensitive("O5"), scene("money_thief"), explain=True)
    assert at_points(answer)[2] == " O5"
    assert not answer.read_from[Point.RULE]


def test_a_quoted_rule_is_read_where_it_stands() -> None:
    question, answer = lesson(DEFAULT, scene("money_thief"), explain=True)
    assert [TOKENIZER.decode([question.ids[p]]) for p in answer.read_from[Point.RULE]] == [" theft"]


def test_everything_that_generate_has_to_write_is_taught() -> None:
    _, answer = lesson(DEFAULT, scene("money_thief"), explain=True)
    taught = [token for token, weight in zip(answer.ids, answer.weights, strict=True) if weight > 0]
    text = TOKENIZER.decode(taught, skip_special_tokens=False)
    assert text.startswith('{"rating": "Unsafe"')
    assert text.endswith('"}<|im_end|>')


def test_a_rule_decides_and_is_pointed_at() -> None:
    assert pointed(*lesson(DEFAULT, scene("money_thief"))) == ["- theft and robbery"]
    assert pointed(*lesson(DEFAULT, scene("money_thief", Context.NEWSPAPER))) == ["- newspaper reports about crime"]


def test_a_declaration_decides_and_is_pointed_at_with_the_example() -> None:
    found = pointed(*lesson(DEFAULT.non_violating("O5"), scene("money_thief")))
    assert found == ["Category O5 is declared as non-violating. Everything in it is allowed.", "- theft and robbery"]


def test_an_everyday_scene_is_read_from_no_line() -> None:
    assert pointed(*lesson(DEFAULT, scene("crowd"))) == []


def test_line_ends_are_the_newlines_after_the_lines() -> None:
    question, _ = lesson(DEFAULT, scene("crowd"))
    assert question.rendered is not None
    assert len(question.line_ends) == len(question.rendered.lines)
    assert {question.ids[end] for end in question.line_ends} == {SPELLER.newline}
    headers = [n for n, line in enumerate(question.rendered.lines) if line.role is LineRole.HEADER]
    assert [question.line_categories[n] for n in headers] == list(range(9))


def test_what_does_not_fit_is_an_error_and_never_cut() -> None:
    question, answer = lesson(DEFAULT, scene("crowd"))
    with pytest.raises(ValueError, match="does not fit"):
        collate([question], [[answer]], 10, 64, 0)
    with pytest.raises(ValueError, match="does not fit"):
        collate([question], [[answer]], 640, 5, 0)


def test_no_word_of_training_is_spelled_in_bytes() -> None:
    rng = random.Random(3)
    known = len(TOKENIZER.encode(" theft").ids)
    assert known == 1
    for number in range(60):
        policy, wording = choose_policy(rng)
        question = policy_question(SPELLER, policy, wording)
        answer = policy_answer(
            SPELLER, question, policy, sample_scene(number, "train"), CONTEXTS, explain=True, described=True
        )
        tokens = [TOKENIZER.id_to_token(i) or "" for i in (*question.ids, *answer.ids)]
        letters = [t for t in tokens if len(t) == 1 and t.isalpha() and t not in ("a", "x", "Ċ")]
        assert letters == []
