"""Policies that ask one thing each, to find out whether a guard reads the policy or guesses.

Every probe is paired with controls: exempting the category of a scene must flip it, exempting others must not. The
*own* categories of a scene are those that its motifs touch; for an everyday scene one category is drawn in their place,
and the scene stays Safe under every probe.
"""

from __future__ import annotations

import random

from eyeward.errors import UsageError
from eyeward.policy.schema import Policy, Stance
from eyeward.scenes import wordings
from eyeward.scenes.caption import touched_ids
from eyeward.scenes.facts import Side
from eyeward.scenes.graph import SceneGraph
from eyeward.scenes.reserve import combination_is_reserved, order_is_reserved
from eyeward.scenes.truth import DecisionKind, decide
from eyeward.scenes.variation import Change, ChangeKind, VariedPolicy, declare, draw, sample_stances, wording_changes


def own_exempt(graph: SceneGraph, policy: Policy, rng: random.Random) -> VariedPolicy:
    """Declare what the scene touches as non-violating: an unsafe scene becomes Safe."""
    return _declared(policy, _own(graph, policy, rng), Stance.non_violating)


def own_sensitive(graph: SceneGraph, policy: Policy, rng: random.Random) -> VariedPolicy:
    """Declare what the scene touches as sensitive: an allowed scene becomes Unsafe."""
    return _declared(policy, _own(graph, policy, rng), Stance.sensitive)


def unrelated_exempt(graph: SceneGraph, policy: Policy, rng: random.Random, count: int = 1) -> VariedPolicy:
    """Declare `count` other categories as non-violating: nothing changes for the scene."""
    return _declared(policy, _unrelated(graph, policy, rng, count), Stance.non_violating)


def unrelated_sensitive(graph: SceneGraph, policy: Policy, rng: random.Random, count: int = 2) -> VariedPolicy:
    """Declare `count` other categories as sensitive: nothing changes for the scene."""
    return _declared(policy, _unrelated(graph, policy, rng, count), Stance.sensitive)


def moved_rule(graph: SceneGraph, policy: Policy) -> VariedPolicy:
    """Move the rule that decides the scene to the end of the other list of its category.

    Raises:
        UsageError: when no rule decides the scene.
    """
    decision = decide(graph, policy).decided_by
    if decision.kind is not DecisionKind.RULE or decision.category is None or decision.rule is None:
        raise UsageError("No rule decides this scene under this policy; only a deciding rule can be moved.")
    to = Side.CAN if decision.side is Side.SHOULD_NOT else Side.SHOULD_NOT
    moved = policy.move_rule(decision.category, decision.rule, to="can" if to is Side.CAN else "should_not")
    return VariedPolicy(moved, changes=(Change(ChangeKind.RULE_MOVED, decision.category, decision.rule, to),))


def five_policies(graph: SceneGraph, policy: Policy, rng: random.Random) -> tuple[VariedPolicy, ...]:
    """Return the policy as it is, own exempt, own sensitive, unrelated exempt and unrelated sensitive."""
    return (
        VariedPolicy(policy),
        own_exempt(graph, policy, rng),
        own_sensitive(graph, policy, rng),
        unrelated_exempt(graph, policy, rng, rng.randint(1, 3)),
        unrelated_sensitive(graph, policy, rng, 2),
    )


def reserved_order(policy: Policy, rng: random.Random) -> VariedPolicy:
    """Put the categories in an order that training never sees.

    Raises:
        UsageError: when the policy has too few categories for a reserved order.
    """
    order = draw(lambda: tuple(rng.sample(policy.ids, len(policy.ids))), order_is_reserved)
    if order is None:
        raise UsageError(f"No order of {len(policy.ids)} categories is reserved for testing; use a larger policy.")
    return VariedPolicy(policy.reorder(order), changes=(Change(ChangeKind.REORDERED, to=" ".join(order)),))


def reserved_combination(policy: Policy, rng: random.Random, count: int) -> VariedPolicy:
    """Give `count` categories stances, in a combination that training never sees.

    Raises:
        UsageError: when there is no such combination.
    """
    if not 2 <= count <= len(policy.ids):
        raise UsageError(f"A combination changes from 2 to {len(policy.ids)} stances of this policy, not {count}.")
    stances = draw(
        lambda: sample_stances(rng, policy.ids, count), lambda chosen: combination_is_reserved(chosen.items())
    )
    if stances is None:
        raise UsageError(f"No combination of {count} stances of this policy is reserved; use another count.")
    declared, changes = declare(policy, stances)
    return VariedPolicy(declared, changes=tuple(changes))


def reserved_start_sentence(policy: Policy, rng: random.Random) -> VariedPolicy:
    """Keep the policy and start the prompt with a sentence that training never sees."""
    return _worded(VariedPolicy(policy), start_sentence=rng.choice(wordings.RESERVED_START_SENTENCES))


def reserved_declarations(varied: VariedPolicy, number: int) -> VariedPolicy:
    """Word the stances of a policy as number 0 to 9 of the reserved declarations."""
    return _worded(
        varied,
        non_violating_declaration=wordings.RESERVED_NON_VIOLATING[number],
        sensitive_declaration=wordings.RESERVED_SENSITIVE[number],
    )


def all_reserved(policy: Policy, rng: random.Random) -> VariedPolicy:
    """Reserve order, combination of four to nine stances and start sentence at once; declarations stay ours."""
    order = reserved_order(policy, rng)
    count = rng.randint(min(4, len(policy.ids)), min(9, len(policy.ids)))
    combination = reserved_combination(order.policy, rng, count)
    start = reserved_start_sentence(combination.policy, rng)
    return VariedPolicy(start.policy, start.wording, (*order.changes, *combination.changes, *start.changes))


def _declared(policy: Policy, ids: tuple[str, ...], stance: Stance) -> VariedPolicy:
    declared, changes = declare(policy, dict.fromkeys(ids, stance))
    return VariedPolicy(declared, changes=tuple(changes))


def _own(graph: SceneGraph, policy: Policy, rng: random.Random) -> tuple[str, ...]:
    own = tuple(id for id in touched_ids(graph) if id in policy.ids)
    return own or (rng.choice(policy.ids),)


def _unrelated(graph: SceneGraph, policy: Policy, rng: random.Random, count: int) -> tuple[str, ...]:
    others = [id for id in policy.ids if id not in touched_ids(graph)]
    if count > len(others):
        raise UsageError(f"Only {len(others)} categories of this policy are unrelated to the scene, not {count}.")
    return tuple(rng.sample(others, count))


def _worded(varied: VariedPolicy, **fields: str) -> VariedPolicy:
    wording = varied.wording.model_copy(update=fields)
    kept = tuple(change for change in varied.changes if change.kind is not ChangeKind.WORDING)
    return VariedPolicy(varied.policy, wording, (*kept, *wording_changes(wording)))
