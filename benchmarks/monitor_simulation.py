"""Measure whether `eyeward monitor` keeps its promise: quiet half-years without alarm, drift found within two weeks.

Usage: python -m benchmarks.monitor_simulation [--half-years 200] [--seed 0] [--json PATH]

A half-year is 26 windows of 1,000 images, drawn from shares of categories like those of a mixed stream, each with 40
labels. As in windows of `eyeward annotate --statistics`, six numbers about the images are counted, some images are
Review and a few could not be judged, so that as many tests are made. In quiet half-years nothing changes. In the others
one category becomes more frequent from a random week on, by the factors in the table; or recall on labels falls.
Counted are half-years with a false alarm (any alarm before the change), and how often the right alarm comes in the
first or second window of the change. Intervals are 95 % (Wilson).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist

import numpy as np

from eyeward.evaluate.intervals import wilson
from eyeward.evaluate.monitor.watching import Alarm, Kind, Settings, Watch, watch
from eyeward.evaluate.monitor.window import BINS, ERROR, LOWEST, NONE, STATISTIC_BINS, WIDTH, Label, Window
from eyeward.images.statistics import RANGES
from eyeward.verdict import ModelRef, Rating

WEEKS = 26
IMAGES, REFERENCE_IMAGES, LABELS = 1000, 8000, 40
SHARES = {"NA": 0.62, "O1": 0.02, "O2": 0.08, "O3": 0.05, "O4": 0.05, "O5": 0.02, "O6": 0.10, "O8": 0.02, "O9": 0.04}
UNSAFE_SHARE = 0.5
"""Of images that touch a category."""
FACTORS = (1.3, 1.6, 2.0)
DRIFTING = "O6"
RECALL, SPECIFICITY = 0.95, 0.97
FALLEN = (0.8, 0.6)
REVIEW, ERRORS = 0.02, 0.01
"""Shares of images that the guard abstains from, and that cannot be judged."""
IMAGE_NUMBERS = {
    "brightness": (0.5, 0.15),
    "contrast": (0.5, 0.15),
    "colour": (0.25, 0.12),
    "detail": (0.04, 0.02),
    "shape": (0.2, 0.5),
    "size": (19.0, 1.5),
}
"""Mean and deviation of each number about images."""


def image_shares(name: str) -> list[float]:
    """Return how many of the images belong into each bin of a number; what is beyond the ends goes to the last."""
    (low, high), law = RANGES[name], NormalDist(*IMAGE_NUMBERS[name])
    edges = (low + (high - low) * place / STATISTIC_BINS for place in range(1, STATISTIC_BINS))
    below = [0.0, *(law.cdf(edge) for edge in edges), 1.0]
    return [upper - lower for lower, upper in pairwise(below)]


IMAGE_SHARES = {name: image_shares(name) for name in RANGES}
SETTINGS = Settings(recall=0.9, specificity=0.9)
_MODEL = ModelRef(name="simulated", engine="none")


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    world: str
    half_years: int
    false_alarms: int
    found_within_two: int | None


def week(
    name: str, random: np.random.Generator, images: int, shares: Mapping[str, float], recall: float, labels: int
) -> Window:
    """Draw a window."""
    whole = sum(shares.values())
    failed = int(random.binomial(images, ERRORS))
    answered = images - failed
    drawn = [int(count) for count in random.multinomial(answered, [share / whole for share in shares.values()])]
    unsafe = int(random.binomial(answered - drawn[list(shares).index("NA")], UNSAFE_SHARE))
    unsure = [int(random.binomial(count, REVIEW)) for count in (unsafe, answered - unsafe)]
    odds = np.concatenate((random.normal(5.0, 2.0, unsafe), random.normal(-5.0, 2.0, answered - unsafe)))
    bins = np.clip(np.floor((odds - LOWEST) / WIDTH) + 1, 0, BINS - 1).astype(np.int64)
    said = [
        Label(truth=truth, said=(truth if right else other).value)
        for truth, other, rate in (
            (Rating.Unsafe, Rating.Safe, recall),
            (Rating.Safe, Rating.Unsafe, SPECIFICITY),
        )
        for right in random.random(labels // 2) < rate
    ]
    numbers = {each: random.multinomial(answered, bins_of) for each, bins_of in IMAGE_SHARES.items()}
    return Window(
        name=name,
        policy="0" * 64,
        model=_MODEL,
        images=images,
        ratings={
            "Safe": answered - unsafe - unsure[1],
            "Unsafe": unsafe - unsure[0],
            "Review": sum(unsure),
            ERROR: failed,
        },
        categories={**dict(zip(shares, drawn, strict=True)), NONE: failed},
        scores=tuple(int(count) for count in np.bincount(bins, minlength=BINS)),
        statistics={each: tuple(counts.tolist()) for each, counts in numbers.items()},
        labels=tuple(said),
    )


def half_year(seed: int, factor: float = 1.0, fallen: float = RECALL) -> tuple[Watch, int]:
    """Return a half-year that was watched, and the first week of the change."""
    random = np.random.default_rng(seed)
    start = int(random.integers(4, WEEKS - 2))
    reference = [week("reference", random, REFERENCE_IMAGES, SHARES, RECALL, 0)]
    after = {**SHARES, DRIFTING: SHARES[DRIFTING] * factor}
    weeks = [
        week(
            f"{number}",
            random,
            IMAGES,
            SHARES if number < start else after,
            RECALL if number < start else fallen,
            LABELS,
        )
        for number in range(WEEKS)
    ]
    return watch(reference, weeks, SETTINGS), start


def quiet(count: int, seed: int) -> Line:
    """Count quiet half-years with an alarm."""
    false = sum(bool(half_year(seed + number)[0].alarms) for number in range(count))
    return Line("nothing changes", count, false, None)


def changed(count: int, seed: int, what: str, kind: Kind, factor: float = 1.0, fallen: float = RECALL) -> Line:
    """Count half-years in which the right alarm comes within two windows."""
    false = found = 0
    for number in range(count):
        watched, start = half_year(seed + number, factor, fallen)
        false += any(int(alarm.window) < start for alarm in watched.alarms)
        found += any(_fits(alarm, kind) and start <= int(alarm.window) <= start + 1 for alarm in watched.alarms)
    return Line(what, count, false, found)


def _fits(alarm: Alarm, kind: Kind) -> bool:
    return alarm.kind is kind and (kind is not Kind.category or alarm.what == DRIFTING)


def lines(count: int, seed: int) -> list[Line]:
    """Simulate all worlds."""
    table = [quiet(count, seed)]
    for place, factor in enumerate(FACTORS, 1):
        what = f"{DRIFTING} {factor:g} times as frequent"
        table.append(changed(count, seed + place * 10_000, what, Kind.category, factor=factor))
    for place, fallen in enumerate(FALLEN, 1):
        what = f"recall falls from {RECALL:g} to {fallen:g}"
        table.append(changed(count, seed + place * 100_000, what, Kind.recall, fallen=fallen))
    return table


def _share(hits: int | None, count: int) -> str:
    if hits is None:
        return ""
    low, high = wilson(hits, count)
    return f"{hits / count:.3f} ({low:.3f}-{high:.3f})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half-years", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    found = lines(given.half_years, given.seed)
    print(f"promised: a false alarm in at most {SETTINGS.false_alarms:.0%} of half-years of {WEEKS} windows")
    print("| world | half-years | with a false alarm | found within two windows |")
    print("|---|---|---|---|")
    for line in found:
        false, within = _share(line.false_alarms, line.half_years), _share(line.found_within_two, line.half_years)
        print(f"| {line.world} | {line.half_years} | {false} | {within} |")
    if given.json is not None:
        given.json.write_text(json.dumps([asdict(line) for line in found], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
