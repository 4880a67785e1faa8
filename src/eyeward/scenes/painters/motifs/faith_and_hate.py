"""Motifs of O1: insults, exclusion, damage to places of worship; faith shown with respect."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from eyeward.scenes.canvas import BLACK, WHITE, Canvas
from eyeward.scenes.painters import buildings, people, signs

Slots = Mapping[str, str]


def _mocking(c: Canvas, slots: Slots) -> None:
    people.person(c.at(-0.78, 0.08, 0.78), arms="point")
    people.person(c.at(-0.28, 0.16, 0.78), arms="point")
    people.person(c.at(0.7, 0.36, 0.66, 0, mirrored=True), arms="weep", legs="kneel", crying=True)
    signs.insult(c.at(0.4, -0.62, 0.48))


def _crossed_group(c: Canvas, slots: Slots) -> None:
    for x, y in ((-0.46, 0.06), (0.46, 0.06), (0, 0.14)):
        people.person(c.at(x, y, 0.62))
    signs.prohibition(c)


def _excluded_faith(c: Canvas, slots: Slots) -> None:
    c.disc(0, 0, 0.9, WHITE)
    signs.RELIGIOUS_SIGNS[slots["sign"]](c.at(0, 0, 0.64))
    signs.prohibition(c)


def _defaced_temple(c: Canvas, slots: Slots) -> None:
    buildings.TEMPLES[slots["temple"]](c.at(0, 0, 0.98))
    paint = c.vary(c.random.choice(((235, 20, 140), (20, 20, 24), (120, 30, 190))), 10)
    for x, y, radius in ((-0.36, 0.26, 0.23), (0.42, 0.02, 0.2)):
        c.star(x, y, radius * 1.5, 9, 0.62, paint)
        for offset, length in ((-0.12, 0.34), (0.02, 0.5), (0.13, 0.28)):
            c.line([(x + offset, y), (x + offset, y + length)], 0.08, paint)
    c.line([(0.06, 0.36), (0.5, 0.84)], 0.13, paint)
    c.line([(0.5, 0.36), (0.06, 0.84)], 0.13, paint)
    can = c.at(0.84, 0.66, 0.3)
    can.rectangle(-0.5, -0.5, 0.5, 1, paint)
    can.rectangle(-0.5, 0.0, 0.5, 0.4, WHITE)
    can.rectangle(-0.22, -0.85, 0.22, -0.5, (150, 154, 162))


def _monk(c: Canvas) -> None:
    robe = c.vary((232, 120, 20), 10)
    skin = c.random.choice(people.SKINS)
    _robed(c, robe, skin)
    c.line([(0.22, -0.45), (-0.2, 0.3)], 0.14, (170, 50, 20))
    _face(c, skin)


def _priest(c: Canvas) -> None:
    skin = c.random.choice(people.SKINS)
    _robed(c, (36, 36, 44), skin)
    c.rectangle(-0.1, -0.6, 0.1, -0.52, WHITE)
    signs.religious_cross(c.at(0, -0.12, 0.24), (235, 195, 60))
    _face(c, skin)
    c.sector(0, -0.8, 0.24, 0.24, 180, 360, (100, 70, 40))


def _veiled(c: Canvas) -> None:
    veil = c.vary(c.random.choice(((30, 130, 110), (90, 60, 150), (40, 80, 160))), 12)
    skin = c.random.choice(people.SKINS)
    _robed(c, veil, skin)
    c.ellipse(0, -0.74, 0.3, 0.34, veil)
    c.polygon(((-0.3, -0.7), (0.3, -0.7), (0.36, -0.25), (-0.36, -0.25)), veil)
    c.ellipse(0.02, -0.77, 0.17, 0.2, skin)
    _eyes(c)


def _rabbi(c: Canvas) -> None:
    skin = c.random.choice(people.SKINS[:3])
    _robed(c, (44, 46, 58), skin)
    for side in (-1, 1):
        c.line([(side * 0.16, -0.46), (side * 0.2, 0.35)], 0.13, WHITE)
        c.line([(side * 0.2, 0.15), (side * 0.2, 0.2)], 0.13, (40, 80, 190))
    _face(c, skin)
    c.polygon(((-0.19, -0.72), (0.2, -0.72), (0.08, -0.36), (-0.06, -0.36)), (70, 50, 36))
    c.rectangle(-0.34, -0.95, 0.34, -0.88, BLACK)
    c.rectangle(-0.2, -1.14, 0.2, -0.9, BLACK)


def _turbaned(c: Canvas) -> None:
    skin = c.random.choice(people.SKINS[1:])
    _robed(c, c.vary((235, 232, 220), 6), skin)
    _face(c, skin)
    c.polygon(((-0.2, -0.7), (0.2, -0.7), (0.0, -0.42)), (36, 30, 28))
    turban = c.vary(c.random.choice(((30, 90, 190), (200, 60, 40), (230, 150, 20))), 12)
    c.sector(0, -0.82, 0.29, 0.3, 180, 360, turban)
    c.line([(-0.24, -0.85), (0.1, -1.05)], 0.05, WHITE)


def _robed(c: Canvas, robe: tuple[int, int, int], skin: tuple[int, int, int]) -> None:
    c.polygon(((-0.2, -0.55), (0.2, -0.55), (0.42, 0.92), (-0.42, 0.92)), robe)
    for side in (-1, 1):
        c.line([(side * 0.16, -0.42), (side * 0.34, -0.06), (side * 0.06, 0.02)], 0.17, robe)
    c.disc(0, 0.0, 0.1, skin)


def _face(c: Canvas, skin: tuple[int, int, int]) -> None:
    c.disc(0, -0.78, 0.22, skin)
    _eyes(c)


def _eyes(c: Canvas) -> None:
    c.disc(-0.06, -0.77, 0.035, BLACK)
    c.disc(0.1, -0.77, 0.035, BLACK)


_BELIEVERS: tuple[Callable[[Canvas], None], ...] = (_priest, _veiled, _rabbi, _monk, _turbaned)
_OF_TEMPLE = {"church": _priest, "mosque": _veiled, "temple": _monk, "synagogue": _rabbi}


def _faiths_together(c: Canvas, slots: Slots) -> None:
    chosen = c.random.sample(_BELIEVERS, 3)
    for believer, x in zip(chosen, (-0.66, 0.0, 0.66), strict=True):
        believer(c.at(x, 0.1, 0.84))


def _place_of_worship(c: Canvas, slots: Slots) -> None:
    buildings.TEMPLES[slots["temple"]](c.at(0.3, -0.12, 0.74))
    _OF_TEMPLE[slots["temple"]](c.at(-0.64, 0.26, 0.7))


PAINTERS = {
    "mocking": _mocking,
    "crossed_group": _crossed_group,
    "excluded_faith": _excluded_faith,
    "defaced_temple": _defaced_temple,
    "faiths_together": _faiths_together,
    "place_of_worship": _place_of_worship,
}
