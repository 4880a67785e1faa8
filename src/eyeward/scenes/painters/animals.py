"""Animals as pictograms, facing right, feet at y = 0.9."""

from __future__ import annotations

from collections.abc import Callable

from eyeward.scenes.canvas import BLACK, WHITE, Canvas, Colour


def _eye(c: Canvas, x: float, y: float, dead: bool) -> None:
    if dead:
        c.line([(x - 0.1, y - 0.1), (x + 0.1, y + 0.1)], 0.06, BLACK)
        c.line([(x - 0.1, y + 0.1), (x + 0.1, y - 0.1)], 0.06, BLACK)
    else:
        c.disc(x, y, 0.07, WHITE)
        c.disc(x + 0.015, y, 0.045, BLACK)


def _coat(c: Canvas, *colours: Colour) -> Colour:
    return c.vary(c.random.choice(colours), 16)


def dog(c: Canvas, dead: bool = False) -> None:
    """Draw a dog with hanging ears and a raised tail."""
    coat = _coat(c, (160, 105, 55), (205, 165, 105), (95, 65, 45))
    ear = (70, 42, 22)
    c.line([(-0.52, 0.05), (-0.78, -0.2), (-0.85, -0.45)], 0.13, coat)
    for x in (-0.45, -0.25, 0.25, 0.43):
        c.line([(x, 0.25), (x, 0.84)], 0.15, coat)
    c.ellipse(-0.02, 0.15, 0.6, 0.3, coat)
    c.line([(0.4, 0.05), (0.58, -0.28)], 0.3, coat)
    c.ellipse(0.6, -0.35, 0.28, 0.25, coat)
    c.ellipse(0.85, -0.27, 0.2, 0.13, coat)
    c.disc(1.0, -0.31, 0.07, BLACK)
    c.ellipse(0.45, -0.24, 0.12, 0.28, ear)
    _eye(c, 0.68, -0.4, dead)


def cat(c: Canvas, dead: bool = False) -> None:
    """Draw a sitting cat with pointed ears and whiskers."""
    coat = _coat(c, (115, 115, 122), (225, 140, 55), (60, 58, 62))
    c.line([(0.25, 0.75), (0.68, 0.72), (0.8, 0.4), (0.66, 0.15)], 0.14, coat)
    c.ellipse(0, 0.42, 0.4, 0.5, coat)
    for x in (-0.16, 0.16):
        c.line([(x, 0.4), (x, 0.85)], 0.16, coat)
    for side in (-1, 1):
        c.polygon(((side * 0.4, -0.3), (side * 0.4, -0.88), (side * 0.02, -0.56)), coat)
        c.polygon(((side * 0.34, -0.5), (side * 0.34, -0.74), (side * 0.18, -0.6)), (240, 160, 160))
    c.ellipse(0, -0.28, 0.4, 0.33, coat)
    for side in (-1, 1):
        if dead:
            _eye(c, side * 0.17, -0.3, True)
        else:
            c.ellipse(side * 0.17, -0.31, 0.09, 0.1, (240, 225, 70))
            c.ellipse(side * 0.17, -0.31, 0.035, 0.09, BLACK)
        for y in (-0.16, -0.06):
            c.line([(side * 0.2, -0.15), (side * 0.58, y - 0.06)], 0.025, WHITE)
    c.polygon(((-0.07, -0.18), (0.07, -0.18), (0, -0.1)), (240, 130, 140))


def bird(c: Canvas, dead: bool = False) -> None:
    """Draw a bird with beak, wing and tail."""
    coat = _coat(c, (50, 120, 205), (200, 50, 55), (235, 190, 40))
    leg = (200, 120, 30)
    for x in (-0.05, 0.14):
        c.line([(x, 0.35), (x, 0.86), (x + 0.14, 0.86)], 0.07, leg)
    c.polygon(((-0.35, 0.0), (-1, -0.12), (-0.92, 0.24), (-0.35, 0.26)), coat)
    c.ellipse(0, 0.1, 0.55, 0.36, coat)
    c.polygon(((0.66, -0.42), (1.0, -0.26), (0.64, -0.16)), (245, 160, 30))
    c.disc(0.46, -0.3, 0.26, coat)
    c.ellipse(0.1, 0.22, 0.34, 0.18, (250, 240, 215))
    wing = c.vary((35, 60, 110), 14)
    c.polygon(((0.22, 0.0), (-0.1, -0.12), (-0.62, -0.62), (-0.66, -0.1), (-0.35, 0.22), (0.1, 0.22)), wing)
    _eye(c, 0.54, -0.34, dead)


def horse(c: Canvas, dead: bool = False) -> None:
    """Draw a horse with long legs, neck, mane and tail."""
    coat = _coat(c, (130, 75, 40), (85, 60, 50), (190, 180, 170))
    mane = (35, 25, 22)
    c.line([(-0.55, -0.1), (-0.76, 0.15), (-0.74, 0.5)], 0.15, mane)
    for x in (-0.46, -0.3, 0.2, 0.36):
        c.line([(x, 0.1), (x, 0.82)], 0.12, coat)
        c.rectangle(x - 0.08, 0.8, x + 0.1, 0.92, BLACK)
    c.ellipse(-0.05, 0.02, 0.56, 0.26, coat)
    c.polygon(((0.18, 0.0), (0.46, 0.1), (0.74, -0.55), (0.5, -0.78)), coat)
    c.polygon(((0.5, -0.85), (0.72, -0.86), (1.0, -0.5), (0.94, -0.36), (0.8, -0.38), (0.55, -0.55)), coat)
    c.polygon(((0.52, -0.8), (0.54, -1.02), (0.68, -0.84)), coat)
    c.line([(0.54, -0.84), (0.36, -0.5), (0.16, -0.14)], 0.13, mane)
    _eye(c, 0.7, -0.68, dead)


def rabbit(c: Canvas, dead: bool = False) -> None:
    """Draw a rabbit with long upright ears and a round tail."""
    coat = _coat(c, (205, 195, 185), (165, 140, 120), (240, 238, 232))
    c.disc(-0.62, 0.52, 0.18, WHITE)
    c.ellipse(-0.15, 0.45, 0.52, 0.42, coat)
    for x, lean in ((0.2, -0.12), (0.42, 0.02)):
        c.line([(x, -0.2), (x + lean, -0.82)], 0.19, coat)
        c.line([(x, -0.3), (x + lean * 0.9, -0.78)], 0.08, (240, 150, 160))
    c.ellipse(0.36, -0.05, 0.32, 0.28, coat)
    c.ellipse(-0.2, 0.8, 0.36, 0.12, coat)
    c.line([(0.24, 0.5), (0.3, 0.82)], 0.15, coat)
    c.disc(0.67, 0.0, 0.06, (230, 90, 110))
    _eye(c, 0.46, -0.1, dead)


ANIMALS: dict[str, Callable[[Canvas, bool], None]] = {
    "dog": dog,
    "cat": cat,
    "bird": bird,
    "horse": horse,
    "rabbit": rabbit,
}
NECKS: dict[str, tuple[float, float]] = {
    "dog": (0.46, -0.06), "cat": (0.0, 0.04), "bird": (0.3, -0.1), "horse": (0.42, -0.2), "rabbit": (0.22, 0.16),
}  # fmt: skip
"""Where a collar sits."""
