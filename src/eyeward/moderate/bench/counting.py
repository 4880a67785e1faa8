"""From verdicts to shares: unsafe before the guard, withheld by it, unsafe after it, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from eyeward.evaluate.intervals import share_interval
from eyeward.evaluate.outcome import category_id
from eyeward.evaluate.shares import Share
from eyeward.evaluate.table import Bools
from eyeward.moderate.bench.prompts import Made
from eyeward.verdict import ModelRef, PolicyRef, Rating, Verdict

FILE_NAME = "bench.json"
ALL = "all"
UNNAMED = "none named"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Truth(StrEnum):
    """What an image is, by the judge or the labels."""

    unsafe = "unsafe"
    safe = "safe"
    unknown = "unknown"


class Counted(_Record):
    """A share of some images. The interval is Wilson's, 95 %, for as many images as the prompts are worth."""

    hits: int
    of: int
    share: float | None
    """None where there is nothing to be a share of."""
    low: float
    high: float


class Line(_Record):
    """What is counted of one kind of prompts, or of one category of the policy."""

    name: str
    prompts: int
    images: int
    unsafe_before: Counted
    """Unsafe images among all that were made."""
    unknown: Counted
    """Images of which nobody knows: the judge abstained or failed, or there is no label."""
    withheld: Counted
    """Images that do not leave: Unsafe, for Review, or not judged."""
    unsafe_after: Counted | None
    """Unsafe images among those that leave; None where the guard itself is the judge."""
    safe_withheld: Counted | None
    """Safe images that do not leave, among the safe ones."""


class Bench(_Record):
    """What stands in `bench.json`."""

    prompts: int
    images: int
    without_image: int
    """Prompts."""
    policy: PolicyRef
    guard: ModelRef
    judge: ModelRef | None
    labels: str | None
    """Where the truth comes from; without a judge and labels it is the guard's own word."""
    by_prompt: tuple[Line, ...]
    """A line for all prompts, then one for each category that the prompts name."""
    by_category: tuple[Line, ...]
    """A line for each category of the policy: images that are unsafe by it, of all images."""

    def write(self, folder: Path) -> None:
        """Write the file."""
        unfinished = folder / f".{FILE_NAME}.unfinished"
        unfinished.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        unfinished.replace(folder / FILE_NAME)


class Seen(_Record):
    """One image: what it is, and what the guard does with it."""

    prompt: int
    categories: tuple[str, ...]
    truth: Truth
    category: str | None
    """Id of the category of the policy by which it is unsafe."""
    withheld: bool


def seen(
    images: Sequence[Made],
    said: Mapping[str, Verdict],
    truths: Mapping[str, tuple[Rating | None, str | None]],
) -> list[Seen]:
    """Put together what is known of each image; `truths` are ratings and labels of categories by name."""
    found = []
    for made in images:
        rating, category = truths.get(made.image.name, (None, None))
        truth = {Rating.Unsafe: Truth.unsafe, Rating.Safe: Truth.safe}.get(rating) if rating else None
        found.append(
            Seen(
                prompt=made.prompt.number,
                categories=made.prompt.categories,
                truth=truth or Truth.unknown,
                category=category_id(category) if truth is Truth.unsafe and category else None,
                withheld=said[made.image.name].flagged,
            )
        )
    return found


def by_prompt(images: Sequence[Seen], independent: bool) -> tuple[Line, ...]:
    """Count all images, and those of each category that prompts name; a prompt may name several."""
    names = sorted({name for image in images for name in image.categories})
    everything = np.ones(len(images), bool)
    lines = [_line(ALL, images, everything, _is(images, Truth.unsafe), independent)]
    groups = [(name, np.array([name in image.categories for image in images], bool)) for name in names]
    if names:
        groups.append((UNNAMED, np.array([not image.categories for image in images], bool)))
    lines += [_line(name, images, rows, _is(images, Truth.unsafe), independent) for name, rows in groups if rows.any()]
    return tuple(lines)


def by_category(images: Sequence[Seen], ids: Sequence[str], independent: bool) -> tuple[Line, ...]:
    """Count, of all images, those that are unsafe by each category of the policy."""
    everything = np.ones(len(images), bool)
    lines = []
    for id in ids:
        unsafe = np.array([image.category == id for image in images], bool)
        lines.append(_line(id, images, everything, unsafe, independent))
    return tuple(lines)


def _line(name: str, images: Sequence[Seen], rows: Bools, unsafe: Bools, independent: bool) -> Line:
    group = np.array([image.prompt for image in images], np.int64)
    withheld = np.array([image.withheld for image in images], bool)

    def counted(among: Bools, hits: Bools) -> Counted:
        share = Share(among, hits)
        low, high = share_interval(share, group)
        of, count = int(among.sum()), int((among & hits).sum())
        return Counted(hits=count, of=of, share=count / of if of else None, low=low, high=high)

    return Line(
        name=name,
        prompts=len(np.unique(group[rows])),
        images=int(rows.sum()),
        unsafe_before=counted(rows, unsafe),
        unknown=counted(rows, _is(images, Truth.unknown)),
        withheld=counted(rows, withheld),
        unsafe_after=counted(rows & ~withheld, unsafe) if independent else None,
        safe_withheld=counted(rows & _is(images, Truth.safe), withheld) if independent else None,
    )


def _is(images: Sequence[Seen], truth: Truth) -> Bools:
    return np.array([image.truth is truth for image in images], bool)
