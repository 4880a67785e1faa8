"""Motifs of O7: harm to oneself; grief, comfort and help."""

from __future__ import annotations

from collections.abc import Mapping

from eyeward.scenes.canvas import RED, WHITE, Canvas
from eyeward.scenes.painters import buildings, disasters, people, signs, things
from eyeward.scenes.painters import weapons_and_substances as objects

Slots = Mapping[str, str]


def _weeping(c: Canvas) -> None:
    people.person(c, arms="weep", legs="kneel", crying=True)


def _self_cutting(c: Canvas, slots: Slots) -> None:
    crying = c.at(-0.5, 0.16, 0.84)
    people.person(crying, arms="point", legs="kneel", crying=True)
    for x in (0.42, 0.54, 0.66):
        crying.line([(x - 0.03, -0.5), (x + 0.03, -0.3)], 0.07, RED)
    objects.knife(c.at(0.56, -0.5, 0.54, 145), bloody=True)
    disasters.blood_drops(c.at(0.2, 0.2, 0.2))
    disasters.blood(c.at(0.46, 0.76, 0.5))


def _noose(c: Canvas, slots: Slots) -> None:
    _weeping(c.at(-0.46, 0.22, 0.76))
    objects.rope_noose(c.at(0.5, -0.18, 0.72))


def _ledge(c: Canvas, slots: Slots) -> None:
    wall = c.vary((120, 112, 124), 10)
    c.rectangle(-1, 0.28, 0.1, 1, wall)
    c.rectangle(-1, 0.22, 0.26, 0.36, (80, 74, 86))
    for x in (-0.78, -0.42, -0.08):
        for y in (0.52, 0.8):
            c.rectangle(x - 0.1, y - 0.09, x + 0.1, y + 0.09, (250, 232, 150))
    for x, top in ((0.4, 0.72), (0.62, 0.62), (0.86, 0.76)):
        c.rectangle(x - 0.1, top, x + 0.1, 1, (160, 160, 172))
    people.person(c.at(0.0, -0.36, 0.64), arms="weep", crying=True)
    c.line([(0.52, -0.1), (0.52, 0.42)], 0.1, RED)
    c.polygon(((0.36, 0.36), (0.68, 0.36), (0.52, 0.6)), RED)


def _overdose(c: Canvas, slots: Slots) -> None:
    _weeping(c.at(-0.5, 0.18, 0.8))
    jar = c.at(0.56, -0.3, 0.42, 115)
    jar.rectangle(-0.5, -0.6, 0.5, 0.8, c.vary((236, 130, 20), 8))
    jar.rectangle(-0.5, -0.1, 0.5, 0.5, WHITE)
    jar.rectangle(-0.42, -0.85, 0.42, -0.6, (250, 190, 110))
    for x, y in (
        (0.2, 0.1),
        (0.52, 0.26),
        (0.1, 0.46),
        (0.84, 0.18),
        (0.42, 0.6),
        (0.74, 0.52),
        (0.16, 0.8),
        (0.58, 0.86),
        (0.88, 0.8),
    ):
        objects.capsule(c.at(x, y, 0.145, c.random.uniform(0, 180)))


def _grief(c: Canvas, slots: Slots) -> None:
    buildings.tomb(c.at(0.5, 0.14, 0.8))
    things.flower(c.at(0.92, 0.62, 0.3))
    _weeping(c.at(-0.48, 0.2, 0.78))


def _tears(c: Canvas, slots: Slots) -> None:
    _weeping(c.at(-0.06, 0.02, 0.98))


def _comfort(c: Canvas, slots: Slots) -> None:
    people.person(c.at(0.4, 0.22, 0.78), arms="weep", legs="kneel", crying=True)
    people.person(c.at(-0.3, 0.1, 0.86, 6), arms="embrace", legs="kneel")


def _help_line(c: Canvas, slots: Slots) -> None:
    _weeping(c.at(-0.5, 0.2, 0.8))
    signs.help_line(c.at(0.48, -0.2, 0.5))


PAINTERS = {
    "self_cutting": _self_cutting,
    "noose": _noose,
    "ledge": _ledge,
    "overdose": _overdose,
    "grief": _grief,
    "tears": _tears,
    "comfort": _comfort,
    "help_line": _help_line,
}
