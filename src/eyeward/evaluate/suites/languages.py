"""The default pack in other languages: is a guard as good when its policy is not in English, and does it read it?

The translations stand beside the default rule by rule, so what is right under it is right under them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

from eyeward.errors import UsageError
from eyeward.evaluate.covered import GuardCoverage
from eyeward.evaluate.outcome import category_id
from eyeward.evaluate.questions import Ask
from eyeward.policy import Policy
from eyeward.policy.loading import PACKS
from eyeward.verdict import NA

FOLDER = PACKS / "languages"


@cache
def translations() -> tuple[Policy, ...]:
    """Return the default pack in every language that ships, English not among them."""
    return tuple(Policy.load(file) for file in sorted(FOLDER.glob("*.yaml")))


def in_languages(asks: Sequence[Ask], policies: Sequence[Policy]) -> tuple[Ask, ...]:
    """Return questions under the default pack, then the same ones under each translation of it.

    Raises:
        UsageError: when a question is under another policy, or a translation has other categories.
    """
    default = Policy.load("default")
    if any(ask.policy.hash != default.hash for ask in asks):
        raise UsageError("Translations are of the default policy; ask about labels under it.")
    foreign = [policy.name for policy in policies if policy.ids != default.ids]
    if foreign:
        raise UsageError(f"{', '.join(foreign)} has other categories than the default policy; translate all of them.")
    asked = list(asks)
    for policy in policies:
        for ask in asks:
            id = category_id(ask.question.category)
            named = NA if id == category_id(NA) else policy.category(id).label
            changes = {"number": len(asked), "policy_hash": policy.hash, "category": named}
            asked.append(replace(ask, policy=policy, question=ask.question.model_copy(update=changes)))
    return tuple(asked)


def not_read(coverage: Mapping[str, GuardCoverage], policies: Sequence[Policy]) -> dict[str, tuple[str, ...]]:
    """Return by guard the names of the policies with words that it has never met: nothing is rated there."""
    return {
        guard: tuple(
            policy.name
            for policy in policies
            if policy.hash in found.policies and found.policies[policy.hash].unknown_words
        )
        for guard, found in coverage.items()
    }
