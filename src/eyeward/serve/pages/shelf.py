"""The policies that a visitor may use, and what the guard makes of one."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import BaseModel, ConfigDict

from eyeward.errors import PolicyError
from eyeward.guard import Coverage
from eyeward.policy import Category, Policy
from eyeward.policy.lint import Finding
from eyeward.serve.keys import Principal
from eyeward.serve.policies import PolicyBook
from eyeward.serve.refusals import NotThere, Unjudgeable
from eyeward.serve.service import Service
from eyeward.verdict import PolicyRef


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Covered(_Closed):
    """What of a policy the guard can judge."""

    not_covered: tuple[str, ...]
    """Ids; it judges these in part, or not at all."""
    partly: tuple[str, ...]
    unknown_words: dict[str, tuple[str, ...]]
    """By id: words that it has never met."""

    @classmethod
    def of(cls, coverage: Coverage) -> Covered:
        """Take it over."""
        words = {id: tuple(words) for id, words in coverage.unknown_words.items()}
        return cls(not_covered=coverage.not_covered, partly=coverage.partly, unknown_words=words)


class ShownFinding(_Closed):
    """A finding of lint."""

    level: str
    code: str
    message: str
    line: int | None
    category: str | None

    @classmethod
    def of(cls, finding: Finding) -> ShownFinding:
        """Take it over."""
        return cls(
            level=finding.level.value,
            code=finding.code,
            message=finding.message,
            line=finding.line,
            category=finding.category,
        )


class ShownPolicy(_Closed):
    """A policy, taken apart for scripts."""

    ref: PolicyRef
    categories: tuple[Category, ...]
    has_verbatim: bool
    """Whether it carries a text or sentences of its own; a policy that is changed on a page loses them."""
    covered: Covered
    prompt: tuple[str, ...]
    """The exact text that a guard reads, cut where the image stands."""
    yaml: str


async def shown(service: Service, policy: Policy) -> ShownPolicy:
    """Take a policy apart.

    Raises:
        Unjudgeable: when the guard cannot be asked about it.
    """
    return ShownPolicy(
        ref=policy.ref,
        categories=policy.categories,
        has_verbatim=policy.verbatim is not None or bool(policy.wording),
        covered=Covered.of(await service.coverage(policy)),
        prompt=await service.prompt(policy),
        yaml=await asyncio.to_thread(policy.to_yaml),
    )


async def usable(service: Service, principal: Principal) -> list[Policy]:
    """Return the policies that somebody may use: the latest versions, and older ones that a key is pinned to.

    Raises:
        Unjudgeable: when a file of them was damaged.
    """
    return await asyncio.to_thread(_usable, service.book, principal)


async def found(service: Service, principal: Principal, name: str) -> Policy:
    """Return a policy by `name` or `name@version`.

    Raises:
        NotThere: when there is none that this visitor may look at.
        Unjudgeable: when its file was damaged.
    """
    try:
        policy = await asyncio.to_thread(service.book.find, name)
    except PolicyError as problem:
        raise Unjudgeable(f"The policy cannot be read: {problem.message}") from None
    if policy is None or not principal.may_read(policy.name, policy.version):
        raise NotThere(f"There is no policy {name[:100]!r}.")
    return policy


def _usable(book: PolicyBook, principal: Principal) -> list[Policy]:
    try:
        latest = [policy for policy in book.all() if principal.may_use(policy.name, policy.version)]
        pinned = [book.find(name) for name in principal.policies if "@" in name]
    except PolicyError as problem:
        raise Unjudgeable(f"A policy cannot be read: {problem.message}") from None
    every: dict[Any, Policy] = {(p.name, p.version): p for p in (*latest, *pinned) if p is not None}
    return list(every.values())
