"""Which policies a lesson is about: mostly varied ones, some as they ship."""

from __future__ import annotations

import random
from functools import cache

from eyeward.policy import EYEWARD, Policy, PromptWording
from eyeward.scenes.reserve import combination_is_reserved, order_is_reserved
from eyeward.scenes.variation import declare, sample_stances, vary_policy

PACKS = ("default", "children", "news", "medical")
_AS_SHIPPED, _DECLARED = 0.12, 0.15
_MOST_DECLARED = 4


@cache
def _pack(name: str) -> Policy:
    return Policy.load(name)


def choose_policy(rng: random.Random) -> tuple[Policy, PromptWording]:
    """Draw a policy and its sentences; nothing that is reserved for testing."""
    base = _pack(rng.choices(PACKS, (7, 1, 1, 1))[0])
    kind = rng.random()
    if kind < _AS_SHIPPED:
        return base, EYEWARD
    if kind < _AS_SHIPPED + _DECLARED:
        stances = sample_stances(rng, base.ids, rng.randint(1, _MOST_DECLARED))
        policy, _ = declare(base, stances)
        combination = {c.id: c.stance.value for c in policy.categories if c.stance.value != "enforced"}
        if not combination_is_reserved(combination.items()) and not order_is_reserved(policy.ids):
            return policy, EYEWARD
    varied = vary_policy(rng, base, "train")
    return varied.policy, varied.wording
