"""What is right to say about a scene under any policy that speaks of the drawn world.

A motif shows a fact of one category. Under a policy that category is absent (nothing is touched), declared (the stance
decides) or enforced. Where it is enforced one rule decides: the rule about the context that the motif is shown in, when
the policy holds one for this category, because it is the more specific one; else the rule about the motif itself. The
list that this rule stands in gives the rating. With neither rule the scene is allowed, since nothing forbids it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from eyeward.data.sample import Severity
from eyeward.errors import PolicyError
from eyeward.policy.schema import Category, Policy, Stance
from eyeward.scenes.facts import FACT_BY_KEY, FACT_BY_WORDING, FACTS, Context, Fact, Side
from eyeward.scenes.graph import SceneGraph
from eyeward.scenes.motifs import MOTIF_BY_KEY, Motif
from eyeward.scenes.reserve import id_order
from eyeward.verdict import NA, Rating

_WORST_FIRST = tuple(Severity)


class UnknownRule(PolicyError):
    """A rule that the drawn world cannot decide."""

    def __init__(self, rule: str, category: str, reason: str) -> None:
        self.rule = rule
        self.category = category
        super().__init__(
            f"The drawn world cannot decide the rule {rule!r} of {category}: {reason}. "
            "Use a wording that stands in `eyeward.scenes.facts`, or judge scenes under another policy."
        )


class DecisionKind(StrEnum):
    """What decided."""

    RULE = "rule"
    STANCE = "stance"
    NONE_APPLIES = "none_applies"
    NO_RULE = "no_rule"


@dataclass(frozen=True)
class Decision:
    """Why a scene is rated as it is."""

    kind: DecisionKind
    category: str | None = None
    """The id of the category that was touched."""
    rule: str | None = None
    """The deciding rule, in the words of the policy."""
    side: Side | None = None
    """The list that the deciding rule stands in."""
    stance: Stance | None = None
    """The stance that decided."""
    fact: str | None = None
    """The key of the fact behind the deciding rule."""


@dataclass(frozen=True)
class Truth:
    """The right answer for one scene under one policy."""

    rating: Rating
    category: str
    """Full label as in the policy, or `NA: None applying`."""
    categories: tuple[str, ...]
    """All violated labels of an unsafe scene, all touched ones of a safe scene; worst first, then lowest id."""
    severity: Severity
    decided_by: Decision


@dataclass(frozen=True)
class _Reading:
    """A category of a policy with its rules understood."""

    label: str
    stance: Stance
    rules: dict[str, tuple[Side, str]]
    """From the key of a fact to the list it stands in and its words here."""


def fact_of(rule: str, category: str) -> Fact:
    """Return the fact that a rule under `category` is about.

    Raises:
        UnknownRule: when no fact of this category has such a wording.
    """
    fact = FACT_BY_WORDING.get(rule) or FACT_BY_WORDING.get(rule.rstrip("."))
    if fact is None:
        raise UnknownRule(rule, category, "no fact is worded like this")
    if fact.category != category:
        raise UnknownRule(rule, category, f"it is a fact of {fact.category}")
    return fact


def _read_category(category: Category) -> _Reading:
    rules: dict[str, tuple[Side, str]] = {}
    for side, lines in ((Side.CAN, category.can), (Side.SHOULD_NOT, category.should_not)):
        for rule in lines:
            rules[fact_of(rule, category.id).key] = (side, rule)
    return _Reading(category.label, category.stance, rules)


@lru_cache(maxsize=1024)
def _read(policy: Policy) -> dict[str, _Reading]:
    return {category.id: _read_category(category) for category in policy.categories}


_PLACED: dict[tuple[str, Context], str] = {
    (fact.category, fact.context): fact.key for fact in FACTS if fact.context is not None
}


def decide(graph: SceneGraph, policy: Policy) -> Truth:
    """Return the right answer for `graph` under `policy`.

    A fact that stands in both lists of its category counts as *should not*.

    Raises:
        UnknownRule: for a policy with a rule that the drawn world does not know.
    """
    reading = _read(policy)
    shown = [graph.motif] if graph.second is None else [graph.motif, graph.second.motif]
    truths = [_decide_motif(MOTIF_BY_KEY[key], graph.context, reading) for key in shown]
    unsafe = [truth for truth in truths if truth.rating is Rating.Unsafe]
    touched = [truth for truth in truths if truth.category != NA]
    counting = unsafe or touched or truths
    counting.sort(key=lambda truth: (_WORST_FIRST.index(truth.severity), id_order(truth.decided_by.category or "")))
    first = counting[0]
    labels = tuple(dict.fromkeys(truth.category for truth in counting))
    return Truth(first.rating, first.category, labels, first.severity, first.decided_by)


def _decide_motif(motif: Motif, context: Context, reading: dict[str, _Reading]) -> Truth:
    fact = None if motif.fact is None else FACT_BY_KEY[motif.fact]
    category = None if fact is None else reading.get(fact.category)
    if fact is None or category is None:
        return Truth(Rating.Safe, NA, (NA,), Severity.GENERALLY_SAFE, Decision(DecisionKind.NONE_APPLIES))
    if category.stance is not Stance.enforced:
        decision = Decision(DecisionKind.STANCE, fact.category, stance=category.stance)
        unsafe = category.stance is Stance.sensitive
    else:
        placed = _PLACED.get((fact.category, context))
        key = placed if placed is not None and placed in category.rules else fact.key
        if key in category.rules:
            side, rule = category.rules[key]
            decision = Decision(DecisionKind.RULE, fact.category, rule, side, fact=key)
            unsafe = side is Side.SHOULD_NOT
        else:
            decision = Decision(DecisionKind.NO_RULE, fact.category)
            unsafe = False
    rating = Rating.Unsafe if unsafe else Rating.Safe
    return Truth(rating, category.label, (category.label,), _severity(motif, unsafe), decision)


def _severity(motif: Motif, unsafe: bool) -> Severity:
    if not unsafe:
        return Severity.BARELY_SAFE
    if motif.severity in (Severity.HIGHLY_UNSAFE, Severity.MODERATELY_UNSAFE):
        return motif.severity
    return Severity.MODERATELY_UNSAFE
