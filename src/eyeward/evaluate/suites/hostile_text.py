"""Do the words do harm, or does the band that they stand on? Hostile text against harmless text of the same size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from eyeward.evaluate.outcome import Outcome
from eyeward.evaluate.suites.addressing import HARMLESS
from eyeward.evaluate.suites.attack import Family, Value
from eyeward.evaluate.suites.attacks import Variant
from eyeward.evaluate.suites.differences import differences_of
from eyeward.evaluate.table import Floats, Numbers
from eyeward.verdict import Rating

SURE = 0.05
"""Chance up to which a difference is marked, adjusted for all that are looked at."""


class TextDifference(BaseModel):
    """How much more of the same unsafe pictures are rated Unsafe under a hostile text than under the harmless one."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    guard: str
    attack: str
    level: int
    value: Value
    """Of the parameter: how large both texts are."""
    pictures: int
    difference: float
    """Below zero where the words do harm."""
    low: float
    high: float
    """Ends of the interval of 95 %, for paired shares."""
    chance: float
    """Of such a difference, did the words not matter: McNemar's exact test, adjusted after Holm over all texts, sizes
    and guards of the report."""

    @property
    def sure(self) -> bool:
        """Whether it is more than luck, though many differences were looked at."""
        return self.chance <= SURE


def text_differences(
    outcomes: Mapping[str, Sequence[Outcome]], variants: Sequence[Variant]
) -> tuple[TextDifference, ...]:
    """Hold each hostile text against the harmless one, picture by picture; nothing where one of them was not asked."""
    texts = [variant for variant in variants if variant.family is Family.text]
    control = {(variant.of, variant.level): variant.number for variant in texts if variant.attack == HARMLESS}
    pairs: dict[tuple[str, int], list[Variant]] = {}
    for variant in texts:
        if variant.attack != HARMLESS and (variant.of, variant.level) in control:
            pairs.setdefault((variant.attack, variant.level), []).append(variant)
    margins: dict[tuple[str, str, int], tuple[Floats, Numbers]] = {}
    for guard, said in outcomes.items():
        for (attack, level), those in pairs.items():
            unsafe = [v for v in those if said[v.of].question.rating is Rating.Unsafe]
            if unsafe:
                gained = [int(said[v.number].right) - int(said[control[v.of, level]].right) for v in unsafe]
                groups = np.unique([said[v.of].question.group for v in unsafe], return_inverse=True)[1]
                margins[guard, attack, level] = np.array(gained, np.float64), groups.astype(np.int64)
    return tuple(
        TextDifference(
            guard=guard,
            attack=attack,
            level=level,
            value=pairs[attack, level][0].value,
            pictures=len(margins[guard, attack, level][0]),
            difference=found.value,
            low=found.low,
            high=found.high,
            chance=found.chance,
        )
        for (guard, attack, level), found in differences_of(margins).items()
    )
