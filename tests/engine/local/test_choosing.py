"""The answer that is written, chosen from the scores of all."""

from __future__ import annotations

import math

import pytest

from eyeward.engine.local.choosing import choose, slot_scores
from eyeward.engine.local.trie import ROOT, AnswerTree, Branch, Leaf, build_tree
from eyeward.engine.protocol import AnswerForm, Forced, LabelSlot
from eyeward.engine.rating import RatingRule
from tests.engine.local.questions import HATE, NONE, WEAPONS, picture, prompt


def two_step_tree() -> AnswerTree:
    """Labels `aa`, `ab`, `b`: a walk that prefers `a` at first meets two halves of its probability."""
    slot = AnswerForm((Forced("<"), LabelSlot("rating", ("aa", "ab", "b")), Forced(">")))
    return build_tree(slot, lambda text: [ord(character) for character in text])


def test_parity_walks_greedily_and_a_rule_takes_the_likeliest() -> None:
    tree = two_step_tree()
    scores = [math.log(p) for p in (0.35, 0.25, 0.4)]
    greedy = choose(prompt(picture(0)), tree, scores)
    assert dict(greedy.labels) == {"rating": "aa"}
    rule = RatingRule(slot="rating", positive="b", negative="aa")
    assert dict(choose(prompt(picture(0), rule=rule), tree, scores).labels) == {"rating": "b"}


def test_scores_of_labels_add_up_to_one_even_where_they_are_tiny() -> None:
    tree = AnswerTree(
        tokens=(),
        parents=(),
        branches=(Branch(ROOT, (0, 1, 2)),),
        leaves=tuple(
            Leaf((("rating", rating), ("category", category)), (n,), "", ())
            for n, (rating, category) in enumerate((("Unsafe", HATE), ("Unsafe", WEAPONS), ("Safe", NONE)))
        ),
        tail="",
    )
    by_slot = {(s.slot, s.given): s.log_probabilities for s in slot_scores(tree, [-2000.0, -2001.0, 0.0])}
    unsafe = by_slot["category", (("rating", "Unsafe"),)]
    assert math.fsum(map(math.exp, unsafe.values())) == pytest.approx(1.0)
    assert unsafe[HATE] - unsafe[WEAPONS] == pytest.approx(1.0)
    assert by_slot["rating", ()]["Unsafe"] == pytest.approx(-2000.0 + math.log(1 + math.exp(-1)))
