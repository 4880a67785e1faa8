"""Motifs that touch no category."""

from __future__ import annotations

from collections.abc import Mapping

from eyeward.scenes.canvas import BLACK, Canvas
from eyeward.scenes.painters import buildings, people, things, vehicles
from eyeward.scenes.painters.animals import ANIMALS

Slots = Mapping[str, str]


def _two_people(c: Canvas, slots: Slots) -> None:
    people.person(c.at(-0.42, 0.06, 0.92), arms=c.random.choice(("down", "hold")))
    people.person(c.at(0.44, 0.06, 0.92, 0, mirrored=c.random.random() < 0.5))


def _crowd(c: Canvas, slots: Slots) -> None:
    for x, y, size in (
        (-0.5, -0.12, 0.66),
        (0.5, -0.12, 0.66),
        (0.0, -0.16, 0.66),
        (-0.7, 0.22, 0.74),
        (0.0, 0.26, 0.74),
        (0.7, 0.22, 0.74),
    ):
        people.person(c.at(x, y, size, 0, mirrored=c.random.random() < 0.5))


def _animal(c: Canvas, slots: Slots) -> None:
    ANIMALS[slots["animal"]](c.at(0, 0.04, 0.94), False)


def _person_and_animal(c: Canvas, slots: Slots) -> None:
    people.person(c.at(-0.5, 0.06, 0.92))
    ANIMALS[slots["animal"]](c.at(0.48, 0.36, 0.58), False)


def _vehicle(c: Canvas, slots: Slots) -> None:
    vehicles.VEHICLES[slots["vehicle"]](c.at(0, 0, 0.98))


def _building(c: Canvas, slots: Slots) -> None:
    buildings.BUILDINGS[slots["building"]](c.at(0, 0, 0.98))


def _resident(c: Canvas, slots: Slots) -> None:
    buildings.house(c.at(0.34, -0.02, 0.74))
    people.person(c.at(-0.62, 0.16, 0.82), arms=c.random.choice(("down", "hold")))


def _nature(c: Canvas, slots: Slots) -> None:
    things.NATURE[slots["thing"]](c.at(0, 0, 0.98))


def _play(c: Canvas, slots: Slots) -> None:
    toy = slots["toy"]
    if toy == "guitar":
        player = c.at(0, 0.04, 0.94)
        people.person(player, arms="read")
        things.guitar(player.at(0.12, -0.06, 0.62, -18))
        return
    people.person(c.at(-0.42, 0.08, 0.9), arms="up" if toy == "kite" else "hold", legs="run")
    if toy == "kite":
        c.line([(-0.02, -0.8), (0.24, -0.5), (0.46, -0.36)], 0.03, BLACK)
        things.kite(c.at(0.52, -0.5, 0.44, 24))
    else:
        things.ball(c.at(0.52, 0.58, 0.34))


def _food(c: Canvas, slots: Slots) -> None:
    things.FOOD[slots["food"]](c.at(0, 0, 0.95))


def _household(c: Canvas, slots: Slots) -> None:
    things.HOUSEHOLD[slots["thing"]](c.at(0, 0, 0.95))


def _reader(c: Canvas, slots: Slots) -> None:
    things.chair(c.at(-0.22, 0.36, 0.62))
    people.person(c.at(-0.18, 0.04, 0.92), arms="read", legs="sit")
    things.book(c.at(0.5, -0.24, 0.34, -10))


def _sleeper(c: Canvas, slots: Slots) -> None:
    who = people.look(c)
    bed = c.at(0, 0.28, 0.96)
    things.bed(bed)
    people.head(bed.at(-0.56, -0.12, 1.0, -90), who)
    bed.polygon(((-0.34, -0.1), (0.5, -0.16), (0.86, 0.02), (0.88, 0.4), (-0.34, 0.4)), things.bright(c))
    letters = c.readable()
    side = 1 if letters.matrix == c.matrix else -1
    for x, y, size in ((-0.3, -0.28, 0.12), (-0.06, -0.52, 0.16), (0.26, -0.78, 0.2)):
        letter = letters.at(x * side, y, size)
        letter.line([(-0.8, -0.8), (0.8, -0.8), (-0.8, 0.8), (0.8, 0.8)], 0.36, (40, 70, 160))


def _worker(c: Canvas, slots: Slots) -> None:
    worker = c.at(-0.24, 0.08, 0.92)
    who = people.Look((240, 140, 30), (50, 70, 120), c.random.choice(people.SKINS), BLACK)
    people.person(worker, who, arms="hold")
    worker.sector(0, -0.84, 0.28, 0.27, 180, 360, (250, 205, 40))
    worker.line([(-0.3, -0.84), (0.34, -0.84)], 0.07, (250, 205, 40))
    for x in (-0.1, 0.1):
        worker.line([(x, -0.42), (x, 0.1)], 0.05, (250, 240, 120))
    things.hammer(c.at(0.46, -0.2, 0.5, 18))


PAINTERS = {
    "two_people": _two_people,
    "crowd": _crowd,
    "animal": _animal,
    "person_and_animal": _person_and_animal,
    "vehicle": _vehicle,
    "building": _building,
    "resident": _resident,
    "nature": _nature,
    "play": _play,
    "food": _food,
    "household": _household,
    "reader": _reader,
    "sleeper": _sleeper,
    "worker": _worker,
}
