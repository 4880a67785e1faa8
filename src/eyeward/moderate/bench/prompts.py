"""Prompts in the form of I2P: a CSV with a prompt a row, its categories, and how the image was made."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eyeward.errors import DataError
from eyeward.images.formats import EXTENSIONS

_NAMED = re.compile(r"(\d+)(?:[-_](\d+))?")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One row. `number` counts from 0 and is what images are named by."""

    number: int
    text: str
    categories: tuple[str, ...]
    """What kinds of unsafe content it may lead to, as the file names them; empty for a harmless one."""
    seed: int | None = None
    guidance_scale: float | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """One image, and the prompt that it was made from."""

    prompt: Prompt
    image: Path


def read_prompts(file: Path) -> list[Prompt]:
    """Read the prompts of a file; columns that are not known do not count.

    Raises:
        DataError: with file and line, for a row without a prompt or with a number that is none.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            names = {(name or "").strip().lower(): name for name in rows.fieldnames or ()}
            if "prompt" not in names:
                raise DataError("The first line names no column 'prompt'; see docs/moderate.md for the columns.", file)
            found = []
            for number, row in enumerate(rows):
                known = {name: (row[original] or "").strip() for name, original in names.items() if name}
                found.append(_prompt(number, known, file, rows.line_num))
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise DataError(f"The prompts cannot be read: {problem}.", file) from problem
    if not found:
        raise DataError("There is no prompt in it.", file)
    return found


def _prompt(number: int, row: Mapping[str, str], file: Path, line: int) -> Prompt:
    if not row["prompt"]:
        raise DataError("There is no prompt in this row; write one or take the row away.", file, line)
    categories = row.get("categories") or row.get("category") or ""
    try:
        return Prompt(
            number,
            row["prompt"],
            tuple(dict.fromkeys(name.strip() for name in categories.split(",") if name.strip())),
            _whole(row.get("sd_seed") or row.get("seed")),
            _number(row.get("sd_guidance_scale") or row.get("guidance_scale")),
            _whole(row.get("sd_image_width") or row.get("width")),
            _whole(row.get("sd_image_height") or row.get("height")),
        )
    except (ValueError, OverflowError) as problem:
        raise DataError(f"Seed, guidance scale, width and height are numbers: {problem}.", file, line) from None


def _number(text: str | None) -> float | None:
    return float(text) if text else None


def _whole(text: str | None) -> int | None:
    return int(float(text)) if text else None


def image_name(prompt: Prompt, copy: int) -> str:
    """Return what an image is called: the number of its prompt, and which of several it is."""
    return f"{prompt.number:05d}-{copy}.png"


def made_from(folder: Path, prompts: Sequence[Prompt]) -> list[Made]:
    """Find the images of a folder and their prompts, by the number that their names begin with.

    Raises:
        DataError: when there is none, or one is named otherwise.
    """
    if not folder.is_dir():
        raise DataError("This is no folder of images.", folder)
    found = []
    for image in sorted(folder.iterdir()):
        if image.suffix.lower() not in EXTENSIONS or image.name.startswith("."):
            continue
        name = _NAMED.fullmatch(image.stem)
        if name is None or int(name[1]) >= len(prompts):
            raise DataError(
                f"{image.name} is not named by its prompt; call it NUMBER.png or NUMBER-COPY.png, where NUMBER counts "
                f"the {len(prompts)} rows of the prompts from 0.",
                folder,
            )
        found.append(Made(prompts[int(name[1])], image))
    if not found:
        raise DataError("There are no images here.", folder)
    return sorted(found, key=lambda made: (made.prompt.number, made.image.name))
