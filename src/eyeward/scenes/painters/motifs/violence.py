"""Motifs of O2: attacks, fights, injuries; sports that look like them."""

from __future__ import annotations

from collections.abc import Mapping

from eyeward.scenes.canvas import BLACK, WHITE, Canvas, Colour
from eyeward.scenes.painters import disasters, people, signs
from eyeward.scenes.painters import weapons_and_substances as objects
from eyeward.scenes.painters.people import Look

Slots = Mapping[str, str]


def _armed_attack(c: Canvas, slots: Slots) -> None:
    attacker = c.at(-0.46, 0.12, 0.86)
    people.person(attacker, arms="attack", legs="wide")
    x, y = people.hand("attack")
    weapon = slots["weapon"]
    if weapon == "a knife":
        objects.knife(attacker.at(x + 0.4, y - 0.02, 0.66, 14), bloody=True)
    else:
        objects.WEAPONS[weapon](attacker.at(x + 0.34, y - 0.12, 0.62, -20))
    people.person(c.at(0.68, 0.22, 0.78, 10), arms="up", legs="run")
    disasters.blood_drops(c.at(0.64, 0.08, 0.18))


def _aimed_gun(c: Canvas, slots: Slots) -> None:
    shooter = c.at(-0.62, 0.1, 0.86)
    people.person(shooter, arms="forward", legs="wide")
    x, y = people.hand("forward")
    objects.pistol(shooter.at(x + 0.26, y + 0.0, 0.4))
    people.person(c.at(0.66, 0.12, 0.84), arms="up")


def _fist_fight(c: Canvas, slots: Slots) -> None:
    people.person(c.at(-0.56, 0.12, 0.86), arms="punch", legs="wide")
    people.person(c.at(0.58, 0.12, 0.86, 0, mirrored=True), arms="punch", legs="wide")
    signs.burst(c.at(0.02, -0.34, 0.34))
    signs.burst(c.at(0.34, -0.78, 0.2))


def _body_in_blood(c: Canvas, slots: Slots) -> None:
    people.dead_person(c.at(0, 0.1, 0.98))


def _boxer(c: Canvas, colour: Colour) -> None:
    skin = c.random.choice(people.SKINS)
    people.person(c, Look(skin, skin, skin, (40, 30, 26)), arms="punch", legs="wide")
    c.polygon(((-0.2, 0.04), (0.2, 0.04), (0.34, 0.5), (0.04, 0.5), (0, 0.34), (-0.04, 0.5), (-0.34, 0.5)), colour)
    for x, y in ((0.36, -0.28), (0.84, -0.5)):
        c.disc(x, y, 0.2, colour)
        c.rectangle(x - 0.26, y - 0.1, x - 0.14, y + 0.1, WHITE)
    c.sector(0, -0.8, 0.26, 0.24, 170, 370, colour)


def _boxing(c: Canvas, slots: Slots) -> None:
    c.rectangle(-1, 0.76, 1, 0.98, (70, 110, 180))
    for y, colour in ((-0.25, (220, 40, 40)), (0.1, WHITE), (0.45, (30, 70, 200))):
        c.line([(-0.95, y), (0.95, y)], 0.06, colour)
    for x in (-0.95, 0.95):
        c.line([(x, -0.5), (x, 0.85)], 0.12, BLACK)
    _boxer(c.at(-0.46, 0.06, 0.8), (225, 30, 40))
    _boxer(c.at(0.48, 0.06, 0.8, 0, mirrored=True), (25, 70, 215))


def _fencer(c: Canvas) -> None:
    white, grey = (246, 248, 252), (104, 112, 128)
    people.person(c, Look(white, white, white, grey), arms="point", legs="wide", outline=grey)
    c.ellipse(0, -0.78, 0.25, 0.28, (84, 88, 100))
    for offset in (-0.12, 0, 0.12):
        c.line([(offset, -1.0), (offset, -0.58)], 0.025, (190, 194, 204))
    c.rectangle(-0.16, -0.55, 0.16, -0.46, white)
    c.disc(0.86, -0.4, 0.1, (60, 64, 74))


def _fencing(c: Canvas, slots: Slots) -> None:
    c.rectangle(-1, 0.84, 1, 0.98, c.vary((60, 90, 150), 14))
    left, right = c.at(-0.66, 0.08, 0.82), c.at(0.66, 0.08, 0.82, 0, mirrored=True)
    _fencer(left)
    _fencer(right)
    for fencer in (left, right):
        fencer.line([(0.86, -0.4), (1.5, -0.92)], 0.06, (60, 66, 80))


PAINTERS = {
    "armed_attack": _armed_attack,
    "aimed_gun": _aimed_gun,
    "fist_fight": _fist_fight,
    "body_in_blood": _body_in_blood,
    "boxing": _boxing,
    "fencing": _fencing,
}
