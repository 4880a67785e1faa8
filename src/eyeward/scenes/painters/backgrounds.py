"""What stands behind a scene, drawn in a frame from 0 to 1; light enough for dark things to stand out."""

from __future__ import annotations

import math
from collections.abc import Callable

from eyeward.scenes.canvas import WHITE, Canvas, Colour

_GROUNDS: tuple[Colour, ...] = (
    (236, 226, 208), (208, 226, 240), (214, 236, 210), (242, 214, 214), (228, 216, 240), (244, 236, 190),
    (206, 206, 210), (190, 222, 220), (246, 222, 190), (176, 196, 222), (196, 206, 176), (222, 190, 200),
)  # fmt: skip


def _ground(c: Canvas) -> Colour:
    return c.vary(c.random.choice(_GROUNDS), 14)


def _shade(colour: Colour, amount: float) -> Colour:
    red, green, blue = (max(0, min(255, round(part * amount))) for part in colour)
    return red, green, blue


def _cover(c: Canvas, colour: Colour) -> None:
    c.rectangle(-0.02, -0.02, 1.02, 1.02, colour)


def _plain(c: Canvas) -> None:
    _cover(c, _ground(c))


def _horizon(c: Canvas) -> None:
    _cover(c, c.vary(c.random.choice(((176, 214, 242), (246, 214, 190), (206, 216, 226), (196, 196, 232))), 12))
    top = c.random.uniform(0.5, 0.75)
    c.rectangle(
        -0.02,
        top,
        1.02,
        1.02,
        c.vary(c.random.choice(((170, 206, 140), (224, 206, 160), (190, 190, 186), (236, 240, 246))), 12),
    )


def _gradient(c: Canvas) -> None:
    first, last = _ground(c), _ground(c)
    bands = 24
    for band in range(bands):
        share = band / (bands - 1)
        red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, last, strict=True))
        c.rectangle(-0.02, band / bands - 0.01, 1.02, (band + 1) / bands + 0.01, (red, green, blue))


def _stripes(c: Canvas) -> None:
    ground = _ground(c)
    _cover(c, ground)
    stripe = _shade(ground, c.random.uniform(0.9, 0.96))
    count = c.random.randint(4, 8)
    turned = c.at(0.5, 0.5, 1.5, c.random.choice((0, 45, 90, 135)))
    for index in range(count):
        x = -1 + 2 * index / count
        turned.rectangle(x, -1, x + 1 / count, 1, stripe)


def _dots(c: Canvas) -> None:
    ground = _ground(c)
    _cover(c, ground)
    dot = _shade(ground, c.random.uniform(0.9, 0.96))
    count = c.random.randint(5, 7)
    for row in range(count + 1):
        for column in range(count + 1):
            c.disc((column + 0.5 * (row % 2)) / count, row / count, 0.25 / count, dot)


def _room(c: Canvas) -> None:
    wall = _ground(c)
    _cover(c, wall)
    floor = c.random.uniform(0.68, 0.8)
    c.rectangle(-0.02, floor, 1.02, 1.02, c.vary((206, 172, 132), 14))
    c.rectangle(-0.02, floor - 0.025, 1.02, floor, WHITE)
    for index in range(6):
        x = index / 5
        c.line([(x, floor), (0.5 + (x - 0.5) * 1.6, 1.02)], 0.006, (180, 146, 108))


def _hills(c: Canvas) -> None:
    _cover(c, c.vary((190, 220, 244), 12))
    for x, y, radius, colour in (
        (0.2, 1.05, 0.5, (178, 214, 150)),
        (0.85, 1.1, 0.56, (196, 222, 162)),
        (0.5, 1.35, 0.6, (164, 204, 140)),
    ):
        c.disc(x + c.random.uniform(-0.1, 0.1), y, radius, c.vary(colour, 10))


def _street(c: Canvas) -> None:
    _cover(c, c.vary((214, 222, 232), 10))
    left = -0.05
    while left < 1:
        width, top = c.random.uniform(0.14, 0.26), c.random.uniform(0.14, 0.4)
        block = c.vary((196, 200, 210), 10)
        c.rectangle(left, top, left + width - 0.015, 0.74, block)
        for row in range(math.ceil((0.68 - top) / 0.11)):
            for share in (0.28, 0.68):
                x, y = left + width * share, top + 0.06 + row * 0.11
                c.rectangle(x - 0.018, y - 0.022, x + 0.018, y + 0.022, _shade(block, 0.9))
        left += width
    c.rectangle(-0.02, 0.74, 1.02, 1.02, c.vary((168, 170, 176), 8))
    for index in range(5):
        c.rectangle(0.05 + index * 0.2, 0.87, 0.15 + index * 0.2, 0.89, (232, 232, 226))


PAINTERS: dict[str, Callable[[Canvas], None]] = {
    "plain": _plain, "horizon": _horizon, "gradient": _gradient, "stripes": _stripes, "dots": _dots, "room": _room,
    "hills": _hills, "street": _street,
}  # fmt: skip
