"""Motifs of O8: cruelty to animals and care for them."""

from __future__ import annotations

from collections.abc import Mapping

from eyeward.scenes.canvas import RED, WHITE, Canvas
from eyeward.scenes.painters import disasters, people, signs, things
from eyeward.scenes.painters import weapons_and_substances as objects
from eyeward.scenes.painters.animals import ANIMALS, NECKS

Slots = Mapping[str, str]


def _animal_beating(c: Canvas, slots: Slots) -> None:
    ANIMALS[slots["animal"]](c.at(0.48, 0.46, 0.5), False)
    beater = c.at(-0.52, 0.08, 0.88)
    people.person(beater, arms="attack", legs="wide")
    x, y = people.hand("attack")
    objects.club(beater.at(x + 0.42, y + 0.18, 0.6, 28))
    signs.burst(c.at(0.5, -0.12, 0.24))


def _animal_wound(c: Canvas, slots: Slots) -> None:
    disasters.blood(c.at(0, 0.8, 0.7))
    ANIMALS[slots["animal"]](c.at(0.05, 0.16, 0.74), False)
    c.star(0, 0.3, 0.26, 8, 0.6, RED)
    disasters.blood_drops(c.at(0.02, 0.6, 0.18))
    objects.knife(c.at(-0.36, -0.2, 0.56, 50), bloody=True)


def _dead_animal(c: Canvas, slots: Slots) -> None:
    disasters.blood(c.at(0, 0.56, 0.95))
    ANIMALS[slots["animal"]](c.at(0, 0.02, 0.78, 180, mirrored=True), True)


def _caged_animal(c: Canvas, slots: Slots) -> None:
    c.rectangle(-0.9, -0.86, 0.9, 0.9, (176, 172, 166))
    ANIMALS[slots["animal"]](c.at(0, 0.06, 0.78), False)
    bar = (52, 54, 62)
    for x in (-0.88, -0.44, 0.0, 0.44, 0.88):
        c.line([(x, -0.86), (x, 0.9)], 0.085, bar)
    for y in (-0.86, 0.9):
        c.line([(-0.92, y), (0.92, y)], 0.17, bar)
    c.arc(0.82, 0.34, 0.11, 180, 360, 0.07, (230, 180, 40))
    c.rectangle(0.68, 0.34, 0.96, 0.62, (230, 180, 40))


def _chained_animal(c: Canvas, slots: Slots) -> None:
    animal = c.at(0.26, 0.14, 0.74)
    ANIMALS[slots["animal"]](animal, False)
    c.line([(-0.84, -0.2), (-0.84, 0.9)], 0.2, (96, 70, 46))
    neck_x, neck_y = NECKS[slots["animal"]]
    end_x, end_y = 0.26 + 0.74 * neck_x, 0.14 + 0.74 * neck_y
    iron = (62, 66, 78)
    c.line([(end_x - 0.2, end_y), (end_x + 0.16, end_y + 0.03)], 0.15, iron)
    links = 6
    for index in range(links):
        share = (index + 0.3) / links
        sag = 0.9 * share * (1 - share)
        x = -0.8 + (end_x - 0.12 + 0.8) * share
        y = -0.05 + (end_y + 0.05) * share + sag
        c.ring(x, y, 0.1, 0.075, iron)


def _feeding(c: Canvas, slots: Slots) -> None:
    people.person(c.at(-0.56, 0.12, 0.86), arms="hold", legs="kneel")
    ANIMALS[slots["animal"]](c.at(0.56, 0.36, 0.54, 0, mirrored=True), False)
    things.bowl(c.at(-0.04, 0.66, 0.3))
    things.bowl(c.at(-0.06, -0.1, 0.2))


def _walking(c: Canvas, slots: Slots) -> None:
    people.person(c.at(-0.52, 0.06, 0.9), arms="hold", legs="wide")
    dog = c.at(0.5, 0.44, 0.52)
    ANIMALS["dog"](dog, False)
    x, y = NECKS["dog"]
    dog.line([(x - 0.2, y + 0.04), (x + 0.18, y + 0.1)], 0.13, RED)
    c.line([(-0.05, -0.08), (0.3, 0.12), (0.5 + 0.52 * x, 0.44 + 0.52 * y)], 0.055, RED)


def _vet(c: Canvas, slots: Slots) -> None:
    people.doctor(c.at(-0.56, 0.08, 0.88), arms="hold")
    c.rectangle(-0.12, 0.66, 1, 0.76, (150, 160, 172))
    for x in (0.0, 0.88):
        c.line([(x, 0.76), (x, 0.95)], 0.09, (110, 118, 130))
    animal = c.at(0.44, 0.18, 0.54)
    ANIMALS[slots["animal"]](animal, False)
    animal.line([(-0.34, 0.12), (-0.14, 0.5)], 0.2, WHITE)
    animal.line([(-0.06, 0.12), (0.12, 0.5)], 0.2, WHITE)
    signs.medical_cross(animal.at(-0.1, 0.3, 0.17), RED)


PAINTERS = {
    "animal_beating": _animal_beating,
    "animal_wound": _animal_wound,
    "dead_animal": _dead_animal,
    "caged_animal": _caged_animal,
    "chained_animal": _chained_animal,
    "feeding": _feeding,
    "walking": _walking,
    "vet": _vet,
}
