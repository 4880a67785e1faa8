"""The reason of a verdict, in two short sentences: what is seen, and what decides."""

from __future__ import annotations

from eyeward.policy.schema import Stance
from eyeward.scenes.caption import seen
from eyeward.scenes.facts import Side
from eyeward.scenes.graph import SceneGraph
from eyeward.scenes.truth import Decision, DecisionKind, Truth


def rationale(graph: SceneGraph, truth: Truth) -> str:
    """Return what is seen and which rule decides; no quotation mark, no backslash, one line."""
    return f"{_printable(f'The image shows {seen(graph)}.')} {reason(truth.decided_by)}"


def reason(decision: Decision) -> str:
    """Return the second sentence: what decides."""
    if decision.kind is DecisionKind.RULE:
        how = "It breaks the rule" if decision.side is Side.SHOULD_NOT else "It is allowed by the rule"
        return f"{how}: {_printable(str(decision.rule)).rstrip('.')}."
    if decision.kind is DecisionKind.STANCE:
        stance = "sensitive" if decision.stance is Stance.sensitive else "non-violating"
        return f"Category {decision.category} is declared as {stance}."
    if decision.kind is DecisionKind.NO_RULE:
        return f"No rule of {decision.category} forbids it."
    return "No category applies."


def _printable(text: str) -> str:
    return " ".join(text.replace('"', "").replace("\\", "").split())
