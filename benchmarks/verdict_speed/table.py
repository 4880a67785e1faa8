"""Ratios, their bars, and how they are measured and printed."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

ROUNDS = 3


@dataclass(frozen=True)
class Ratio:
    """How many times as long another way takes, or what share of a limit is reached."""

    what: str
    beside: str
    value: float
    bar: float | None
    ours: float
    """Seconds an image, or what the note says."""
    theirs: float
    at_most: bool = False
    """Whether the bar is a ceiling."""

    @property
    def holds(self) -> bool:
        """Whether the bar is met; true without one."""
        return self.bar is None or (self.value <= self.bar if self.at_most else self.value >= self.bar)


def median_of(measure: Callable[[], float], rounds: int = ROUNDS) -> float:
    """Run a measurement several times after one that does not count; give the median."""
    measure()
    return statistics.median(measure() for _ in range(rounds))


def show(title: str, ratios: Sequence[Ratio]) -> None:
    """Print a table."""
    print(f"\n## {title}\n")
    print("| Eyeward | beside | ratio | bar | ms, Eyeward | ms, other | |")
    print("|---|---|---|---|---|---|---|")
    for r in ratios:
        sign = "<=" if r.at_most else ">="
        bar = "" if r.bar is None else f"{sign} {r.bar:g}"
        print(
            f"| {r.what} | {r.beside} | {r.value:.2f} | {bar} | {1000 * r.ours:.1f} | {1000 * r.theirs:.1f} "
            f"| {'' if r.holds else 'MISSED'} |",
            flush=True,
        )
