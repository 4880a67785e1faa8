"""A recipe: everything that decides what a training run makes, read from YAML."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from eyeward.errors import UsageError
from eyeward.train.architecture import Architecture
from eyeward.train.schedule import Schedule


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


class Recipe(BaseModel):
    """From nothing to a guard: pictures, vision stage, base stage, guard stretches."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    seed: int
    architecture: Architecture = Architecture()
    pictures: PictureSet
    vision: Schedule
    base: Stretch
    guard: tuple[Stretch, ...]
    prefix_length: int = 640
    """Tokens that the longest policy may have; longer draws are drawn again."""
    answer_length: int = 32
    description_length: int = 28
    explained_length: int = 72
    compile: bool = True
    """Compile the packed forward pass: half a minute once a shape, then about a third faster."""

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Read a recipe.

        Raises:
            UsageError: when the file is missing, is not YAML, or holds something that is not a recipe.
        """
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except FileNotFoundError as problem:
            raise UsageError(f"There is no recipe {path}; the recipes of the project are in recipes/.") from problem
        except (yaml.YAMLError, ValidationError) as problem:
            raise UsageError(f"{path} is not a recipe: {problem}") from problem
