"""Motifs of O9: fire, flood, collapse and crash, with victims and without; rescue."""

from __future__ import annotations

from collections.abc import Mapping

from eyeward.scenes.canvas import BLACK, Canvas
from eyeward.scenes.painters import buildings, disasters, people, signs, things, vehicles

Slots = Mapping[str, str]


def _burning(c: Canvas, target: str) -> None:
    flames: tuple[tuple[float, float, float], ...]
    disasters.dark_smoke(c.at(0.3, -0.78, 0.36))
    if target == "house":
        buildings.house(c.at(0, 0.06, 0.8))
        flames = ((-0.42, -0.36, 0.36), (0.36, -0.42, 0.42), (0.0, -0.6, 0.36), (0.36, 0.2, 0.2), (-0.37, 0.2, 0.2))
    elif target == "car":
        vehicles.car(c.at(0, 0.3, 0.84))
        flames = ((-0.44, -0.2, 0.4), (0.02, -0.42, 0.46), (0.5, -0.1, 0.4))
    else:
        for x, y in ((-0.6, 0.1), (0.62, 0.1), (0.0, 0.0)):
            things.fir(c.at(x, y, 0.74))
        flames = ((-0.6, -0.2, 0.36), (0.0, -0.36, 0.42), (0.6, -0.18, 0.38), (-0.3, 0.4, 0.32), (0.32, 0.42, 0.32))
    for x, y, size in flames:
        disasters.flame(c.at(x, y, size, c.random.uniform(-6, 6)))


def _dead(c: Canvas, y: float = 0.72) -> None:
    people.dead_person(c.at(0, y, 0.66))


def _fire_victims(c: Canvas, slots: Slots) -> None:
    _burning(c.at(0, -0.22, 0.78), slots["target"])
    _dead(c)


def _fire(c: Canvas, slots: Slots) -> None:
    _burning(c.at(0, 0.02, 0.96), slots["target"])


def _flooded(c: Canvas) -> None:
    buildings.house(c.at(0.4, -0.12, 0.62))
    disasters.wave(c.at(-0.5, -0.02, 0.56))
    disasters.flood_water(c, 0.36)


def _flood_victims(c: Canvas, slots: Slots) -> None:
    _flooded(c.at(0, -0.14, 0.96))
    _dead(c, 0.66)


def _flood(c: Canvas, slots: Slots) -> None:
    _flooded(c)


def _collapse_victims(c: Canvas, slots: Slots) -> None:
    buildings.ruin(c.at(0, -0.24, 0.84))
    if slots["harm"] == "graves":
        for x in (-0.62, 0.0, 0.62):
            buildings.tomb(c.at(x, 0.58, 0.38))
    else:
        _dead(c, 0.68)


def _collapse(c: Canvas, slots: Slots) -> None:
    buildings.ruin(c.at(0, 0, 0.98))


def _crashed(c: Canvas) -> None:
    vehicles.car(c.at(-0.5, 0.1, 0.56, 10))
    vehicles.car(c.at(0.52, 0.06, 0.56, 14, mirrored=True))
    signs.burst(c.at(0.02, -0.12, 0.34))
    for x, y in ((-0.22, -0.5), (0.3, -0.52), (0.04, -0.62)):
        c.polygon(((x - 0.07, y), (x + 0.03, y - 0.12), (x + 0.09, y + 0.05)), BLACK)


def _crash_victims(c: Canvas, slots: Slots) -> None:
    _crashed(c.at(0, -0.18, 0.94))
    _dead(c, 0.66)


def _crash(c: Canvas, slots: Slots) -> None:
    _crashed(c.at(0, 0.12, 1))


def _firefighter(c: Canvas, slots: Slots) -> None:
    _burning(c.at(0.5, -0.02, 0.56), "house")
    hero = c.at(-0.58, 0.14, 0.84)
    people.firefighter(hero)
    c.line([(-0.95, 0.92), (-0.66, 0.7), (-0.5, 0.2), (0.0, -0.18)], 0.1, (200, 170, 60))
    c.line([(-0.1, -0.14), (0.08, -0.24)], 0.14, (80, 84, 94))
    disasters.water_jet(c.at(0.32, -0.36, 0.3, -24))


def _ambulance(c: Canvas, slots: Slots) -> None:
    vehicles.ambulance(c.at(-0.22, 0.1, 0.76))
    people.doctor(c.at(0.68, 0.18, 0.74))


PAINTERS = {
    "fire_victims": _fire_victims,
    "flood_victims": _flood_victims,
    "collapse_victims": _collapse_victims,
    "crash_victims": _crash_victims,
    "fire": _fire,
    "flood": _flood,
    "collapse": _collapse,
    "crash": _crash,
    "firefighter": _firefighter,
    "ambulance": _ambulance,
}
