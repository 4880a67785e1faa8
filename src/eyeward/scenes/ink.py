"""The second style: unsteady ink outlines, pale washes and hatching on grained paper.

Only tests of generalisation use it. It differs from the flat style in line work, palette, texture and a little in
geometry: lines are thinner, corners are shifted, dark areas are hatched instead of filled.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from random import Random

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from eyeward.scenes.canvas import Colour, Point

PAPER: Colour = (243, 235, 214)
INK: Colour = (38, 30, 52)
_LIMB = 0.78
"""Width of lines as a share of their width in the flat style."""


class InkPen:
    """Outlines shapes by hand and washes them with thinned colour."""

    def __init__(self, draw: ImageDraw.ImageDraw, random: Random, side: int) -> None:
        """`side` is the length of the picture's side in pixels; it sets the thickness of outlines."""
        self._draw = draw
        self._random = random
        self._outline = max(1, round(side / 200))
        self._unsteadiness = side / 260
        self._spacing = side / 60

    def fill(self, outline: Sequence[Point], colour: Colour) -> None:
        """Wash a shape, hatch it when dark, draw its outline."""
        shape = self._shaken(outline)
        self._draw.polygon(shape, fill=_wash(colour))
        darkness = 1 - _lightness(colour)
        if darkness > 0.35:
            self._hatch(shape, _thinned(colour), self._spacing * (1.7 - darkness))
        self._draw.line([*shape, shape[0]], fill=INK, width=self._outline)

    def stroke(self, path: Sequence[Point], width: float, colour: Colour, closed: bool) -> None:
        """Draw a line as a narrow outlined band, or as bare ink when it is thin."""
        points = self._shaken(path)
        if closed:
            points = [*points, points[0], points[1]]
        thickness = round(width * _LIMB)
        if thickness <= 3 * self._outline:
            self._band(points, max(self._outline, thickness), _thinned(colour))
            return
        self._band(points, thickness, INK)
        self._band(points, thickness - 2 * self._outline, _wash(colour))

    def _band(self, points: Sequence[Point], thickness: int, colour: Colour) -> None:
        self._draw.line(points, fill=colour, width=thickness, joint="curve" if len(points) > 2 else None)
        if thickness > 2:
            radius = thickness / 2
            for x, y in (points[0], points[-1]):
                self._draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

    def _shaken(self, points: Sequence[Point]) -> list[Point]:
        reach = max(max(axis) - min(axis) for axis in zip(*points, strict=True))
        amount = min(self._unsteadiness, 0.06 * reach)
        shake = self._random.uniform
        return [(x + shake(-amount, amount), y + shake(-amount, amount)) for x, y in points]

    def _hatch(self, shape: Sequence[Point], colour: Colour, spacing: float) -> None:
        """Fill a polygon with slanting lines, by cutting each with its edges (even-odd rule)."""
        slanted = [(x + y, x - y) for x, y in shape]
        low, high = min(u for u, _ in slanted), max(u for u, _ in slanted)
        step = spacing * math.sqrt(2)
        level = low + step / 2
        edges = list(zip(slanted, [*slanted[1:], slanted[0]], strict=True))
        while level < high:
            cuts = sorted(
                v0 + (v1 - v0) * (level - u0) / (u1 - u0)
                for (u0, v0), (u1, v1) in edges
                if (u0 <= level) != (u1 <= level)
            )
            for start, end in zip(cuts[::2], cuts[1::2], strict=False):
                ends = [((level + v) / 2, (level - v) / 2) for v in (start, end)]
                self._draw.line(ends, fill=colour, width=self._outline)
            level += step


def _lightness(colour: Colour) -> float:
    red, green, blue = colour
    return (0.3 * red + 0.59 * green + 0.11 * blue) / 255


def _wash(colour: Colour) -> Colour:
    """Thin a colour with paper, turn its hue a little and mute it."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(part / 255 for part in colour))
    parts = colorsys.hls_to_rgb((hue + 0.035) % 1, 0.25 + 0.7 * lightness, 0.8 * saturation)
    red, green, blue = (round(0.78 * 255 * part + 0.22 * paper) for part, paper in zip(parts, PAPER, strict=True))
    return red, green, blue


def _thinned(colour: Colour) -> Colour:
    red, green, blue = (round(0.55 * part + 0.45 * ink) for part, ink in zip(colour, INK, strict=True))
    return red, green, blue


def paper_grain(random: np.random.Generator, side: int) -> npt.NDArray[np.float32]:
    """Return factors of about one for every pixel, [side, side, 1]: blotches and horizontal fibres."""
    blotches = Image.fromarray(random.random((9, 9), dtype=np.float32)).resize((side, side), Image.Resampling.BICUBIC)
    fibres = Image.fromarray(random.random((side, 12), dtype=np.float32)).resize(
        (side, side), Image.Resampling.BILINEAR
    )
    grain = 1 + 0.12 * (np.asarray(blotches) - 0.5) + 0.09 * (np.asarray(fibres) - 0.5)
    return np.asarray(grain[:, :, None], dtype=np.float32)
