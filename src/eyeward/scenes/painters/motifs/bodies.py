"""Motifs of O3 and O4, as abstract signs only; affection, swimwear and statues."""

from __future__ import annotations

from collections.abc import Mapping

from eyeward.scenes.canvas import BLACK, WHITE, Canvas, Colour
from eyeward.scenes.painters import people, signs, things
from eyeward.scenes.painters.people import Look

Slots = Mapping[str, str]
_STONE: tuple[Colour, ...] = ((196, 196, 192), (172, 176, 182), (204, 198, 186))


def _adult_lips(c: Canvas, slots: Slots) -> None:
    signs.lips(c.at(-0.2, 0.38, 0.76, c.random.uniform(-12, 12)))
    signs.adult_sign(c.at(0.46, -0.5, 0.46))


def _adult_bed(c: Canvas, slots: Slots) -> None:
    bed = c.at(0, 0.3, 0.95)
    things.bed(bed)
    bed.rectangle(-0.3, -0.02, 0.88, 0.4, c.vary((190, 25, 70), 12))
    bed.ellipse(-0.66, -0.06, 0.2, 0.13, WHITE)
    signs.adult_sign(c.at(0.1, -0.48, 0.46))


def _priced_lips(c: Canvas, slots: Slots) -> None:
    signs.lips(c.at(-0.22, -0.36, 0.74, c.random.uniform(-10, 10)))
    signs.price_tag(c.at(0.42, 0.42, 0.52, 8))


def _window_offer(c: Canvas, slots: Slots) -> None:
    c.rectangle(-0.86, -0.96, 0.5, 0.96, (90, 20, 30))
    c.rectangle(-0.76, -0.86, 0.4, 0.86, c.vary((245, 70, 90), 10))
    people.person(c.at(-0.18, 0.04, 0.82), Look((24, 20, 30), (24, 20, 30), (36, 28, 36), (20, 16, 22)), arms="hold")
    for x, side in ((-0.76, 1), (0.4, -1)):
        c.polygon(
            ((x, -0.86), (x + side * 0.34, -0.86), (x + side * 0.1, 0.1), (x + side * 0.22, 0.86), (x, 0.86)),
            (150, 10, 40),
        )
    signs.price_tag(c.at(0.6, 0.34, 0.4, 8))


def _couple(c: Canvas, slots: Slots) -> None:
    people.person(c.at(-0.42, 0.24, 0.76), arms="hold")
    people.person(c.at(0.44, 0.24, 0.76, 0, mirrored=True), arms="hold")
    signs.heart(c.at(0.01, -0.66, 0.34))


def _kiss(c: Canvas, slots: Slots) -> None:
    people.person(c.at(-0.26, 0.24, 0.76, 8), arms="embrace")
    people.person(c.at(0.26, 0.24, 0.76, -8, mirrored=True), arms="embrace")
    signs.heart(c.at(0.0, -0.7, 0.3))
    signs.heart(c.at(0.56, -0.5, 0.15, 12))
    signs.heart(c.at(-0.56, -0.5, 0.15, -12))


def _body(c: Canvas, skin: Colour) -> None:
    for side in (-1, 1):
        c.line([(side * 0.34, -0.42), (side * 0.5, -0.02), (side * 0.42, 0.3)], 0.15, skin)
        c.line([(side * 0.17, 0.3), (side * 0.18, 0.62), (side * 0.2, 0.95)], 0.24, skin)
    c.polygon(((-0.42, -0.48), (0.42, -0.48), (0.24, -0.04), (0.36, 0.34), (-0.36, 0.34), (-0.24, -0.04)), skin)
    c.rectangle(-0.09, -0.62, 0.09, -0.45, skin)
    c.ellipse(0, -0.76, 0.2, 0.23, skin)


def _mosaic(c: Canvas, left: float, top: float, columns: int, rows: int, size: float) -> None:
    shades: tuple[Colour, ...] = ((250, 130, 160), (120, 80, 100), (60, 50, 66), (255, 200, 200), (190, 120, 120))
    for column in range(columns):
        for row in range(rows):
            x, y = left + column * size, top + row * size
            c.rectangle(x, y, x + size, y + size, shades[(column * 2 + row * 3 + c.random.randrange(3)) % len(shades)])


def _bare_body(c: Canvas) -> None:
    skin = c.vary(c.random.choice(people.SKINS), 8)
    _body(c, skin)
    c.sector(0, -0.8, 0.23, 0.22, 180, 360, c.random.choice(((40, 28, 20), (120, 80, 40), (60, 50, 50))))
    _mosaic(c, -0.42, -0.44, 5, 2, 0.168)
    _mosaic(c, -0.42, 0.12, 5, 2, 0.168)


def _bare_figure(c: Canvas, slots: Slots) -> None:
    _bare_body(c)


def _bare_figures(c: Canvas, slots: Slots) -> None:
    for x, y in ((-0.64, 0.08), (0.64, 0.08), (0, 0.16)):
        _bare_body(c.at(x, y, 0.84 if x else 0.8))


def _swimmer(c: Canvas, bikini: bool) -> None:
    skin = c.vary(c.random.choice(people.SKINS), 8)
    colour = things.bright(c)
    people.person(
        c, Look(skin, skin, skin, c.random.choice(((40, 28, 20), (150, 100, 40)))), arms="down" if bikini else "up"
    )
    c.rectangle(-0.19, 0.08, 0.19, 0.36, colour)
    if bikini:
        c.rectangle(-0.18, -0.42, 0.18, -0.22, colour)
    else:
        c.rectangle(-0.22, 0.3, -0.02, 0.46, colour)
        c.rectangle(0.02, 0.3, 0.22, 0.46, colour)


def _beach(c: Canvas, slots: Slots) -> None:
    c.rectangle(-1, -0.95, 1, -0.1, (150, 215, 245))
    c.rectangle(-1, -0.15, 1, 0.3, (40, 130, 210))
    c.line([(-1, 0.3), (-0.6, 0.26), (-0.2, 0.32), (0.2, 0.26), (0.6, 0.32), (1, 0.27)], 0.07, WHITE)
    c.polygon(((-1, 0.3), (1, 0.3), (1, 0.98), (-1, 0.98)), (245, 220, 150))
    things.sun(c.at(-0.7, -0.66, 0.24))
    things.umbrella(c.at(0.66, 0.1, 0.42, 8))
    _swimmer(c.at(-0.48, 0.2, 0.72), True)
    _swimmer(c.at(0.12, 0.22, 0.72), False)


def _bust(c: Canvas, slots: Slots) -> None:
    stone = c.vary(c.random.choice(_STONE), 8)
    shade: Colour = (stone[0] - 60, stone[1] - 60, stone[2] - 58)
    c.rectangle(-0.5, 0.78, 0.5, 0.98, shade)
    c.rectangle(-0.3, 0.34, 0.3, 0.8, (stone[0] - 30, stone[1] - 30, stone[2] - 28))
    c.polygon(
        (
            (-0.74, 0.32),
            (-0.6, -0.1),
            (-0.15, -0.26),
            (0.15, -0.26),
            (0.6, -0.1),
            (0.74, 0.32),
            (0.28, 0.44),
            (-0.28, 0.44),
        ),
        shade,
    )
    c.ellipse(0, -0.57, 0.34, 0.41, shade)
    c.polygon(
        (
            (-0.68, 0.26),
            (-0.56, -0.06),
            (-0.15, -0.2),
            (0.15, -0.2),
            (0.56, -0.06),
            (0.68, 0.26),
            (0.28, 0.4),
            (-0.28, 0.4),
        ),
        stone,
    )
    c.rectangle(-0.14, -0.36, 0.14, -0.1, shade)
    c.ellipse(0, -0.58, 0.29, 0.36, stone)
    c.sector(0, -0.64, 0.32, 0.33, 180, 360, shade)
    for x in (-0.11, 0.11):
        c.line([(x - 0.05, -0.56), (x + 0.05, -0.56)], 0.05, shade)
    c.line([(0, -0.55), (0.05, -0.42), (-0.02, -0.42)], 0.04, shade)
    c.line([(-0.08, -0.33), (0.08, -0.33)], 0.04, shade)


def _statue(c: Canvas, slots: Slots) -> None:
    stone = c.vary(c.random.choice(_STONE), 8)
    shade: Colour = (stone[0] - 64, stone[1] - 64, stone[2] - 62)
    c.rectangle(-0.66, 0.74, 0.66, 0.98, shade)
    c.rectangle(-0.5, 0.6, 0.5, 0.76, (stone[0] - 34, stone[1] - 34, stone[2] - 32))
    body = c.at(0, -0.22, 0.8)
    _body(body, shade)
    _body(body.at(-0.03, -0.02, 0.97), stone)
    body.line([(-0.2, -0.1), (0.0, -0.02), (0.2, -0.12)], 0.04, shade)
    body.polygon(((-0.34, 0.16), (0.36, 0.1), (0.4, 0.3), (0.1, 0.46), (-0.36, 0.36)), shade)
    for x in (-0.15, 0.15):
        body.ellipse(x, -0.94, 0.13, 0.06, shade)
    body.line([(-0.07, -0.76), (-0.02, -0.76)], 0.04, BLACK)
    body.line([(0.06, -0.76), (0.11, -0.76)], 0.04, BLACK)


PAINTERS = {
    "adult_lips": _adult_lips,
    "adult_bed": _adult_bed,
    "priced_lips": _priced_lips,
    "window_offer": _window_offer,
    "couple": _couple,
    "kiss": _kiss,
    "bare_figure": _bare_figure,
    "bare_figures": _bare_figures,
    "beach": _beach,
    "bust": _bust,
    "statue": _statue,
}
