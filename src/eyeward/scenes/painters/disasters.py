"""Fire, water, blood and what is done against them."""

from __future__ import annotations

from eyeward.scenes.canvas import RED, WHITE, Canvas


def flame(c: Canvas) -> None:
    """Draw a flame; bottom at y = 0.9."""
    c.polygon(
        (
            (-0.6, 0.9),
            (-0.8, 0.3),
            (-0.5, -0.2),
            (-0.4, 0.1),
            (0.0, -1),
            (0.3, -0.1),
            (0.52, -0.45),
            (0.78, 0.25),
            (0.58, 0.9),
        ),
        c.vary((236, 72, 16), 12),
    )
    c.polygon(
        ((-0.38, 0.9), (-0.48, 0.4), (-0.2, 0.2), (0.02, -0.4), (0.25, 0.25), (0.42, 0.15), (0.36, 0.9)), (255, 160, 30)
    )
    c.polygon(((-0.2, 0.9), (-0.18, 0.5), (0.02, 0.15), (0.2, 0.5), (0.18, 0.9)), (255, 232, 90))


def dark_smoke(c: Canvas) -> None:
    """Draw a cloud of dark smoke."""
    grey = c.vary((92, 88, 92), 12)
    for x, y, radius in ((-0.4, 0.3, 0.4), (0.2, 0.1, 0.5), (-0.1, -0.4, 0.4), (0.5, -0.5, 0.34)):
        c.disc(x, y, radius, grey)


def blood(c: Canvas) -> None:
    """Draw a pool of blood."""
    red = c.vary(RED, 10)
    c.ellipse(0, 0, 1, 0.4, red)
    c.ellipse(-0.7, 0.22, 0.42, 0.2, red)
    c.ellipse(0.6, 0.26, 0.5, 0.22, red)


def blood_drops(c: Canvas) -> None:
    """Draw three falling drops of blood."""
    red = c.vary(RED, 10)
    for x, y, size in ((-0.5, -0.3, 0.42), (0.35, -0.1, 0.5), (-0.1, 0.6, 0.38)):
        c.disc(x, y, size, red)
        c.polygon(((x - size * 0.9, y - 0.1), (x, y - size * 2.2), (x + size * 0.9, y - 0.1)), red)


def flood_water(c: Canvas, top: float) -> None:
    """Draw water from `top` to the bottom of the unit box, with white crests."""
    blue = c.vary((30, 100, 200), 12)
    step = 0.25
    crests = [(-1.0 + step * i, top + (0.0 if i % 2 == 0 else -0.13)) for i in range(9)]
    c.polygon([(-1.0, 1.0), *crests, (1.0, 1.0)], blue)
    c.line(crests, 0.06, WHITE)
    for y in (top + 0.3, top + 0.55):
        if y < 0.95:
            c.line([(-0.7, y), (-0.5, y - 0.06), (-0.3, y)], 0.05, (150, 200, 250))
            c.line([(0.25, y + 0.06), (0.45, y), (0.65, y + 0.06)], 0.05, (150, 200, 250))


def wave(c: Canvas) -> None:
    """Draw a breaking wave that rolls to the right; bottom at y = 1."""
    blue = c.vary((25, 85, 185), 12)
    c.polygon(
        (
            (-1, 1),
            (-1, 0.1),
            (-0.7, -0.55),
            (-0.2, -0.82),
            (0.3, -0.6),
            (0.45, -0.15),
            (0.15, -0.3),
            (-0.1, -0.15),
            (-0.08, 0.3),
            (0.25, 0.65),
            (1, 0.8),
            (1, 1),
        ),
        blue,
    )
    c.line([(-0.95, 0), (-0.7, -0.55), (-0.2, -0.82), (0.3, -0.6), (0.45, -0.15)], 0.15, WHITE)
    c.line([(-0.7, 0.5), (-0.5, 0.1), (-0.35, -0.2)], 0.07, (150, 200, 250))


def water_jet(c: Canvas) -> None:
    """Draw a jet of water from (-1, 0) to (1, 0)."""
    c.polygon(((-1, -0.06), (0.4, -0.2), (1, -0.34), (1, 0.34), (0.4, 0.16), (-1, 0.06)), (60, 150, 250))
    c.line([(-0.9, 0), (0.9, 0.02)], 0.06, WHITE)
    for x, y in ((0.95, -0.42), (1.05, 0.0), (0.95, 0.4)):
        c.disc(x, y, 0.12, (140, 205, 255))
