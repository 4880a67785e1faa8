"""People as pictograms: looks, poses, roles."""

from __future__ import annotations

from dataclasses import dataclass, replace

from eyeward.scenes.canvas import BLACK, RED, WHITE, Canvas, Colour, Point
from eyeward.scenes.painters.signs import medical_cross

SKINS: tuple[Colour, ...] = ((246, 208, 172), (228, 178, 132), (186, 128, 88), (134, 88, 60), (100, 64, 46))
_CLOTHES: tuple[Colour, ...] = (
    (40, 60, 120), (160, 30, 70), (40, 110, 60), (95, 60, 140), (25, 115, 135), (240, 130, 40), (60, 60, 70),
    (190, 50, 130), (130, 160, 40), (70, 120, 190), (220, 180, 30), (20, 80, 80),
)  # fmt: skip
_TROUSERS: tuple[Colour, ...] = ((35, 40, 60), (50, 56, 50), (45, 45, 50), (30, 55, 90), (80, 84, 96), (64, 44, 80))
_HAIR: tuple[Colour, ...] = ((40, 28, 20), (90, 55, 25), (20, 20, 22), (150, 100, 40), (120, 120, 120))
TEAR: Colour = (30, 120, 240)

ARMS: dict[str, tuple[tuple[Point, ...], tuple[Point, ...]]] = {
    "down": (((-0.27, -0.1), (-0.3, 0.2)), ((0.27, -0.1), (0.3, 0.2))),
    "up": (((-0.38, -0.58), (-0.44, -0.98)), ((0.38, -0.58), (0.44, -0.98))),
    "attack": (((-0.3, -0.2), (-0.42, 0.08)), ((0.36, -0.52), (0.5, -0.92))),
    "point": (((-0.27, -0.1), (-0.3, 0.2)), ((0.4, -0.42), (0.8, -0.4))),
    "hold": (((-0.27, -0.1), (-0.3, 0.2)), ((0.24, -0.1), (0.52, -0.16))),
    "forward": (((0.3, -0.34), (0.68, -0.34)), ((0.3, -0.4), (0.72, -0.4))),
    "punch": (((0.1, -0.16), (0.34, -0.3)), ((0.4, -0.4), (0.82, -0.5))),
    "weep": (((0.16, -0.18), (0.24, -0.5)), ((0.3, -0.2), (0.24, -0.52))),
    "behind": (((-0.26, -0.12), (-0.3, 0.14)), ((-0.1, -0.1), (-0.3, 0.16))),
    "bound": (((-0.12, -0.1), (0.0, 0.1)), ((0.12, -0.1), (0.02, 0.1))),
    "embrace": (((0.26, -0.28), (0.5, -0.3)), ((0.3, -0.2), (0.56, -0.22))),
    "read": (((0.12, -0.1), (0.4, -0.2)), ((0.26, -0.12), (0.46, -0.18))),
}
_LEGS: dict[str, tuple[tuple[Point, ...], tuple[Point, ...]]] = {
    "stand": (((-0.14, 0.55), (-0.16, 0.92)), ((0.14, 0.55), (0.16, 0.92))),
    "wide": (((-0.24, 0.55), (-0.38, 0.92)), ((0.24, 0.55), (0.38, 0.92))),
    "kneel": (((0.08, 0.58), (0.1, 0.9), (-0.34, 0.92)), ((0.42, 0.46), (0.38, 0.92))),
    "sit": (((0.4, 0.24), (0.42, 0.86)), ((0.46, 0.28), (0.5, 0.9))),
    "run": (((-0.2, 0.5), (-0.52, 0.72)), ((0.3, 0.44), (0.34, 0.9))),
}


@dataclass(frozen=True)
class Look:
    """Colours of a person, and what varies in cut."""

    shirt: Colour
    trousers: Colour
    skin: Colour
    hair: Colour
    long_hair: bool = False
    skirt: bool = False


def look(c: Canvas) -> Look:
    """Choose somebody's colours."""
    choose = c.random.choice
    shirt, trousers, skin = c.vary(choose(_CLOTHES), 14), c.vary(choose(_TROUSERS), 10), c.vary(choose(SKINS), 8)
    return Look(shirt, trousers, skin, choose(_HAIR), c.random.random() < 0.35, c.random.random() < 0.25)


def hand(arms: str) -> Point:
    """Where the front hand of a pose is."""
    return ARMS[arms][1][-1]


def limb(c: Canvas, start: Point, rest: tuple[Point, ...], width: float, colour: Colour) -> None:
    """Draw an arm or leg from its joint through the given points."""
    c.line([start, *rest], width, colour)


def person(
    c: Canvas,
    who: Look | None = None,
    arms: str = "down",
    legs: str = "stand",
    crying: bool = False,
    dead: bool = False,
    outline: Colour | None = None,
) -> None:
    """Draw a person who faces right; feet at y = 0.95, head near y = -0.78."""
    who = who or look(c)
    if outline is not None:
        _outline(c, arms, legs, outline)
    back_arm, front_arm = ARMS[arms]
    back_leg, front_leg = _LEGS[legs]
    _arm(c, (-0.1, -0.42), back_arm, who)
    limb(c, (-0.06, 0.15), back_leg, 0.18, who.trousers)
    limb(c, (0.06, 0.15), front_leg, 0.18, who.trousers)
    c.line([(0, -0.42), (0, 0.14)], 0.32, who.shirt)
    if who.skirt and legs == "stand":
        c.polygon(((-0.16, 0.06), (0.16, 0.06), (0.32, 0.56), (-0.32, 0.56)), who.shirt)
    _arm(c, (0.1, -0.42), front_arm, who)
    head(c.at(0.08 if crying else 0, -0.72 if crying else -0.79, 1, 14 if crying else 0), who, crying, dead)


def _outline(c: Canvas, arms: str, legs: str, colour: Colour) -> None:
    for side, arm in zip((-0.1, 0.1), ARMS[arms], strict=True):
        limb(c, (side, -0.42), arm, 0.2, colour)
    for side, leg in zip((-0.06, 0.06), _LEGS[legs], strict=True):
        limb(c, (side, 0.15), leg, 0.25, colour)
    c.line([(0, -0.42), (0, 0.14)], 0.39, colour)


def _arm(c: Canvas, shoulder: Point, arm: tuple[Point, ...], who: Look) -> None:
    limb(c, shoulder, arm, 0.13, who.shirt)
    c.disc(*arm[-1], 0.085, who.skin)


def head(c: Canvas, who: Look, crying: bool = False, dead: bool = False) -> None:
    """Draw a head of radius 0.22 around the origin."""
    if who.long_hair:
        c.polygon(((-0.24, 0.0), (0.06, -0.1), (0.0, 0.3), (-0.28, 0.32)), who.hair)
    c.disc(0, 0, 0.22, who.skin)
    c.sector(0, -0.02, 0.235, 0.235, 170, 350, who.hair)
    if dead:
        for x in (-0.09, 0.09):
            c.line([(x - 0.06, 0.0), (x + 0.06, 0.12)], 0.04, BLACK)
            c.line([(x + 0.06, 0.0), (x - 0.06, 0.12)], 0.04, BLACK)
    elif crying:
        c.line([(-0.02, 0.14), (0.06, 0.1), (0.13, 0.14)], 0.035, BLACK)
        for x, y in ((0.2, 0.02), (0.36, 0.2), (0.3, 0.46)):
            tear(c.at(x, y, 0.15, -14))
    else:
        c.disc(0.04, 0.03, 0.035, BLACK)
        c.disc(0.15, 0.03, 0.035, BLACK)


def tear(c: Canvas) -> None:
    """Draw one drop of water."""
    c.disc(0, 0.25, 0.7, TEAR)
    c.polygon(((-0.62, 0), (0, -1), (0.62, 0)), TEAR)


def dead_person(c: Canvas, blood: bool = True) -> None:
    """Draw somebody lying on the ground, head to the left, about two units long, in a pool of blood."""
    if blood:
        red = c.vary(RED, 12)
        c.ellipse(-0.1, 0.16, 1.0, 0.36, red)
        c.ellipse(0.55, 0.34, 0.5, 0.2, red)
        c.ellipse(-0.65, 0.36, 0.4, 0.18, red)
    turned = c.at(0, 0, 1, -90)
    person(turned, arms="up", legs="wide", dead=True)


THIEF = Look((235, 235, 235), (30, 30, 34), (232, 190, 150), (24, 24, 28))


def masked_person(c: Canvas, arms: str = "hold", legs: str = "wide") -> None:
    """Draw a thief: striped shirt, black mask and cap."""
    skin = c.random.choice(SKINS[:3])
    who = replace(THIEF, skin=skin)
    person(c, who, arms, legs)
    for y in (-0.42, -0.22, -0.02, 0.16):
        c.rectangle(-0.16, y - 0.05, 0.16, y + 0.05, BLACK)
    c.rectangle(-0.25, -0.85, 0.25, -0.68, BLACK)
    c.sector(0, -0.84, 0.25, 0.22, 180, 360, BLACK)
    for x in (-0.08, 0.12):
        c.ellipse(x, -0.765, 0.065, 0.05, WHITE)


def officer(c: Canvas, arms: str = "hold", legs: str = "stand") -> None:
    """Draw a police officer: blue uniform, peaked cap with a golden star."""
    blue = c.vary((28, 48, 120), 8)
    person(c, Look(blue, (20, 32, 80), c.random.choice(SKINS), BLACK), arms, legs)
    c.polygon(((-0.32, -1.06), (0.32, -1.06), (0.24, -0.86), (-0.24, -0.86)), blue)
    c.line([(-0.22, -0.86), (0.36, -0.84)], 0.06, BLACK)
    c.star(0, -0.97, 0.1, 5, 0.45, (250, 210, 60))
    c.star(0.05, -0.34, 0.11, 5, 0.45, (250, 210, 60))
    c.rectangle(-0.17, 0.08, 0.17, 0.16, BLACK)


def doctor(c: Canvas, arms: str = "hold", legs: str = "stand") -> None:
    """Draw somebody in a long white coat with a red cross on cap and chest."""
    person(c, Look(WHITE, (225, 228, 232), c.random.choice(SKINS), (90, 60, 40)), arms, legs, outline=(120, 128, 142))
    c.polygon(((-0.2, -0.2), (0.2, -0.2), (0.31, 0.56), (-0.31, 0.56)), (120, 128, 142))
    c.polygon(((-0.17, -0.2), (0.17, -0.2), (0.27, 0.52), (-0.27, 0.52)), WHITE)
    c.line([(0, -0.1), (0, 0.5)], 0.03, (150, 155, 165))
    c.polygon(((-0.24, -0.9), (-0.2, -1.1), (0.2, -1.1), (0.24, -0.9)), WHITE)
    medical_cross(c.at(0, -0.99, 0.1), RED)
    medical_cross(c.at(0.02, -0.3, 0.12), RED)


def firefighter(c: Canvas, arms: str = "forward", legs: str = "wide") -> None:
    """Draw somebody in a dark suit with bright stripes and a red helmet."""
    suit = (60, 62, 48)
    person(c, Look(suit, suit, c.random.choice(SKINS), BLACK), arms, legs)
    for y in (-0.25, 0.02):
        c.rectangle(-0.17, y - 0.05, 0.17, y + 0.05, (245, 225, 40))
    c.line([(-0.32, 0.72), (-0.28, 0.62)], 0.19, (245, 225, 40))
    c.line([(0.28, 0.62), (0.32, 0.72)], 0.19, (245, 225, 40))
    red = c.vary((210, 40, 30), 12)
    c.sector(0, -0.82, 0.29, 0.3, 180, 360, red)
    c.line([(-0.36, -0.82), (0.3, -0.82)], 0.07, red)
    c.disc(0.06, -0.98, 0.08, (250, 215, 60))
