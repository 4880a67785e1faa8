"""A look at all samples before anything is learnt: what cannot be a lesson is named and counted, not met at night."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from eyeward.data.folder import SampleFolder
from eyeward.data.sample import Sample, Split
from eyeward.errors import DataError, PolicyError, UsageError
from eyeward.train.tuning.lessons import NeverMet, Teaching, pictures_of
from eyeward.verdict import NA, Rating

DISCARDED_FILE = "discarded.jsonl"
_AHEAD = 256


class Unfit(StrEnum):
    """Why a sample is no lesson."""

    unreadable_image = "unreadable_image"
    several_pictures = "several_pictures"
    """The image is animated or transparent, and which of its pictures shows what it is labelled for is not known."""
    policy_does_not_fit = "policy_does_not_fit"
    """The policy does not have the sample's category, or is missing."""
    unaskable_policy = "unaskable_policy"
    """The policy holds what the model takes for a mark of its own."""
    unknown_words = "unknown_words"
    """The policy holds words that the model has never met, so that the guard will say Review under it."""
    too_long = "too_long"
    """Prompt, image and answer have more tokens than the model reads."""


@dataclass(frozen=True)
class Survey:
    """Samples that are lessons, and what became of the others."""

    samples: tuple[Sample, ...]
    tokens: np.ndarray
    """[samples]: tokens of each lesson."""
    answers: np.ndarray
    """[samples]: how many of them are learnt."""
    discarded: tuple[tuple[Unfit, str], ...]
    """Reasons, with sentences."""

    @property
    def reasons(self) -> dict[str, int]:
        """Count samples that are no lessons by reason."""
        return dict(Counter(reason.value for reason, _ in self.discarded))

    def write_discarded(self, file: Path) -> None:
        """Write a line for each sample that is no lesson."""
        lines = (json.dumps({"reason": r, "message": m}, ensure_ascii=False) + "\n" for r, m in self.discarded)
        file.write_text("".join(lines), encoding="utf-8", newline="\n")


def survey(
    teaching: Teaching,
    folder: SampleFolder,
    samples: Sequence[Sample],
    most_tokens: int,
    progress: Callable[[], None] = lambda: None,
) -> Survey:
    """Try every sample: read its image, find its answer under its policy, count its tokens."""
    kept: list[Sample] = []
    tokens: list[int] = []
    answers: list[int] = []
    discarded: list[tuple[Unfit, str]] = []
    for sample, found in _sizes(folder, samples):
        progress()
        if isinstance(found, DataError):
            discarded.append((Unfit.unreadable_image, str(found)))
            continue
        if found.pictures > 1 and sample.category != NA:
            message = (
                f"{sample.image}: the guard sees {found.pictures} pictures of it, and a lesson holds the first, which "
                f"may not show what is {sample.category!r}; label single frames, or take the transparency away."
            )
            discarded.append((Unfit.several_pictures, message))
            continue
        try:
            written = teaching.written(folder, sample)
        except DataError as problem:
            discarded.append((Unfit.policy_does_not_fit, str(problem)))
            continue
        except PolicyError as problem:
            reason = Unfit.unknown_words if isinstance(problem, NeverMet) else Unfit.unaskable_policy
            discarded.append((reason, f"{sample.image}: {problem}"))
            continue
        length = teaching.length(written, found.height, found.width)
        if length > most_tokens:
            message = f"{sample.image}: the lesson has {length:,} tokens; the model reads {most_tokens:,}."
            discarded.append((Unfit.too_long, message))
            continue
        kept.append(sample)
        tokens.append(length)
        answers.append(len(written.answer))
    return Survey(tuple(kept), np.array(tokens, np.int64), np.array(answers, np.int64), tuple(discarded))


@dataclass(frozen=True, slots=True)
class _Size:
    """Of the first picture of an image, in pixels, and how many pictures there are."""

    height: int
    width: int
    pictures: int


def _sizes(folder: SampleFolder, samples: Sequence[Sample]) -> Iterator[tuple[Sample, _Size | DataError]]:
    """Give the size of every sample's image; an image that many samples share is read once in a row."""

    def size(image: Sample) -> _Size | DataError:
        try:
            first, *others = pictures_of(folder, image)
        except DataError as problem:
            return problem
        return _Size(first.height, first.width, 1 + len(others))

    known: dict[str, _Size | DataError] = {}
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(samples), _AHEAD):
            block = samples[start : start + _AHEAD]
            new = {sample.image: sample for sample in block if sample.image not in known}
            known.update(zip(new, pool.map(size, new.values()), strict=True))
            for sample in block:
                yield sample, known[sample.image]


def chosen(folder: SampleFolder, split: Split) -> list[Sample]:
    """Return the samples of one side; those that were given none are for training.

    Raises:
        DataError: for a row that is no sample.
    """
    return [sample for sample in folder if (sample.split or Split.TRAIN) is split]


def balanced(samples: Sequence[Sample]) -> list[int]:
    """Return the places of samples, those of the rarer rating as often as makes both alike."""
    places: dict[Rating, list[int]] = {Rating.Safe: [], Rating.Unsafe: []}
    for place, sample in enumerate(samples):
        places[sample.rating].append(place)
    if not all(places.values()):
        missing = next(rating for rating, found in places.items() if not found)
        raise UsageError(f"balance wants samples of both ratings; there is none that is {missing}.")
    most = max(map(len, places.values()))
    return sorted(found[number % len(found)] for found in places.values() for number in range(most))
