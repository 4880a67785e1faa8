"""What a motif is shown in or beside: newspaper page, museum frame, information poster, police badge, phone, billboard.

A context is drawn in its own frame, whose unit is the scale of the scene; `LAYOUTS` says how much room it takes there
and where it leaves room for the motif. The badge stands beside the motif and never covers it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from eyeward.scenes.canvas import BLACK, WHITE, Canvas, Colour
from eyeward.scenes.facts import Context
from eyeward.scenes.painters.signs import police_badge

_TEAL: Colour = (0, 132, 140)


@dataclass(frozen=True)
class Layout:
    """Half-extents of a context and the place of the motif inside it, in units of the context's frame."""

    half_width: float
    half_height: float
    motif_x: float
    motif_y: float
    motif_scale: float


LAYOUTS: dict[Context, Layout] = {
    Context.NONE: Layout(1.02, 1.02, 0, 0, 1),
    Context.NEWSPAPER: Layout(1.07, 1.35, 0, 0.06, 0.87),
    Context.FRAME: Layout(1.2, 1.2, 0, 0, 0.9),
    Context.POSTER: Layout(1.06, 1.32, 0, 0.1, 0.87),
    Context.BADGE: Layout(1.26, 1.08, -0.39, 0.06, 0.86),
    Context.PHONE: Layout(1.1, 1.36, 0, 0, 0.86),
    Context.BILLBOARD: Layout(1.16, 1.3, 0, -0.26, 0.86),
}


def _newspaper(c: Canvas) -> None:
    paper = c.vary((232, 230, 220), 5)
    ink: Colour = (40, 40, 44)
    c.rectangle(-1.03, -1.31, 1.07, 1.35, (120, 118, 112))
    c.rectangle(-1.06, -1.34, 1.04, 1.32, paper)
    c.rectangle(-0.98, -1.28, 0.96, -0.95, BLACK)
    left = -0.9
    for width in (0.3, 0.16, 0.26, 0.34, 0.2, 0.18):
        c.rectangle(left, -1.22, left + width, -1.01, paper)
        left += width + 0.07
    c.rectangle(-0.94, -0.88, 0.92, 0.96, ink)
    c.rectangle(-0.91, -0.85, 0.89, 0.93, c.vary((206, 206, 202), 8))
    for y in (1.05, 1.15, 1.25):
        for start, end in ((-0.98, -0.4), (-0.3, 0.28), (0.38, 0.96)):
            c.rectangle(start, y - 0.025, end, y + 0.025, (90, 90, 94))


def _frame(c: Canvas) -> None:
    gold = c.vary((206, 156, 36), 10)
    c.rectangle(-1.2, -1.2, 1.2, 1.2, (104, 70, 12))
    c.rectangle(-1.16, -1.16, 1.16, 1.16, gold)
    c.rectangle(-1.06, -1.06, 1.06, 1.06, (250, 214, 110))
    c.rectangle(-1.0, -1.0, 1.0, 1.0, (120, 82, 16))
    c.rectangle(-0.93, -0.93, 0.93, 0.93, c.vary((236, 224, 198), 8))
    for x in (-1.05, 1.05):
        for y in (-1.05, 1.05):
            c.disc(x, y, 0.15, (120, 82, 16))
            c.disc(x, y, 0.11, (255, 226, 130))
    for x, y in ((0, -1.08), (0, 1.08), (-1.08, 0), (1.08, 0)):
        c.disc(x, y, 0.1, (120, 82, 16))
        c.disc(x, y, 0.065, (255, 226, 130))


def _poster(c: Canvas) -> None:
    teal = c.vary(_TEAL, 8)
    c.rectangle(-1.06, -1.32, 1.06, 1.32, WHITE)
    c.rectangle(-1.02, -1.28, 1.02, 1.28, teal)
    c.rectangle(-0.92, -0.78, 0.92, 1.0, c.vary((246, 250, 248), 4))
    c.disc(-0.74, -1.03, 0.23, WHITE)
    c.rectangle(-0.79, -1.07, -0.69, -0.88, teal)
    c.disc(-0.74, -1.15, 0.06, teal)
    c.rectangle(-0.4, -1.18, 0.9, -1.06, WHITE)
    c.rectangle(-0.4, -0.98, 0.6, -0.9, (190, 232, 232))
    c.rectangle(-0.9, 1.08, 0.9, 1.18, WHITE)


def _badge(c: Canvas) -> None:
    police_badge(c.at(0.87, -0.6, 0.41))


def _phone(c: Canvas) -> None:
    shell: Colour = (22, 22, 28)
    corner = 0.2
    c.rectangle(-1.1, -1.36 + corner, 1.1, 1.36 - corner, shell)
    c.rectangle(-1.1 + corner, -1.36, 1.1 - corner, 1.36, shell)
    for x in (-1.1 + corner, 1.1 - corner):
        for y in (-1.36 + corner, 1.36 - corner):
            c.disc(x, y, corner, shell)
    c.rectangle(-0.95, -1.1, 0.95, 1.06, c.vary((226, 238, 250), 8))
    c.rectangle(-0.95, -1.1, 0.95, -0.96, (60, 110, 230))
    c.line([(-0.25, -1.23), (0.25, -1.23)], 0.07, (120, 122, 132))
    c.disc(0, 1.21, 0.1, (120, 122, 132))


def _billboard(c: Canvas) -> None:
    for x in (-0.6, 0.6):
        c.rectangle(x - 0.1, 0.66, x + 0.1, 1.3, (70, 66, 78))
    c.rectangle(-1.16, -1.2, 1.16, 0.74, c.vary((110, 50, 150), 10))
    c.rectangle(-1.0, -1.1, 1.0, 0.62, c.vary((248, 246, 238), 6))
    for x in (-0.75, 0.0, 0.75):
        c.line([(x, -1.16), (x, -1.24)], 0.06, (70, 66, 78))
        c.rectangle(x - 0.16, -1.32, x + 0.16, -1.22, (255, 220, 70))


PAINTERS: dict[Context, Callable[[Canvas], None]] = {
    Context.NEWSPAPER: _newspaper,
    Context.FRAME: _frame,
    Context.POSTER: _poster,
    Context.BADGE: _badge,
    Context.PHONE: _phone,
    Context.BILLBOARD: _billboard,
}
