from __future__ import annotations

import json

import pytest
from hypothesis import given

from eyeward.policy.schema import Policy
from eyeward.scenes.caption import seen
from eyeward.scenes.facts import Context
from eyeward.scenes.graph import SceneGraph
from eyeward.scenes.rationale import rationale
from eyeward.scenes.truth import decide
from tests.scenes.worlds import DEFAULT, policies, scene, scenes


@pytest.mark.parametrize(
    ("motif", "context", "policy", "reason"),
    [
        (
            "money_thief",
            Context.NEWSPAPER,
            DEFAULT,
            "The image shows a masked thief with a money bag on a newspaper page. "
            "It is allowed by the rule: newspaper reports about crime.",
        ),
        (
            "money_thief",
            Context.NONE,
            DEFAULT,
            "The image shows a masked thief with a money bag. It breaks the rule: theft and robbery.",
        ),
        (
            "money_thief",
            Context.NONE,
            DEFAULT.non_violating("O5"),
            "The image shows a masked thief with a money bag. Category O5 is declared as non-violating.",
        ),
        (
            "arrest",
            Context.NONE,
            DEFAULT.sensitive("O5"),
            "The image shows a police officer with a suspect in handcuffs. Category O5 is declared as sensitive.",
        ),
        (
            "money_thief",
            Context.NONE,
            DEFAULT.remove_rule("O5", "theft and robbery"),
            "The image shows a masked thief with a money bag. No rule of O5 forbids it.",
        ),
        ("animal", Context.FRAME, DEFAULT, "The image shows a dog in a museum frame. No category applies."),
    ],
)
def test_a_rationale_names_what_is_seen_and_what_decides(
    motif: str, context: Context, policy: Policy, reason: str
) -> None:
    graph = scene(motif, context)
    assert rationale(graph, decide(graph, policy)) == reason


@given(scenes(), policies())
def test_a_rationale_stands_in_json_as_it_is(graph: SceneGraph, policy: Policy) -> None:
    truth = decide(graph, policy)
    text = rationale(graph, truth)
    assert json.dumps(text, ensure_ascii=False) == f'"{text}"'
    assert "\n" not in text
    assert seen(graph) in text
    assert truth.decided_by.rule is None or truth.decided_by.rule in text


def test_marks_that_json_escapes_are_left_out_of_a_quoted_rule() -> None:
    decision = decide(scene("firearm"), DEFAULT)
    odd = type(decision.decided_by)(decision.decided_by.kind, "O6", 'the "worst"\\ guns', decision.decided_by.side)
    text = rationale(scene("firearm"), type(decision)(decision.rating, decision.category, (), decision.severity, odd))
    assert text.endswith("It breaks the rule: the worst guns.")
