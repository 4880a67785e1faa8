"""Vehicles, facing right; ground at y = 0.7 or so."""

from __future__ import annotations

from collections.abc import Callable

from eyeward.scenes.canvas import BLACK, RED, WHITE, Canvas, Colour
from eyeward.scenes.painters.signs import medical_cross

_PAINTS: tuple[Colour, ...] = (
    (40, 90, 200),
    (200, 45, 45),
    (30, 140, 80),
    (235, 180, 40),
    (120, 60, 150),
    (90, 100, 110),
)
_GLASS: Colour = (195, 226, 245)


def _wheel(c: Canvas, x: float, y: float, radius: float) -> None:
    c.disc(x, y, radius, BLACK)
    c.disc(x, y, radius * 0.45, (190, 195, 200))


def car(c: Canvas) -> None:
    """Draw a car."""
    paint = c.vary(c.random.choice(_PAINTS), 12)
    c.polygon(
        ((-1, 0.05), (-0.68, 0), (-0.42, -0.46), (0.36, -0.46), (0.66, 0), (0.98, 0.1), (1, 0.45), (-1, 0.45)), paint
    )
    c.polygon(((-0.52, 0), (-0.34, -0.36), (-0.06, -0.36), (-0.06, 0)), _GLASS)
    c.polygon(((0.04, 0), (0.04, -0.36), (0.3, -0.36), (0.5, 0)), _GLASS)
    c.disc(0.93, 0.18, 0.07, (255, 235, 120))
    for x in (-0.56, 0.56):
        _wheel(c, x, 0.45, 0.23)


def bicycle(c: Canvas) -> None:
    """Draw a bicycle."""
    paint = c.vary(c.random.choice(_PAINTS), 12)
    for x in (-0.58, 0.58):
        c.ring(x, 0.3, 0.38, 0.09, BLACK)
    c.line([(-0.58, 0.3), (-0.22, -0.2), (0.38, -0.2), (-0.02, 0.3)], 0.1, paint)
    c.line([(-0.58, 0.3), (-0.02, 0.3), (-0.26, -0.34)], 0.1, paint)
    c.line([(0.58, 0.3), (0.36, -0.46), (0.56, -0.5)], 0.1, paint)
    c.line([(-0.42, -0.36), (-0.1, -0.36)], 0.12, BLACK)
    c.disc(-0.02, 0.3, 0.1, BLACK)


def boat(c: Canvas) -> None:
    """Draw a sailing boat."""
    c.line([(0, 0.4), (0, -0.95)], 0.09, (95, 62, 40))
    c.polygon(((0.09, -0.9), (0.78, 0.24), (0.09, 0.24)), WHITE)
    c.polygon(((-0.09, -0.6), (-0.6, 0.24), (-0.09, 0.24)), c.vary(c.random.choice(_PAINTS), 12))
    c.polygon(((-0.95, 0.34), (0.95, 0.34), (0.62, 0.8), (-0.62, 0.8)), c.vary((150, 80, 40), 16))
    c.line([(-1, 0.86), (-0.5, 0.82), (0, 0.88), (0.5, 0.82), (1, 0.86)], 0.1, (60, 130, 210))


def train(c: Canvas) -> None:
    """Draw a steam engine on rails."""
    paint = c.vary(c.random.choice(_PAINTS), 12)
    c.rectangle(-0.9, -0.55, -0.3, 0.4, paint)
    c.rectangle(-0.98, -0.66, -0.22, -0.52, BLACK)
    c.rectangle(-0.76, -0.4, -0.46, -0.08, _GLASS)
    c.rectangle(-0.3, -0.15, 0.85, 0.4, paint)
    c.rectangle(0.45, -0.55, 0.68, -0.15, BLACK)
    c.disc(0.62, -0.75, 0.17, (215, 215, 220))
    c.disc(0.3, -0.85, 0.13, (225, 225, 230))
    c.polygon(((0.85, 0.1), (1.0, 0.48), (0.85, 0.48)), BLACK)
    for x, radius in ((-0.6, 0.24), (-0.05, 0.2), (0.5, 0.2)):
        _wheel(c, x, 0.68 - radius, radius)
    c.line([(-1, 0.75), (1, 0.75)], 0.1, (110, 90, 80))


def bus(c: Canvas) -> None:
    """Draw a long bus with a row of windows."""
    c.rectangle(-1, -0.5, 1, 0.42, c.vary(c.random.choice(_PAINTS[1:4]), 12))
    for x in (-0.82, -0.48, -0.14, 0.2):
        c.rectangle(x - 0.13, -0.34, x + 0.13, 0.0, _GLASS)
    c.rectangle(0.46, -0.34, 0.7, 0.4, (90, 100, 110))
    c.rectangle(0.78, -0.34, 0.98, 0.05, _GLASS)
    c.line([(-0.98, 0.16), (0.42, 0.16)], 0.08, WHITE)
    for x in (-0.6, 0.2):
        _wheel(c, x, 0.45, 0.22)


VEHICLES: dict[str, Callable[[Canvas], None]] = {
    "car": car,
    "bicycle": bicycle,
    "boat": boat,
    "train": train,
    "bus": bus,
}


def ambulance(c: Canvas) -> None:
    """Draw an ambulance: white van, red stripe and cross, blue light."""
    c.polygon(((-1, -0.6), (0.4, -0.6), (0.5, -0.3), (0.78, -0.26), (1, 0.08), (1, 0.45), (-1, 0.45)), (70, 74, 80))
    c.polygon(
        ((-0.95, -0.55), (0.37, -0.55), (0.47, -0.25), (0.76, -0.21), (0.95, 0.1), (0.95, 0.42), (-0.95, 0.42)), WHITE
    )
    c.rectangle(-0.95, 0.2, 0.95, 0.32, RED)
    c.polygon(((0.52, -0.16), (0.74, -0.14), (0.86, 0.08), (0.52, 0.08)), _GLASS)
    medical_cross(c.at(-0.35, -0.18, 0.28), RED)
    c.sector(0.1, -0.6, 0.16, 0.2, 180, 360, (30, 90, 250))
    c.line([(0.1, -0.86), (0.1, -0.98)], 0.06, (30, 90, 250))
    for side in (-1, 1):
        c.line([(0.1 + side * 0.2, -0.8), (0.1 + side * 0.3, -0.9)], 0.06, (30, 90, 250))
    for x in (-0.55, 0.55):
        _wheel(c, x, 0.45, 0.23)
