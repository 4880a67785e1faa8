"""Options that every verb with a policy shares: which categories are judged, and how."""

from __future__ import annotations

from typing import Annotated

import typer

from eyeward.errors import UsageError
from eyeward.policy import Policy

POLICY_HELP = "A pack (see `eyeward policy list`) or a YAML file."

NonViolating = Annotated[
    str | None, typer.Option(metavar="O6,…", help="Allow everything in these categories (ids, separated by commas).")
]
Sensitive = Annotated[
    str | None, typer.Option(metavar="O2,…", help="Forbid everything in these, what their can rules allow too.")
]
Only = Annotated[str | None, typer.Option(metavar="O1,…", help="Leave all other categories out.")]


def chosen_policy(name: str, non_violating: str | None, sensitive: str | None, only: str | None) -> Policy:
    """Load a policy and change it as the options say.

    Raises:
        PolicyError: when it cannot be read or has no such category.
        UsageError: when options name nothing or contradict each other.
    """
    policy = Policy.load(name)
    allowed = _ids("--non-violating", non_violating)
    forbidden = _ids("--sensitive", sensitive)
    both = [id for id in allowed if id in forbidden]
    if both:
        raise UsageError(f"{', '.join(both)} cannot be under --non-violating and --sensitive at once; choose one.")
    kept = _ids("--only", only)
    if kept:
        policy = policy.only(*kept)
    return policy.non_violating(*allowed).sensitive(*forbidden) if allowed or forbidden else policy


def _ids(option: str, text: str | None) -> list[str]:
    if text is None:
        return []
    ids = [id.strip() for id in text.split(",") if id.strip()]
    if not ids:
        raise UsageError(f"{option} names no category; give ids, for example {option} O6,O7, or leave it out.")
    return ids
