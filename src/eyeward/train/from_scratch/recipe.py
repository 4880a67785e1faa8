"""A recipe: everything that decides what a training run makes, read from YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eyeward.errors import UsageError
from eyeward.train.from_scratch.architecture import Architecture
from eyeward.train.from_scratch.schedule import Schedule

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_WANTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "model": "settings under their names",
    "tuple": "a list",
}
_SHOWN_DIFFERENCES = 6


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
    finish: Finish = Finish()
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
        except OSError as problem:
            raise UsageError(f"The recipe {path} cannot be read: {problem.strerror}.") from problem
        except (yaml.YAMLError, UnicodeDecodeError) as problem:
            mark = getattr(problem, "problem_mark", None)
            place = "" if mark is None else f" at line {mark.line + 1}"
            raise UsageError(f"{path} is not YAML{place}; check indentation, quotes and colons there.") from problem
        except ValidationError as problem:
            faults = " ".join(map(_sentence, problem.errors()))
            raise UsageError(
                f"{path} is not a recipe: {faults} Settings are explained in eyeward/train/from_scratch/recipe.py; "
                "recipes/mini-quick.yaml shows how they are written."
            ) from problem

    def save(self, path: Path) -> None:
        """Write the recipe with every setting, the defaults too; `load` reads it."""
        partial = path.with_suffix(".partial")
        partial.write_text(yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
        partial.replace(path)

    @property
    def stages(self) -> tuple[str, ...]:
        """Name the stages in their order."""
        return ("vision", "base", *(f"guard-{number}" for number in range(1, len(self.guard) + 1)))

    def differences(self, other: Recipe) -> str:
        """Say in which settings another recipe is not this one; empty when it is in none."""
        found = list(_differences(self.model_dump(mode="json"), other.model_dump(mode="json"), ()))
        more = len(found) - _SHOWN_DIFFERENCES
        return ", ".join([*found[:_SHOWN_DIFFERENCES], *([f"and {more} more"] if more > 0 else [])])


def _differences(here: object, there: object, place: tuple[int | str, ...]) -> Iterator[str]:
    if isinstance(here, list) and isinstance(there, list):
        here, there = dict(enumerate(here)), dict(enumerate(there))
    if isinstance(here, Mapping) and isinstance(there, Mapping):
        for name in {**here, **there}:
            if name in here and name in there:
                yield from _differences(here[name], there[name], (*place, name))
            else:
                yield f"{_key((*place, name))} is only {'here' if name in here else 'there'}"
    elif here != there:
        yield f"{_key(place)} is {here} here and {there} there"


def _key(place: tuple[int | str, ...]) -> str:
    """Name a setting as in `vision.steps` or `guard-1.steps`; lists are counted as stages are."""
    return "".join(f"-{part + 1}" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def _sentence(error: ErrorDetails) -> str:
    """Say what is wrong with one setting."""
    key = _key(error["loc"]) or "The file"
    if error["type"] == "missing":
        return f"{key} is missing."
    if error["type"] == "extra_forbidden":
        return f"{key} is no setting."
    reason = error["msg"].removeprefix("Input should be ")
    return f"{key} should be {_WANTED.get(error['type'].partition('_')[0], reason)}, not {error['input']!r:.40}."
