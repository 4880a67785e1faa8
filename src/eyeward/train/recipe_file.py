"""Recipes as YAML files: read with every fault named, changed from the command line, written, compared."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from eyeward.errors import UsageError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

FILE_NAME = "recipe.yaml"
"""What the recipe of a run is called in its folder."""

_WANTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "model": "settings under their names",
    "tuple": "a list",
}
_SHOWN_DIFFERENCES = 6


class RecipeFile(BaseModel):
    """Everything that decides what a training run makes."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    explained_in: ClassVar[str]
    """Where the settings are explained."""
    example: ClassVar[str]
    """A file that shows how they are written."""

    @classmethod
    def load(cls, path: Path, changes: Sequence[str] = ()) -> Self:
        """Read a recipe; `changes` are settings as `name.of.it=value`, with values as YAML has them.

        Raises:
            UsageError: when the file is missing, is not YAML, or holds something that is not a recipe.
        """
        content = with_changes(read_yaml(path), changes)
        try:
            return cls.model_validate(content)
        except ValidationError as problem:
            faults = " ".join(map(_sentence, problem.errors()))
            what = f"{path} with these changes" if changes else str(path)
            raise UsageError(
                f"{what} is not a recipe: {faults} Settings are explained in {cls.explained_in}; {cls.example} shows "
                "how they are written."
            ) from problem

    def save(self, path: Path) -> None:
        """Write the recipe with every setting, the defaults too; `load` reads it."""
        write_whole(path, yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False))

    def claim(self, folder: Path) -> bool:
        """Write the recipe into the folder of a run, or find that the run there is of this one; say which it was.

        Raises:
            UsageError: when the folder holds the run of another recipe, or cannot be written to.
        """
        file = folder / FILE_NAME
        if file.exists():
            found = self.differences(type(self).load(file))
            if found:
                raise UsageError(
                    f"{folder} holds the run of another recipe: {found}. Name another folder with --out, or "
                    "remove this one to start again."
                )
            return False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.save(file)
        except OSError as problem:
            raise UsageError(f"The run cannot be kept in {folder}: {problem.strerror}; name another.") from problem
        return True

    def differences(self, other: Self) -> str:
        """Say in which settings another recipe is not this one; empty when it is in none."""
        found = list(_differences(self.model_dump(mode="json"), other.model_dump(mode="json"), ()))
        more = len(found) - _SHOWN_DIFFERENCES
        return ", ".join([*found[:_SHOWN_DIFFERENCES], *([f"and {more} more"] if more > 0 else [])])


def write_whole(file: Path, text: str) -> None:
    """Write a file in one piece; the processes of a run on several devices may all do so at once."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}.unfinished")
    unfinished.write_text(text, encoding="utf-8", newline="\n")
    unfinished.replace(file)


def read_yaml(path: Path) -> Any:
    """Return what a recipe's file holds.

    Raises:
        UsageError: when it is missing or is not YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as problem:
        raise UsageError(f"There is no recipe {path}; the recipes of the project are in recipes/.") from problem
    except OSError as problem:
        raise UsageError(f"The recipe {path} cannot be read: {problem.strerror}.") from problem
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        mark = getattr(problem, "problem_mark", None)
        place = "" if mark is None else f" at line {mark.line + 1}"
        raise UsageError(f"{path} is not YAML{place}; check indentation, quotes and colons there.") from problem


def with_changes(content: Any, changes: Sequence[str]) -> Any:
    """Return a recipe's content with settings changed; settings inside of others are named with dots.

    Raises:
        UsageError: for a change that names no place, or whose value is not YAML.
    """
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or not all(name.split(".")):
            raise UsageError(f"{change!r} changes no setting; write name=value, or name.inside=value.")
        if not isinstance(content, dict):
            raise UsageError(f"{change!r} cannot be applied: the recipe holds no settings under their names.")
        *outer, last = name.split(".")
        content = inner = dict(content)
        for part in outer:
            inner[part] = dict(inner[part]) if isinstance(inner.get(part), dict) else {}
            inner = inner[part]
        try:
            inner[last] = yaml.safe_load(value)
        except yaml.YAMLError as problem:
            raise UsageError(f"The value of {change!r} is not YAML; put quotes around it.") from problem
    return content


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
