"""Motifs of O6: weapons, drugs, alcohol, tobacco; medicine and cooking."""

from __future__ import annotations

from collections.abc import Mapping

from eyeward.scenes.canvas import BLACK, WHITE, Canvas
from eyeward.scenes.painters import people, signs, things
from eyeward.scenes.painters import weapons_and_substances as objects

Slots = Mapping[str, str]


def _firearm(c: Canvas, slots: Slots) -> None:
    turn = c.random.uniform(-18, 18)
    objects.WEAPONS[slots["weapon"]](c.at(0, 0, 0.95, turn))


def _armed_person(c: Canvas, slots: Slots) -> None:
    holder = c.at(-0.42, 0.1, 0.88)
    people.person(holder, arms="hold", legs="wide")
    if slots["weapon"] == "rifle":
        objects.rifle(holder.at(0.56, -0.24, 0.92, -32))
    else:
        objects.pistol(holder.at(0.88, -0.28, 0.56))


def _drugs(c: Canvas, slots: Slots) -> None:
    objects.DRUGS[slots["drug"]](c.at(0, 0, 0.95, c.random.uniform(-8, 8)))


def _with_person(c: Canvas, thing: things.Painter, scale: float = 0.52) -> None:
    people.person(c.at(-0.5, 0.08, 0.9), arms="hold")
    thing(c.at(0.42, -0.02, scale))


def _drug_user(c: Canvas, slots: Slots) -> None:
    _with_person(c, objects.DRUGS[slots["drug"]], 0.56)


def _alcohol(c: Canvas, slots: Slots) -> None:
    objects.DRINKS[slots["drink"]](c.at(0, 0, 0.95, c.random.uniform(-6, 6)))


def _drinker(c: Canvas, slots: Slots) -> None:
    _with_person(c, objects.DRINKS[slots["drink"]])


def _tobacco(c: Canvas, slots: Slots) -> None:
    objects.TOBACCO[slots["tobacco"]](c.at(0, 0.1, 0.92, c.random.uniform(-8, 8)))


def _smoker(c: Canvas, slots: Slots) -> None:
    who = people.look(c)
    c.polygon(((-0.9, 0.98), (-0.8, 0.42), (-0.45, 0.22), (0.05, 0.22), (0.4, 0.42), (0.5, 0.98)), who.shirt)
    c.rectangle(-0.36, 0.0, -0.04, 0.34, who.skin)
    c.ellipse(-0.2, -0.3, 0.46, 0.5, who.skin)
    c.sector(-0.24, -0.36, 0.5, 0.5, 150, 345, who.hair)
    c.disc(0.04, -0.32, 0.06, BLACK)
    c.polygon(((0.24, -0.3), (0.36, -0.12), (0.22, -0.1)), who.skin)
    c.rectangle(0.14, -0.02, 0.36, 0.1, (232, 150, 64))
    c.rectangle(0.34, -0.02, 0.8, 0.1, WHITE)
    c.rectangle(0.78, -0.03, 0.92, 0.11, (240, 70, 20))
    objects.smoke(c.at(0.82, -0.46, 0.4))


def _pharmacy(c: Canvas, slots: Slots) -> None:
    signs.pharmacy_sign(c.at(0.52, -0.5, 0.42))
    objects.MEDICINES[slots["medicine"]](c.at(-0.24, 0.26, 0.7, c.random.uniform(-6, 6)))


def _kitchen_knife(c: Canvas, slots: Slots) -> None:
    c.polygon(((-0.98, 0.35), (0.9, 0.35), (0.98, 0.9), (-0.98, 0.9)), c.vary((200, 150, 95), 10))
    c.line([(-0.9, 0.72), (0.9, 0.72)], 0.03, (150, 105, 60))
    things.KITCHEN_FOOD[slots["food"]](c.at(0.38, 0.16, 0.52))
    objects.knife(c.at(-0.42, -0.28, 0.58, 40))


PAINTERS = {
    "firearm": _firearm,
    "armed_person": _armed_person,
    "drugs": _drugs,
    "drug_user": _drug_user,
    "alcohol": _alcohol,
    "drinker": _drinker,
    "tobacco": _tobacco,
    "smoker": _smoker,
    "pharmacy": _pharmacy,
    "kitchen_knife": _kitchen_knife,
}
