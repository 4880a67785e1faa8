"""A drawing surface with nested coordinate frames; pens decide how shapes look.

Painters draw in a unit box: x and y from -1 to 1, y downwards. A `Canvas` maps that box to pixels and hands the
shapes to a `Pen`, so that one painter serves every style.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from PIL import ImageDraw

Point = tuple[float, float]
Colour = tuple[int, int, int]

WHITE: Colour = (250, 250, 247)
BLACK: Colour = (24, 24, 28)
RED: Colour = (212, 24, 32)


class Pen(Protocol):
    """Puts pixel shapes on an image in the manner of one style."""

    def fill(self, outline: Sequence[Point], colour: Colour) -> None:
        """Fill a closed shape."""

    def stroke(self, path: Sequence[Point], width: float, colour: Colour, closed: bool) -> None:
        """Draw a thick line with round ends and joints; width in pixels."""


class FlatPen:
    """Plain colours without outlines."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self._draw = draw

    def fill(self, outline: Sequence[Point], colour: Colour) -> None:
        self._draw.polygon(outline, fill=colour)

    def stroke(self, path: Sequence[Point], width: float, colour: Colour, closed: bool) -> None:
        thickness = max(1, round(width))
        points = [*path, path[0], path[1]] if closed else list(path)
        self._draw.line(points, fill=colour, width=thickness, joint="curve" if len(points) > 2 else None)
        if not closed and thickness > 2:
            radius = thickness / 2
            for x, y in (points[0], points[-1]):
                self._draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


@dataclass(frozen=True)
class Canvas:
    """A coordinate frame on an image: pixel = (a*x + b*y + c, d*x + e*y + f)."""

    pen: Pen
    random: Random
    matrix: tuple[float, float, float, float, float, float] = (1, 0, 0, 0, 1, 0)

    def at(self, x: float, y: float, scale: float = 1, rotation: float = 0, mirrored: bool = False) -> Canvas:
        """Open a frame inside this one, turned clockwise by `rotation` degrees."""
        a, b, c, d, e, f = self.matrix
        cosine, sine = math.cos(math.radians(rotation)) * scale, math.sin(math.radians(rotation)) * scale
        flip = -1 if mirrored else 1
        matrix = (
            (a * cosine + b * sine) * flip,
            b * cosine - a * sine,
            a * x + b * y + c,
            (d * cosine + e * sine) * flip,
            e * cosine - d * sine,
            d * x + e * y + f,
        )
        return Canvas(self.pen, self.random, matrix)

    def stretched(self, factor: float) -> Canvas:
        """Make this frame wider by a factor."""
        a, b, c, d, e, f = self.matrix
        return Canvas(self.pen, self.random, (a * factor, b, c, d * factor, e, f))

    def readable(self) -> Canvas:
        """Undo mirroring, for digits and letters."""
        a, b, _, d, e, _ = self.matrix
        return self.at(0, 0, mirrored=a * e - b * d < 0)

    @property
    def unit(self) -> float:
        """Length of one unit in pixels."""
        a, _, _, d, _, _ = self.matrix
        return math.hypot(a, d)

    def vary(self, colour: Colour, amount: int = 18) -> Colour:
        """Change a colour a little, at random."""
        red, green, blue = (min(255, max(0, part + self.random.randint(-amount, amount))) for part in colour)
        return red, green, blue

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """Fill a closed shape."""
        self.pen.fill(self._pixels(points), colour)

    def rectangle(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """Fill a rectangle."""
        self.polygon(((left, top), (right, top), (right, bottom), (left, bottom)), colour)

    def line(self, points: Sequence[Point], width: float, colour: Colour, closed: bool = False) -> None:
        """Draw a thick line."""
        self.pen.stroke(self._pixels(points), width * self.unit, colour, closed)

    def ellipse(self, x: float, y: float, radius_x: float, radius_y: float, colour: Colour) -> None:
        """Fill an ellipse."""
        self.polygon(self._arc(x, y, radius_x, radius_y, 0, 360)[:-1], colour)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """Fill a circle."""
        self.ellipse(x, y, radius, radius, colour)

    def ring(self, x: float, y: float, radius: float, width: float, colour: Colour) -> None:
        """Draw a circle's line."""
        self.line(self._arc(x, y, radius, radius, 0, 360)[:-1], width, colour, closed=True)

    def arc(self, x: float, y: float, radius: float, start: float, end: float, width: float, colour: Colour) -> None:
        """Draw part of a circle's line, clockwise from `start` to `end` degrees, 0 pointing right."""
        self.line(self._arc(x, y, radius, radius, start, end), width, colour)

    def sector(
        self, x: float, y: float, radius_x: float, radius_y: float, start: float, end: float, colour: Colour
    ) -> None:
        """Fill the part of an ellipse that an arc and its chord enclose."""
        self.polygon(self._arc(x, y, radius_x, radius_y, start, end), colour)

    def star(
        self, x: float, y: float, radius: float, points: int, inner: float, colour: Colour, turn: float = -90
    ) -> None:
        """Fill a star; `inner` is the inner radius as a share of the outer."""
        corners = []
        for index in range(2 * points):
            angle = math.radians(turn + 180 * index / points)
            reach = radius * (1 if index % 2 == 0 else inner)
            corners.append((x + reach * math.cos(angle), y + reach * math.sin(angle)))
        self.polygon(corners, colour)

    def _arc(self, x: float, y: float, radius_x: float, radius_y: float, start: float, end: float) -> list[Point]:
        pixels = max(radius_x, radius_y) * self.unit * (end - start) / 360
        count = min(40, max(8, round(8 + pixels / 3)))
        step = math.radians(end - start) / count
        first = math.radians(start)
        return [
            (x + radius_x * math.cos(first + step * i), y + radius_y * math.sin(first + step * i))
            for i in range(count + 1)
        ]

    def _pixels(self, points: Sequence[Point]) -> list[Point]:
        a, b, c, d, e, f = self.matrix
        return [(a * x + b * y + c, d * x + e * y + f) for x, y in points]
