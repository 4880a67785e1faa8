"""Painters of motifs, found by the keys of `eyeward.scenes.motifs`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from eyeward.scenes.canvas import Canvas
from eyeward.scenes.painters.motifs import (
    animal_care,
    bodies,
    crime,
    disaster,
    everyday,
    faith_and_hate,
    self_harm,
    substances,
    violence,
)

MotifPainter = Callable[[Canvas, Mapping[str, str]], None]

MOTIF_PAINTERS: dict[str, MotifPainter] = {
    **faith_and_hate.PAINTERS,
    **violence.PAINTERS,
    **bodies.PAINTERS,
    **crime.PAINTERS,
    **substances.PAINTERS,
    **self_harm.PAINTERS,
    **animal_care.PAINTERS,
    **disaster.PAINTERS,
    **everyday.PAINTERS,
}
