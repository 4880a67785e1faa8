"""Where a rationale is from: who wrote it, how that was asked for, and what was refused before."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from eyeward.data.rationales.faults import RationaleFault
from eyeward.data.rationales.guidance import Guidance
from eyeward.errors import ErrorType
from eyeward.verdict import ModelRef


class Writer(StrEnum):
    """Who wrote a rationale."""

    teacher = "teacher"
    rules = "rules"
    """Nobody: it follows from the label and the policy."""
    scene = "scene"
    """Nobody: it follows from the graph of a drawn scene."""
    before = "before"
    """It stood there; only the sentence that says what decides is new."""


class Obstacle(StrEnum):
    """Why a teacher has no reason to give, besides faults of the text and errors of the engine."""

    empty = "empty"
    """No word was written."""
    cut = "cut"
    """It grew too long and was broken off."""
    runs_on = "runs_on"
    """It goes on in the middle of the word with which it was to begin."""
    out_of_scope = "out_of_scope"
    """The image is unlike those that the teacher was trained on."""
    unknown_words = "unknown_words"
    """The policy holds words that the teacher has never met."""
    policy_refused = "policy_refused"
    """The policy cannot be asked of the teacher."""


Objection = RationaleFault | Obstacle | ErrorType
"""All that an attempt is refused for; the values of the three differ."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RefusedAttempt(_Record):
    """An attempt of which nothing was kept."""

    teacher: str
    """The name of its model."""
    guidance: Guidance
    objections: tuple[Objection, ...]


class RationaleOrigin(_Record):
    """What is known about the writing of one rationale."""

    writer: Writer
    teacher: ModelRef | None = None
    guidance: Guidance | None = None
    """How the teacher was asked; rating and category were always given."""
    grounds_added: bool = False
    """Whether the last sentence, which says what decides, was put behind what the teacher wrote."""
    refused: tuple[RefusedAttempt, ...] = ()
    """Attempts before, in their order."""

    @model_validator(mode="after")
    def _names_its_teacher(self) -> Self:
        taught = self.writer is Writer.teacher
        if taught is not (self.teacher is not None) or taught is not (self.guidance is not None):
            raise ValueError("teacher and guidance stand beside a rationale that a teacher wrote, and beside no other")
        return self

    @property
    def attempts(self) -> int:
        """How often teachers were asked for it."""
        return len(self.refused) + (self.writer is Writer.teacher)
