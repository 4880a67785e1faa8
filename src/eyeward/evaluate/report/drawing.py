"""Charts as SVG inside a page, drawn by a few functions: lines in a unit square, bars with intervals, stacked bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eyeward.evaluate.report.markup import PALETTE, Html, element, joined, text
from eyeward.evaluate.table import Floats

_SIDE, _LEFT, _BOTTOM, _TOP = 260, 34, 34, 8
_MOST_POINTS = 400
NEUTRAL = -1
"""The colour of what belongs to no guard."""
_DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 4", "1 4")


@dataclass(frozen=True)
class Line:
    """Points with coordinates from 0 to 1, joined; marked by dots of these areas where sizes are given."""

    x: Floats | Sequence[float]
    y: Floats | Sequence[float]
    colour: int
    sizes: Sequence[float] = ()
    dashed: bool = False


@dataclass(frozen=True)
class Bar:
    """A value from 0 to 1 with its interval; no value leaves a gap."""

    value: float | None
    low: float | None
    high: float | None
    note: str
    """What is shown when somebody points at it."""


def unit_square(title: str, across: str, up: str, lines: Sequence[Line], diagonal: bool = False) -> Html:
    """Draw lines over two axes from 0 to 1."""
    width, height = _LEFT + _SIDE + 8, _TOP + _SIDE + _BOTTOM
    parts = [_grid()]
    if diagonal:
        parts.append(_path([(0.0, 0.0), (1.0, 1.0)], class_="guide"))
    for line in lines:
        points = list(zip([float(x) for x in line.x], [float(y) for y in line.y], strict=True))
        step = max(1, len(points) // _MOST_POINTS)
        kept = points[::step] + ([points[-1]] if points and (len(points) - 1) % step else [])
        dashes = "3 3" if line.dashed else _DASHES[line.colour % len(_DASHES)]
        parts.append(_path(kept, class_="series", stroke=_colour(line.colour), stroke_dasharray=dashes))
        for (x, y), size in zip(points, line.sizes, strict=False):
            radius = f"{max(1.5, min(8.0, size**0.5)):.1f}"
            parts.append(element("circle", cx=_x(x), cy=_y(y), r=radius, fill=_colour(line.colour), fill_opacity="0.6"))
    parts.append(element("text", text(across), x=f"{_LEFT + _SIDE / 2}", y=f"{height - 4}", text_anchor="middle"))
    turn = f"rotate(-90 10 {_TOP + _SIDE / 2})"
    parts.append(element("text", text(up), x="10", y=f"{_TOP + _SIDE / 2}", text_anchor="middle", transform=turn))
    return _svg(title, width, height, parts)


def bars(title: str, rows: Sequence[tuple[str, Sequence[Bar]]]) -> Html:
    """Draw horizontal bars, a group for each row, in the order of their colours."""
    thick, gap, left, length = 12, 10, 74, 460
    parts: list[Html] = []
    y = 4
    for name, group in rows:
        middle = y + thick * len(group) / 2
        parts.append(element("text", text(name), x=f"{left - 8}", y=f"{middle + 4:.1f}", text_anchor="end"))
        for number, bar in enumerate(group):
            if bar.value is not None:
                parts.append(_bar(bar, left, y, length, thick, number))
            y += thick
        y += gap
    for tenth in (0, 25, 50, 75, 100):
        x = left + length * tenth / 100
        parts.insert(0, element("line", x1=f"{x}", x2=f"{x}", y1="0", y2=f"{y}", class_="axis"))
        parts.append(element("text", text(f"{tenth} %"), x=f"{x}", y=f"{y + 14}", text_anchor="middle"))
    return _svg(title, left + length + 24, y + 20, parts)


def stacked(title: str, parts: Sequence[tuple[str, float, str]]) -> Html:
    """Draw one bar made of named shares; each with the name of its colour in the style sheet."""
    drawn, x = [], 0.0
    for name, share, colour in parts:
        hint = element("title", text(f"{name}: {share:.1%}"))
        width = f"{600 * share:.1f}"
        drawn.append(element("rect", hint, x=f"{x:.1f}", y="0", width=width, height="16", fill=f"var(--{colour})"))
        x += 600 * share
    return _svg(title, 600, 16, drawn)


def _bar(bar: Bar, left: int, y: int, length: int, thick: int, colour: int) -> Html:
    assert bar.value is not None
    middle = f"{y + thick / 2:.1f}"
    drawn = [
        element("title", text(bar.note)),
        element(
            "rect",
            x=f"{left}",
            y=f"{y + 1}",
            width=f"{max(1.0, length * bar.value):.1f}",
            height=f"{thick - 2}",
            fill=_colour(colour),
            fill_opacity="0.55",
        ),
    ]
    if bar.low is not None and bar.high is not None:
        ends = {"x1": f"{left + length * bar.low:.1f}", "x2": f"{left + length * bar.high:.1f}"}
        drawn.append(element("line", y1=middle, y2=middle, stroke="var(--ink)", stroke_width="1.5", **ends))
    return element("g", *drawn)


def _grid() -> Html:
    lines = []
    for quarter in range(5):
        at = quarter / 4
        lines.append(_path([(at, 0.0), (at, 1.0)], class_="axis"))
        lines.append(_path([(0.0, at), (1.0, at)], class_="axis"))
        if quarter % 2 == 0:
            lines.append(element("text", text(f"{at:g}"), x=_x(at), y=f"{_TOP + _SIDE + 14}", text_anchor="middle"))
            lines.append(
                element(
                    "text", text(f"{at:g}"), x=f"{_LEFT - 5}", y=f"{_TOP + _SIDE * (1 - at) + 4}", text_anchor="end"
                )
            )
    return joined(lines)


def _path(points: Sequence[tuple[float, float]], **attributes: str) -> Html:
    given = {name: value for name, value in attributes.items() if value}
    return element("polyline", points=" ".join(f"{_x(x)},{_y(y)}" for x, y in points), **given)


def _svg(title: str, width: float, height: float, parts: Sequence[Html]) -> Html:
    drawn = joined(parts)
    return element("svg", element("title", text(title)), drawn, viewBox=f"0 0 {width:g} {height:g}", role="img")


def _x(x: float) -> str:
    return f"{_LEFT + _SIDE * x:.1f}"


def _y(y: float) -> str:
    return f"{_TOP + _SIDE * (1 - y):.1f}"


def _colour(number: int) -> str:
    return "var(--soft)" if number == NEUTRAL else f"var(--c{number % PALETTE})"
