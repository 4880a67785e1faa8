"""Everything that decides what a run from nothing makes."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from eyeward.train.from_scratch.architecture import Architecture
from eyeward.train.from_scratch.schedule import Schedule
from eyeward.train.recipe_file import RecipeFile


class PictureSet(BaseModel):
    """Scenes to draw for training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int
    held_out: int = 1000
    """Scenes of the validation seeds, to report progress on; never those that results are measured on."""
    wear: float = 0.3
    """Share of pictures that are re-encoded, resized, blurred, noised or posterized first."""


class Stretch(Schedule):
    """A stretch of a language stage; the next one starts from its weights."""

    policies: int = 4
    """Policies a step."""
    groups: int = 2
    """Sets of pictures a step; policies share them evenly."""
    explained_every: int = 4
    """One step in so many also writes rationales."""
    described: bool = False
    """Give scenes in words instead of pictures: a quick way to learn to read policies first."""
    vision_scale: float = 0.1
    """The vision tower's share of the learning rate; 0 freezes it."""


class Finish(BaseModel):
    """What scope check and calibration of the guard are fitted on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scope_scenes: int = Field(default=6000, ge=4)
    """Training scenes that are in scope; a quarter as many validation scenes place the threshold."""
    scope_outsiders: int = Field(default=4000, ge=1)
    """Drawn pictures that are no scenes."""
    calibration_policies: int = Field(default=150, ge=1)
    calibration_scenes: int = Field(default=10, ge=1)
    """Validation scenes that are judged under each of those policies."""


class Recipe(RecipeFile):
    """From nothing to a guard: pictures, vision stage, base stage, guard stretches."""

    explained_in: ClassVar[str] = "eyeward/train/from_scratch/recipe.py"
    example: ClassVar[str] = "recipes/mini-quick.yaml"

    name: str
    seed: int
    architecture: Architecture = Architecture()
    pictures: PictureSet
    vision: Schedule
    base: Stretch
    guard: tuple[Stretch, ...]
    finish: Finish = Finish()
    prefix_length: int = 640
    """Tokens that the longest policy may have; longer draws are drawn again."""
    answer_length: int = 32
    description_length: int = 28
    explained_length: int = 72
    compile: bool = True
    """Compile the packed forward pass: half a minute once a shape, then about a third faster."""

    @property
    def stages(self) -> tuple[str, ...]:
        """Name the stages in their order."""
        return ("vision", "base", *(f"guard-{number}" for number in range(1, len(self.guard) + 1)))
