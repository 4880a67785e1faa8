"""What is checked, and what a check finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from eyeward.errors import EyewardError

if TYPE_CHECKING:
    from pathlib import Path

    from eyeward.engine.local.checkpoint import LoadedCheckpoint
    from eyeward.engine.local.engine import LocalEngine
    from eyeward.guard.card import EyewardCard
    from eyeward.guard.guard import Guard
    from eyeward.guard.profile import Question
    from eyeward.policy import Policy


class Outcome(StrEnum):
    """What a check says."""

    passed = "passed"
    failed = "failed"
    does_not_apply = "does not apply"


@dataclass(frozen=True)
class Finding:
    """One check and what came of it."""

    check: str
    outcome: Outcome
    detail: str
    """What was seen, the cause of the failure, or the reason why the check does not apply."""


@dataclass(frozen=True)
class Subject:
    """A guard that is to be checked, with all that a check may look into."""

    guard: Guard
    card: EyewardCard
    folder: Path | None = None
    """Where the card and its probe images lie."""
    checkpoint: LoadedCheckpoint | None = None
    """The weights; None where they run elsewhere."""
    engine: LocalEngine | None = None
    """What runs them; None where they run elsewhere."""
    address: str | None = None
    """Where they run, if not here."""
    capped: bool = False
    """Whether `max_tiles` takes tiles away that the checkpoint would use."""

    def question(self, policy: Policy) -> Question | str:
        """Make a policy ready to be asked, or say why it cannot be."""
        try:
            return self.guard.profile.question(policy)
        except EyewardError as error:
            return str(error)

    def close(self) -> None:
        """End what the engine holds open, if anything."""
        close = getattr(self.guard.engine, "close", None)
        if close is not None:
            close()


def passed(check: str, detail: str) -> Finding:
    """Say that a check holds."""
    return Finding(check, Outcome.passed, detail)


def failed(check: str, *causes: str) -> Finding:
    """Say that a check does not hold, and why."""
    return Finding(check, Outcome.failed, " ".join(causes))


def does_not_apply(check: str, reason: str) -> Finding:
    """Say why nothing can be checked."""
    return Finding(check, Outcome.does_not_apply, reason)
