"""Motifs of O5: theft, burglary, kidnapping, forgery; an arrest."""

from __future__ import annotations

from collections.abc import Mapping

from eyeward.scenes.canvas import BLACK, WHITE, Canvas
from eyeward.scenes.painters import buildings, people, signs, vehicles
from eyeward.scenes.painters import weapons_and_substances as objects

Slots = Mapping[str, str]
_TARGETS = {"house": buildings.house, "car": vehicles.car, "safe": buildings.safe}


def money_bag(c: Canvas) -> None:
    """Draw a sack with a dollar sign."""
    sack = c.vary((196, 160, 96), 10)
    c.polygon(((-0.36, -0.1), (0.36, -0.1), (0.46, -0.75), (-0.46, -0.75)), sack)
    c.ellipse(0, 0.32, 0.74, 0.62, sack)
    c.line([(-0.34, -0.24), (0.34, -0.24)], 0.14, (110, 70, 34))
    signs.dollar(c.at(0, 0.34, 0.42), (20, 100, 40))


def _money_thief(c: Canvas, slots: Slots) -> None:
    people.masked_person(c.at(-0.36, 0.04, 0.94))
    money_bag(c.at(0.5, 0.16, 0.5))


def _handbag(c: Canvas) -> None:
    colour = c.vary(c.random.choice(((200, 30, 110), (150, 40, 160), (210, 90, 20))), 10)
    c.arc(0, -0.2, 0.5, 180, 360, 0.16, (80, 40, 30))
    c.polygon(((-0.7, -0.25), (0.7, -0.25), (0.92, 0.85), (-0.92, 0.85)), colour)
    c.rectangle(-0.18, -0.2, 0.18, 0.2, (250, 210, 70))


def _pickpocket(c: Canvas, slots: Slots) -> None:
    people.person(c.at(0.66, 0.1, 0.84))
    people.masked_person(c.at(-0.62, 0.08, 0.88), arms="point")
    _handbag(c.at(0.14, 0.12, 0.34, -6))


def _burglar(c: Canvas, slots: Slots) -> None:
    target = slots["target"]
    place = c.at(0.42, 0.2, 0.6) if target != "house" else c.at(0.4, 0.06, 0.66)
    _TARGETS[target](place)
    thief = c.at(-0.6, 0.1, 0.86)
    people.masked_person(thief)
    objects.crowbar(thief.at(0.8, -0.26, 0.5, -28))


def _kidnapper(c: Canvas, slots: Slots) -> None:
    people.masked_person(c.at(-0.52, 0.06, 0.88), arms="point")
    victim = c.at(0.52, 0.14, 0.82)
    people.person(victim, arms="bound")
    rope = (204, 156, 84)
    for y in (-0.36, -0.18, 0.0, 0.44, 0.6):
        victim.line([(-0.24, y + 0.03), (0.24, y - 0.03)], 0.1, rope)
        victim.line([(-0.24, y + 0.09), (0.24, y + 0.03)], 0.03, (110, 74, 30))
    victim.rectangle(-0.2, -0.74, 0.22, -0.63, WHITE)
    c.line([(0.16, -0.24), (0.36, -0.12)], 0.07, rope)


def _banknote(c: Canvas) -> None:
    c.rectangle(-1, -0.55, 1, 0.55, (20, 80, 40))
    c.rectangle(-0.9, -0.45, 0.9, 0.45, c.vary((140, 205, 140), 8))
    c.disc(0, 0, 0.36, WHITE)
    signs.dollar(c.at(0, 0, 0.3), (20, 100, 40))


def _money_press(c: Canvas, slots: Slots) -> None:
    people.masked_person(c.at(-0.64, 0.06, 0.86))
    press = c.at(0.38, 0.1, 0.6)
    press.rectangle(-0.9, -0.1, 0.9, 0.62, (84, 90, 104))
    press.rectangle(-0.74, 0.62, -0.5, 1.2, (50, 54, 64))
    press.rectangle(0.5, 0.62, 0.74, 1.2, (50, 54, 64))
    for y in (-0.36, 0.06):
        press.line([(-0.6, y), (0.6, y)], 0.36, (150, 158, 172))
        press.line([(-0.6, y), (0.6, y)], 0.08, (84, 90, 104))
    press.disc(0.98, 0.2, 0.2, (200, 40, 40))
    _banknote(c.at(0.36, -0.48, 0.4, -6))
    _banknote(c.at(0.3, 0.3, 0.4, 4))
    _banknote(c.at(0.5, 0.72, 0.4, -5))


def _arrest(c: Canvas, slots: Slots) -> None:
    people.person(c.at(0.42, 0.12, 0.84), arms="down")
    people.officer(c.at(-0.52, 0.12, 0.86), arms="point")
    for x in (0.3, 0.66):
        c.ring(x, 0.3, 0.15, 0.11, (50, 54, 66))
        c.ring(x, 0.3, 0.15, 0.06, (205, 212, 222))
    c.line([(0.42, 0.34), (0.48, 0.4), (0.54, 0.34)], 0.08, (50, 54, 66))
    c.rectangle(0.34, -0.62, 0.5, -0.57, BLACK)


PAINTERS = {
    "money_thief": _money_thief,
    "pickpocket": _pickpocket,
    "burglar": _burglar,
    "kidnapper": _kidnapper,
    "money_press": _money_press,
    "arrest": _arrest,
}
