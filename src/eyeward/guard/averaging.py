"""A guard that looks several times: the mean over views of an image decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from eyeward.engine.averaging import VIEWS, AveragingEngine, View
from eyeward.guard.guard import Guard


def averaged(guard: Guard, views: Sequence[View] = VIEWS) -> Guard:
    """Return a guard that asks about every view of an image and rates by the mean; it takes as many times as long.

    Verdicts say so in the name of their engine. Threshold, band, calibration and scope check stay what they are: they
    were not fitted to means.
    """
    engine = f"{guard.model.engine}(mean of {len(views)} views)"
    return replace(
        guard,
        engine=AveragingEngine(guard.engine, views),
        model=guard.model.model_copy(update={"engine": engine}),
    )
