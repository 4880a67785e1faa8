"""Weapons, tools of crime, drugs, drinks, tobacco and medicine."""

from __future__ import annotations

from collections.abc import Callable

from eyeward.scenes.canvas import BLACK, RED, WHITE, Canvas, Colour

_STEEL: Colour = (196, 204, 216)
_EDGE: Colour = (110, 120, 135)
_SMOKE: Colour = (176, 178, 186)


def knife(c: Canvas, bloody: bool = False) -> None:
    """Draw a knife that points right."""
    c.polygon(((-0.14, 0.2), (0.7, 0.18), (1, -0.22), (-0.14, -0.22)), _EDGE)
    c.polygon(((-0.1, 0.1), (0.66, 0.1), (0.9, -0.17), (-0.1, -0.17)), _STEEL)
    if bloody:
        c.polygon(((0.3, 0.2), (0.7, 0.18), (1, -0.22), (0.5, -0.22)), RED)
    c.rectangle(-0.22, -0.32, -0.1, 0.28, BLACK)
    c.line([(-0.82, -0.02), (-0.24, -0.02)], 0.26, c.vary((110, 62, 28), 12))


def club(c: Canvas) -> None:
    """Draw a club with nails; the handle is on the left."""
    c.polygon(
        ((-0.95, -0.09), (0.75, -0.3), (0.98, -0.16), (0.98, 0.16), (0.75, 0.3), (-0.95, 0.09)),
        c.vary((128, 78, 36), 12),
    )
    for x, y in ((0.45, -0.12), (0.7, 0.08), (0.35, 0.1)):
        c.disc(x, y, 0.06, (60, 40, 20))


def axe(c: Canvas) -> None:
    """Draw an axe; the handle is on the left."""
    c.line([(-0.95, 0), (0.85, 0)], 0.15, c.vary((128, 78, 36), 12))
    c.polygon(((0.4, -0.08), (0.28, -0.62), (0.62, -0.74), (0.98, -0.58), (0.82, -0.08)), _EDGE)
    c.polygon(
        ((0.28, -0.62), (0.62, -0.74), (0.98, -0.58), (0.9, -0.44), (0.62, -0.56), (0.34, -0.46)), (235, 240, 245)
    )
    c.rectangle(0.42, -0.1, 0.82, 0.16, _EDGE)


def pistol(c: Canvas) -> None:
    """Draw a pistol that points right."""
    steel = c.vary((44, 46, 54), 8)
    c.polygon(((-0.72, -0.1), (-0.2, -0.1), (-0.36, 0.78), (-0.88, 0.78)), c.vary((92, 60, 40), 10))
    c.ring(-0.02, 0.08, 0.2, 0.09, steel)
    c.rectangle(-0.75, -0.48, 0.95, -0.04, steel)
    c.rectangle(-0.2, -0.42, 0.88, -0.32, (120, 126, 138))
    c.rectangle(0.78, -0.58, 0.88, -0.46, steel)
    c.line([(-0.02, -0.04), (0.02, 0.16)], 0.07, steel)


def rifle(c: Canvas) -> None:
    """Draw a rifle that points right."""
    steel, wood = c.vary((48, 50, 48), 8), c.vary((120, 72, 34), 10)
    c.polygon(((-1, -0.08), (-0.42, -0.16), (-0.36, 0.1), (-0.98, 0.36)), wood)
    c.rectangle(-0.42, -0.18, 0.34, 0.08, steel)
    c.rectangle(0.2, -0.14, 0.62, 0.06, wood)
    c.line([(0.3, -0.09), (0.99, -0.09)], 0.08, steel)
    c.rectangle(0.9, -0.24, 0.96, -0.06, steel)
    c.polygon(((-0.05, 0.05), (0.18, 0.05), (0.3, 0.55), (0.08, 0.6)), steel)
    c.polygon(((-0.36, 0.05), (-0.2, 0.05), (-0.26, 0.4), (-0.42, 0.4)), wood)
    c.line([(-0.2, -0.28), (0.2, -0.28)], 0.1, steel)


def grenade(c: Canvas) -> None:
    """Draw a hand grenade with lever and ring."""
    green = c.vary((72, 98, 52), 10)
    c.ellipse(0, 0.25, 0.58, 0.68, green)
    for y in (0.0, 0.28, 0.56):
        c.line([(-0.5, y), (0.5, y)], 0.06, (36, 52, 26))
    for x in (-0.25, 0.0, 0.25):
        c.line([(x, -0.3), (x, 0.82)], 0.06, (36, 52, 26))
    c.rectangle(-0.2, -0.68, 0.2, -0.38, (90, 92, 96))
    c.line([(-0.15, -0.7), (0.45, -0.62), (0.72, 0.1)], 0.13, (90, 92, 96))
    c.ring(-0.42, -0.66, 0.24, 0.09, (200, 180, 60))


def bomb(c: Canvas) -> None:
    """Draw a round black bomb with a burning fuse."""
    c.disc(-0.1, 0.25, 0.66, (34, 34, 40))
    c.ellipse(-0.34, 0.0, 0.16, 0.22, (110, 112, 122))
    c.line([(0.28, -0.24), (0.42, -0.38)], 0.3, (34, 34, 40))
    c.line([(0.42, -0.4), (0.58, -0.68), (0.74, -0.66)], 0.1, (190, 160, 100))
    c.star(0.78, -0.7, 0.28, 8, 0.45, (245, 110, 20))
    c.disc(0.78, -0.7, 0.11, (255, 235, 110))


WEAPONS: dict[str, Callable[[Canvas], None]] = {
    "a knife": knife, "a club": club, "an axe": axe, "pistol": pistol, "rifle": rifle, "grenade": grenade, "bomb": bomb,
}  # fmt: skip


def cannabis(c: Canvas) -> None:
    """Draw a green leaf of seven narrow fingers."""
    green = c.vary((30, 145, 50), 10)
    for turn, length in ((-115, 0.5), (-78, 0.78), (-40, 1.0), (0, 1.15), (40, 1.0), (78, 0.78), (115, 0.5)):
        finger = c.at(0, 0.22, length, turn)
        finger.polygon(((0, 0), (0.15, -0.42), (0.1, -0.75), (0, -1), (-0.1, -0.75), (-0.15, -0.42)), green)
        finger.line([(0, 0), (0, -0.85)], 0.035, (15, 90, 30))
    c.line([(0, 0.2), (0.04, 0.92)], 0.09, green)


def syringe(c: Canvas, liquid: Colour) -> None:
    """Draw a syringe whose needle points right."""
    c.line([(0.5, 0), (1, 0)], 0.06, (90, 94, 104))
    c.rectangle(-0.45, -0.24, 0.48, 0.24, (90, 110, 130))
    c.rectangle(-0.4, -0.18, 0.43, 0.18, (225, 238, 248))
    c.rectangle(-0.08, -0.18, 0.43, 0.18, liquid)
    c.line([(-0.08, 0), (-0.86, 0)], 0.1, (90, 94, 104))
    c.line([(-0.88, -0.26), (-0.88, 0.26)], 0.12, (60, 64, 74))
    c.line([(-0.45, -0.34), (-0.45, 0.34)], 0.09, (60, 64, 74))


def drug_syringe(c: Canvas) -> None:
    """Draw a syringe with brown liquid, a drop of blood at the needle, and a burnt spoon over a flame."""
    syringe(c.at(-0.05, -0.38, 0.9, 22), c.vary((120, 62, 20), 8))
    c.disc(0.86, 0.1, 0.09, RED)
    c.ellipse(-0.5, 0.3, 0.34, 0.15, (110, 114, 124))
    c.ellipse(-0.5, 0.27, 0.25, 0.09, (110, 56, 18))
    c.line([(-0.2, 0.3), (0.6, 0.38)], 0.09, (110, 114, 124))
    c.polygon(((-0.68, 0.92), (-0.66, 0.68), (-0.5, 0.44), (-0.34, 0.68), (-0.32, 0.92)), (245, 120, 20))
    c.polygon(((-0.58, 0.92), (-0.5, 0.64), (-0.42, 0.92)), (255, 225, 70))


def white_powder(c: Canvas) -> None:
    """Draw a knotted clear bag full of powder, and lines of powder on a mirror beside a rolled banknote."""
    glass, rim = (176, 208, 236), (58, 84, 120)
    for grow, colour in ((0.06, rim), (0.0, glass)):
        c.ellipse(-0.28, -0.02, 0.54 + grow, 0.52 + grow, colour)
        c.polygon(((-0.6 - grow, -0.3), (-0.36 - grow, -0.62), (-0.2 + grow, -0.62), (0.04 + grow, -0.3)), colour)
        c.polygon(
            ((-0.34 - grow, -0.58), (-0.6 - grow, -0.96 - grow), (0.04 + grow, -0.96 - grow), (-0.22 + grow, -0.58)),
            colour,
        )
    c.line([(-0.44, -0.6), (-0.12, -0.6)], 0.12, RED)
    c.sector(-0.28, 0.0, 0.5, 0.48, -10, 190, WHITE)
    c.ellipse(-0.28, -0.06, 0.49, 0.13, WHITE)
    c.ellipse(0.16, 0.72, 0.8, 0.26, (40, 44, 60))
    for x in (-0.22, 0.06, 0.34):
        c.line([(x - 0.08, 0.84), (x + 0.14, 0.6)], 0.085, WHITE)
    c.line([(0.5, 0.72), (0.9, 0.36)], 0.17, (30, 110, 60))
    c.line([(0.5, 0.72), (0.9, 0.36)], 0.08, (150, 215, 150))


def drug_pipe(c: Canvas) -> None:
    """Draw a glass pipe with white crystals, heated by a lighter."""
    c.line([(-0.1, -0.2), (0.95, -0.45)], 0.19, (70, 110, 140))
    c.line([(-0.1, -0.2), (0.92, -0.44)], 0.09, (205, 235, 245))
    c.disc(-0.4, -0.12, 0.43, (70, 110, 140))
    c.disc(-0.4, -0.12, 0.35, (205, 235, 245))
    c.sector(-0.4, -0.1, 0.33, 0.33, 20, 160, WHITE)
    for x, y in ((-0.5, 0.08), (-0.34, 0.02), (-0.26, 0.12)):
        c.star(x, y, 0.12, 4, 0.5, (150, 160, 190))
    c.line([(-0.4, -0.5), (-0.52, -0.7), (-0.32, -0.85), (-0.44, -1)], 0.08, _SMOKE)
    c.polygon(((-0.56, 0.62), (-0.5, 0.44), (-0.4, 0.3), (-0.3, 0.44), (-0.24, 0.62)), (245, 130, 20))
    c.rectangle(-0.58, 0.62, -0.22, 0.98, c.vary((40, 90, 200), 16))
    c.rectangle(-0.58, 0.62, -0.22, 0.7, (120, 124, 134))


DRUGS: dict[str, Callable[[Canvas], None]] = {
    "a cannabis leaf": cannabis,
    "a drug syringe": drug_syringe,
    "a bag of white powder": white_powder,
    "a drug pipe": drug_pipe,
}


def wine(c: Canvas) -> None:
    """Draw a bottle of wine with a filled glass."""
    green = c.vary((24, 84, 46), 10)
    c.rectangle(-0.72, -0.25, -0.12, 0.95, green)
    c.polygon(((-0.72, -0.24), (-0.12, -0.24), (-0.28, -0.52), (-0.56, -0.52)), green)
    c.rectangle(-0.54, -0.98, -0.3, -0.5, green)
    c.rectangle(-0.56, -1, -0.28, -0.8, (140, 20, 40))
    c.rectangle(-0.72, 0.1, -0.12, 0.6, (245, 230, 180))
    c.disc(-0.42, 0.35, 0.15, (120, 20, 70))
    c.sector(0.42, -0.05, 0.38, 0.5, 0, 180, (120, 130, 145))
    c.polygon(((0.1, -0.3), (0.74, -0.3), (0.74, 0.0), (0.1, 0.0)), (225, 232, 240))
    c.sector(0.42, 0.0, 0.33, 0.42, 0, 180, (140, 10, 50))
    c.line([(0.42, 0.42), (0.42, 0.88)], 0.08, (120, 130, 145))
    c.line([(0.2, 0.92), (0.64, 0.92)], 0.08, (120, 130, 145))


def beer(c: Canvas) -> None:
    """Draw a mug of beer with white foam."""
    c.ring(0.52, 0.2, 0.32, 0.16, (150, 160, 175))
    c.rectangle(-0.6, -0.5, 0.5, 0.95, (150, 160, 175))
    c.rectangle(-0.5, -0.45, 0.4, 0.85, c.vary((240, 165, 25), 8))
    for x in (-0.3, -0.05, 0.2):
        c.line([(x, -0.1), (x, 0.65)], 0.08, (255, 205, 90))
    for x, radius in ((-0.5, 0.24), (-0.2, 0.3), (0.12, 0.28), (0.4, 0.24)):
        c.disc(x, -0.55, radius, WHITE)
    c.line([(-0.5, -0.4), (-0.5, -0.1)], 0.16, WHITE)


def cocktail(c: Canvas) -> None:
    """Draw a cocktail glass with an olive and a straw."""
    c.line([(0.3, -0.5), (0.62, -1)], 0.08, (40, 160, 90))
    c.polygon(((-0.85, -0.65), (0.85, -0.65), (0, 0.3)), (140, 150, 168))
    c.polygon(((-0.64, -0.5), (0.64, -0.5), (0, 0.2)), c.vary((240, 80, 100), 14))
    c.line([(0, 0.2), (0, 0.88)], 0.1, (140, 150, 168))
    c.line([(-0.4, 0.92), (0.4, 0.92)], 0.1, (140, 150, 168))
    c.line([(-0.3, -0.75), (0.1, -0.2)], 0.05, (120, 80, 30))
    c.disc(-0.08, -0.42, 0.15, (110, 150, 40))
    c.disc(-0.05, -0.42, 0.05, RED)
    c.disc(0.72, -0.68, 0.24, (255, 190, 40))


DRINKS: dict[str, Callable[[Canvas], None]] = {
    "a bottle of wine": wine,
    "a mug of beer": beer,
    "a cocktail glass": cocktail,
}


def smoke(c: Canvas) -> None:
    """Draw a rising thread of smoke; bottom at y = 1."""
    c.line([(0, 1), (-0.28, 0.5), (0.22, 0), (-0.2, -0.5), (0.1, -1)], 0.24, _SMOKE)


def cigarette(c: Canvas) -> None:
    """Draw a burning cigarette, ember on the right."""
    c.rectangle(-0.95, -0.05, -0.4, 0.27, (226, 148, 62))
    c.rectangle(-0.4, -0.05, 0.66, 0.27, WHITE)
    c.rectangle(-0.42, -0.05, -0.37, 0.27, (150, 90, 40))
    c.rectangle(0.66, -0.05, 0.86, 0.27, (120, 120, 124))
    c.rectangle(0.78, -0.05, 0.96, 0.27, (240, 70, 20))
    smoke(c.at(0.85, -0.55, 0.44))


def tobacco_pipe(c: Canvas) -> None:
    """Draw a curved brown pipe with smoke over its bowl."""
    wood = c.vary((110, 52, 24), 8)
    c.line([(-0.95, -0.15), (-0.5, -0.1), (0.0, 0.45), (0.35, 0.6)], 0.17, BLACK)
    c.polygon(((0.12, -0.12), (0.86, -0.12), (0.8, 0.55), (0.64, 0.8), (0.3, 0.8), (0.14, 0.55)), wood)
    c.rectangle(0.1, -0.2, 0.88, -0.06, (70, 32, 14))
    c.ellipse(0.49, -0.2, 0.34, 0.09, (240, 110, 30))
    smoke(c.at(0.49, -0.62, 0.38))


def ashtray(c: Canvas) -> None:
    """Draw a glass ashtray with stubs and one burning cigarette."""
    c.polygon(((-0.95, 0.1), (0.95, 0.1), (0.72, 0.85), (-0.72, 0.85)), c.vary((70, 110, 150), 10))
    c.ellipse(0, 0.12, 0.95, 0.26, (150, 190, 220))
    c.ellipse(0, 0.14, 0.74, 0.17, (90, 90, 94))
    for x, turn in ((-0.45, -60), (-0.1, -95)):
        stub = c.at(x, 0.05, 0.3, turn)
        stub.rectangle(-0.6, -0.25, 0.2, 0.25, WHITE)
        stub.rectangle(0.2, -0.25, 0.8, 0.25, (226, 148, 62))
    burning = c.at(0.42, -0.12, 0.62, 150)
    burning.rectangle(-0.9, -0.16, -0.4, 0.16, (226, 148, 62))
    burning.rectangle(-0.4, -0.16, 0.75, 0.16, WHITE)
    burning.rectangle(0.7, -0.16, 0.9, 0.16, (240, 70, 20))
    smoke(c.at(-0.05, -0.45, 0.5))


TOBACCO: dict[str, Callable[[Canvas], None]] = {
    "a burning cigarette": cigarette,
    "a tobacco pipe": tobacco_pipe,
    "an ashtray": ashtray,
}


def medicine_bottle(c: Canvas) -> None:
    """Draw a brown bottle of medicine with a white cap and a spoon."""
    c.rectangle(-0.5, -0.4, 0.5, 0.95, c.vary((170, 92, 30), 10))
    c.rectangle(-0.34, -0.6, 0.34, -0.38, (170, 92, 30))
    c.rectangle(-0.42, -0.95, 0.42, -0.58, WHITE)
    for x in (-0.24, 0, 0.24):
        c.line([(x, -0.9), (x, -0.62)], 0.05, (170, 176, 184))
    c.rectangle(-0.5, -0.1, 0.5, 0.7, WHITE)
    c.rectangle(-0.12, 0.02, 0.12, 0.58, (20, 150, 90))
    c.rectangle(-0.28, 0.18, 0.28, 0.42, (20, 150, 90))


def blister(c: Canvas) -> None:
    """Draw a silver sheet of pills in two rows."""
    c.rectangle(-0.9, -0.62, 0.9, 0.62, (120, 128, 140))
    c.rectangle(-0.84, -0.56, 0.84, 0.56, (208, 214, 222))
    pill_colour = c.vary(c.random.choice(((240, 90, 90), (90, 150, 240), (250, 250, 250))), 8)
    for x in (-0.56, -0.19, 0.19, 0.56):
        for y in (-0.27, 0.27):
            c.disc(x, y, 0.165, (130, 138, 150))
            c.disc(x, y, 0.13, pill_colour)


def medical_syringe(c: Canvas) -> None:
    """Draw a clean syringe with blue liquid and a vial."""
    syringe(c.at(-0.1, -0.35, 0.85, -24), (60, 170, 240))
    c.rectangle(0.2, 0.25, 0.72, 0.95, (190, 222, 240))
    c.rectangle(0.2, 0.6, 0.72, 0.95, (60, 170, 240))
    c.rectangle(0.26, 0.02, 0.66, 0.26, (130, 138, 150))


MEDICINES: dict[str, Callable[[Canvas], None]] = {
    "a medicine bottle": medicine_bottle, "a blister of pills": blister, "a medical syringe": medical_syringe,
}  # fmt: skip


def capsule(c: Canvas) -> None:
    """Draw one capsule, half red, half white."""
    c.line([(-0.5, 0), (0.5, 0)], 0.84, (90, 20, 30))
    c.line([(-0.5, 0), (0.5, 0)], 0.66, (232, 50, 70))
    c.line([(0.16, 0), (0.5, 0)], 0.66, WHITE)


def rope_noose(c: Canvas) -> None:
    """Draw a rope with a noose under a beam."""
    rope = c.vary((196, 148, 78), 10)
    c.rectangle(-1, -1.1, 0.7, -0.9, (86, 56, 34))
    c.line([(0, -0.95), (0, -0.1)], 0.16, rope)
    c.ring(0, 0.42, 0.44, 0.16, rope)
    for y in (-0.24, -0.1, 0.04):
        c.line([(-0.14, y), (0.14, y - 0.05)], 0.12, (140, 98, 44))


def crowbar(c: Canvas) -> None:
    """Draw a red crowbar with a hook on the right."""
    c.line([(-0.95, 0.2), (0.5, 0.2), (0.82, 0.05), (0.9, -0.25), (0.68, -0.42)], 0.2, c.vary((190, 30, 30), 10))
    c.line([(-0.95, 0.2), (-0.72, 0.2)], 0.28, (60, 60, 66))
