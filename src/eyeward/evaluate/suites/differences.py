"""Many paired differences of a report: each with an interval, and a chance that is adjusted for their number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from eyeward.evaluate.intervals import paired_interval
from eyeward.evaluate.monitor.drift import holm
from eyeward.evaluate.paired import mcnemar_of
from eyeward.evaluate.table import Floats, Numbers

Key = TypeVar("Key")


class Difference(NamedTuple):
    """A difference of two shares of the same questions."""

    value: float
    low: float
    high: float
    """Ends of the interval of 95 %, for paired shares."""
    chance: float
    """Of such a difference by luck: McNemar's exact test, adjusted after Holm over all of the report."""


def differences_of(margins: Mapping[Key, tuple[Floats, Numbers]]) -> dict[Key, Difference]:
    """Return the difference of each; margins are one for each question, -1, 0 or 1, beside the group of its image.

    None of them may be without questions.
    """
    chances = holm({key: mcnemar_of(margin, group).exact_p for key, (margin, group) in margins.items()})
    found = {}
    for key, (margin, group) in margins.items():
        interval = paired_interval(margin, group)
        assert interval is not None
        found[key] = Difference(float(margin.mean()), *interval, chances[key])
    return found
