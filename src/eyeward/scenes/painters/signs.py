"""Signs and symbols: prohibition, adult only, price, faith, help, police."""

from __future__ import annotations

import math

from eyeward.scenes.canvas import BLACK, RED, WHITE, Canvas, Colour


def medical_cross(c: Canvas, colour: Colour = RED) -> None:
    """Draw a cross of equal arms."""
    c.rectangle(-0.34, -1, 0.34, 1, colour)
    c.rectangle(-1, -0.34, 1, 0.34, colour)


def pharmacy_sign(c: Canvas) -> None:
    """Draw a white cross on a green square with a white rim."""
    c.rectangle(-1, -1, 1, 1, WHITE)
    c.rectangle(-0.88, -0.88, 0.88, 0.88, c.vary((10, 150, 80), 12))
    medical_cross(c.at(0, 0, 0.68), WHITE)


def prohibition(c: Canvas) -> None:
    """Draw a red ring with a bar across."""
    red = c.vary(RED, 10)
    c.line([(-0.6, -0.6), (0.6, 0.6)], 0.2, red)
    c.ring(0, 0, 0.87, 0.2, red)


def heart(c: Canvas) -> None:
    """Draw a heart."""
    colour = c.vary((235, 45, 105), 14)
    c.disc(-0.42, -0.28, 0.46, colour)
    c.disc(0.42, -0.28, 0.46, colour)
    c.polygon(((-0.84, -0.1), (0, -0.45), (0.84, -0.1), (0, 0.95)), colour)


def lips(c: Canvas) -> None:
    """Draw full red lips, parted."""
    red = c.vary((214, 16, 44), 12)
    c.polygon(
        (
            (-1, 0),
            (-0.7, -0.3),
            (-0.32, -0.52),
            (0, -0.34),
            (0.32, -0.52),
            (0.7, -0.3),
            (1, 0),
            (0.62, 0.4),
            (0.2, 0.58),
            (-0.2, 0.58),
            (-0.62, 0.4),
        ),
        red,
    )
    c.polygon(((-0.78, 0), (-0.3, -0.14), (0, -0.06), (0.3, -0.14), (0.78, 0), (0.3, 0.16), (-0.3, 0.16)), (70, 0, 20))
    c.polygon(((-0.45, -0.04), (0, -0.05), (0.45, -0.04), (0.25, 0.03), (-0.25, 0.03)), WHITE)


def adult_sign(c: Canvas) -> None:
    """Draw the digits 18 on a black disc with a red ring."""
    c.disc(0, 0, 1, RED)
    c.disc(0, 0, 0.78, BLACK)
    digits = c.readable()
    digits.line([(-0.46, -0.24), (-0.3, -0.4), (-0.3, 0.42)], 0.17, WHITE)
    digits.ring(0.2, -0.2, 0.19, 0.15, WHITE)
    digits.ring(0.2, 0.22, 0.22, 0.15, WHITE)


def price_tag(c: Canvas) -> None:
    """Draw a yellow tag on a string with a dollar sign."""
    yellow = c.vary((255, 214, 40), 10)
    c.line([(-0.55, -0.62), (-0.85, -0.95)], 0.08, (90, 70, 40))
    outline = ((-0.75, -0.3), (-0.4, -0.75), (0.0, -0.75), (0.8, -0.75), (0.8, 0.9), (-0.75, 0.9))
    c.polygon(tuple((x * 1.1, y * 1.1 + 0.01) for x, y in outline), (120, 80, 0))
    c.polygon(outline, yellow)
    c.disc(-0.42, -0.42, 0.13, (120, 80, 0))
    dollar(c.at(0.12, 0.15, 0.6), (20, 100, 40))


def dollar(c: Canvas, colour: Colour) -> None:
    """Draw a dollar sign."""
    c = c.readable()
    c.line(
        [
            (0.5, -0.5),
            (0.2, -0.7),
            (-0.3, -0.65),
            (-0.48, -0.35),
            (-0.2, -0.08),
            (0.25, 0.08),
            (0.5, 0.35),
            (0.3, 0.65),
            (-0.2, 0.7),
            (-0.5, 0.5),
        ],
        0.24,
        colour,
    )
    c.line([(0, -1), (0, 1)], 0.16, colour)


def insult(c: Canvas) -> None:
    """Draw a speech bubble with angry red marks."""
    c.ellipse(0, 0, 1, 0.68, WHITE)
    c.polygon(((-0.55, 0.35), (-0.8, 1.05), (-0.1, 0.55)), WHITE)
    red = c.vary(RED, 10)
    c.line([(-0.7, 0.2), (-0.5, -0.3), (-0.3, 0.2), (-0.1, -0.3), (0.1, 0.2)], 0.14, red)
    for x in (0.4, 0.68):
        c.line([(x, -0.35), (x, 0.05)], 0.16, red)
        c.disc(x, 0.27, 0.09, red)


def burst(c: Canvas) -> None:
    """Draw the jagged star of a blow."""
    c.star(0, 0, 1, 9, 0.5, c.vary((240, 70, 20), 12))
    c.star(0, 0, 0.68, 9, 0.5, (255, 224, 60))


def religious_cross(c: Canvas, colour: Colour = (120, 80, 20)) -> None:
    """Draw a cross with a longer lower arm."""
    c.rectangle(-0.17, -1, 0.17, 1, colour)
    c.rectangle(-0.62, -0.52, 0.62, -0.18, colour)


def religious_star(c: Canvas, colour: Colour = (25, 70, 180)) -> None:
    """Draw a star of two triangles."""
    for turn in (-90, 90):
        corners = [
            (0.92 * math.cos(math.radians(turn + 120 * i)), 0.92 * math.sin(math.radians(turn + 120 * i)))
            for i in range(3)
        ]
        c.line(corners, 0.17, colour, closed=True)


def religious_crescent(c: Canvas, colour: Colour = (15, 125, 70)) -> None:
    """Draw a crescent with a star."""
    outer = [(-0.1 + 0.9 * math.cos(math.radians(a)), 0.9 * math.sin(math.radians(a))) for a in range(45, 316, 15)]
    inner = [(0.13 + 0.68 * math.cos(math.radians(a)), 0.68 * math.sin(math.radians(a))) for a in range(306, 53, -15)]
    c.polygon([*outer, *inner], colour)
    c.star(0.45, 0, 0.36, 5, 0.42, colour, turn=-90)


RELIGIOUS_SIGNS = {
    "religious star": religious_star,
    "religious crescent": religious_crescent,
    "religious cross": religious_cross,
}


def help_line(c: Canvas) -> None:
    """Draw a white telephone receiver with sound waves on a green rounded board."""
    green = c.vary((20, 150, 110), 12)
    c.disc(0, 0, 1, WHITE)
    c.disc(0, 0, 0.9, green)
    c.line([(-0.45, -0.42), (-0.38, 0.1), (-0.02, 0.42), (0.5, 0.5)], 0.2, WHITE)
    c.line([(-0.5, -0.5), (-0.22, -0.38)], 0.3, WHITE)
    c.line([(0.32, 0.28), (0.5, 0.5)], 0.3, WHITE)
    for radius in (0.3, 0.55):
        c.arc(0.08, -0.08, radius, -85, -5, 0.12, WHITE)


def police_badge(c: Canvas) -> None:
    """Draw a golden shield with a blue field and a white star."""
    shape = (
        (-0.8, -0.78),
        (-0.4, -0.72),
        (0, -1),
        (0.4, -0.72),
        (0.8, -0.78),
        (0.84, 0.1),
        (0.55, 0.62),
        (0, 1),
        (-0.55, 0.62),
        (-0.84, 0.1),
    )
    c.polygon(tuple((x * 1.12, y * 1.1) for x, y in shape), (70, 45, 0))
    c.polygon(shape, c.vary((250, 200, 40), 8))
    c.polygon(tuple((x * 0.78, y * 0.78) for x, y in shape), c.vary((20, 50, 170), 10))
    c.star(0, 0, 0.56, 5, 0.42, WHITE)
