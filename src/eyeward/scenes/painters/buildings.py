"""Buildings and what belongs to them; ground at y = 0.95."""

from __future__ import annotations

from collections.abc import Callable

from eyeward.scenes.canvas import BLACK, WHITE, Canvas, Colour
from eyeward.scenes.painters.signs import religious_crescent, religious_cross, religious_star

WALLS: tuple[Colour, ...] = ((214, 178, 128), (228, 214, 190), (190, 200, 205), (226, 170, 150), (170, 190, 150))
_GLASS: Colour = (170, 212, 242)


def wall(c: Canvas) -> Colour:
    """Choose a colour for walls."""
    return c.vary(c.random.choice(WALLS), 12)


def house(c: Canvas) -> None:
    """Draw a house with a gable roof, a door and two windows."""
    c.rectangle(0.36, -0.72, 0.56, -0.3, (120, 60, 50))
    c.rectangle(-0.72, -0.12, 0.72, 0.95, wall(c))
    c.polygon(((-0.95, -0.08), (0, -0.86), (0.95, -0.08)), c.vary((165, 55, 45), 18))
    c.rectangle(-0.17, 0.36, 0.17, 0.95, (95, 58, 34))
    c.disc(0.1, 0.66, 0.04, (240, 210, 80))
    for x in (-0.46, 0.46):
        window(c.at(x, 0.22, 0.18))


def window(c: Canvas) -> None:
    """Draw a window with a cross of bars."""
    c.rectangle(-1, -1, 1, 1, WHITE)
    c.rectangle(-0.82, -0.82, 0.82, 0.82, _GLASS)
    c.line([(0, -0.8), (0, 0.8)], 0.16, WHITE)
    c.line([(-0.8, 0), (0.8, 0)], 0.16, WHITE)


def church(c: Canvas) -> None:
    """Draw a church: steeple with a cross, nave, round door."""
    stone, roof = c.vary((226, 216, 196), 10), c.vary((120, 62, 52), 14)
    c.rectangle(-0.1, 0.0, 0.9, 0.95, stone)
    c.polygon(((-0.15, 0.05), (0.05, -0.34), (0.8, -0.34), (0.98, 0.05)), roof)
    c.rectangle(-0.72, -0.3, -0.1, 0.95, stone)
    c.polygon(((-0.8, -0.28), (-0.41, -0.78), (-0.02, -0.28)), roof)
    religious_cross(c.at(-0.41, -0.92, 0.22), (60, 45, 20))
    c.rectangle(-0.56, 0.5, -0.26, 0.95, (90, 55, 30))
    c.disc(-0.41, 0.5, 0.15, (90, 55, 30))
    for x in (0.15, 0.42, 0.69):
        c.rectangle(x - 0.08, 0.36, x + 0.08, 0.7, (90, 130, 190))
        c.disc(x, 0.36, 0.08, (90, 130, 190))


def mosque(c: Canvas) -> None:
    """Draw a mosque: dome with a crescent between two minarets."""
    stone, dome = c.vary((235, 228, 210), 8), c.vary((30, 140, 120), 14)
    for x in (-0.82, 0.82):
        c.rectangle(x - 0.1, -0.5, x + 0.1, 0.95, stone)
        c.rectangle(x - 0.15, -0.36, x + 0.15, -0.26, dome)
        c.polygon(((x - 0.13, -0.5), (x, -0.86), (x + 0.13, -0.5)), dome)
    c.rectangle(-0.62, 0.12, 0.62, 0.95, stone)
    c.sector(0, 0.14, 0.56, 0.6, 180, 360, dome)
    religious_crescent(c.at(0.02, -0.7, 0.24, -30), (200, 150, 20))
    c.line([(0, -0.42), (0, -0.52)], 0.05, (200, 150, 20))
    c.sector(0, 0.55, 0.2, 0.24, 180, 360, (80, 60, 50))
    c.rectangle(-0.2, 0.54, 0.2, 0.95, (80, 60, 50))


def temple(c: Canvas) -> None:
    """Draw a pagoda: three curved red roofs over white walls."""
    roof = c.vary((180, 40, 35), 12)
    for top, width in ((-0.62, 0.34), (-0.14, 0.5), (0.36, 0.66)):
        c.rectangle(-width * 0.72, top, width * 0.72, top + 0.5, (240, 226, 190))
        c.polygon(
            (
                (-width * 1.45, top + 0.1),
                (-width, top - 0.04),
                (-width * 0.5, top - 0.2),
                (width * 0.5, top - 0.2),
                (width, top - 0.04),
                (width * 1.45, top + 0.1),
                (width, top + 0.12),
                (-width, top + 0.12),
            ),
            roof,
        )
    c.line([(0, -0.8), (0, -1)], 0.08, (220, 170, 40))
    c.rectangle(-0.16, 0.55, 0.16, 0.86, (110, 40, 30))
    c.rectangle(-0.75, 0.84, 0.75, 0.95, (150, 140, 130))


def synagogue(c: Canvas) -> None:
    """Draw a synagogue: stepped front with a blue star in a round window."""
    stone = c.vary((222, 200, 160), 10)
    c.rectangle(-0.85, 0.0, 0.85, 0.95, stone)
    c.rectangle(-0.5, -0.5, 0.5, 0.95, stone)
    c.sector(0, -0.48, 0.5, 0.42, 180, 360, c.vary((70, 100, 150), 12))
    c.disc(0, -0.1, 0.34, WHITE)
    religious_star(c.at(0, -0.1, 0.3))
    for x in (-0.66, 0.66):
        c.rectangle(x - 0.09, 0.3, x + 0.09, 0.7, (110, 90, 70))
        c.disc(x, 0.3, 0.09, (110, 90, 70))
    c.rectangle(-0.17, 0.46, 0.17, 0.95, (95, 60, 35))
    c.line([(0, 0.46), (0, 0.95)], 0.03, BLACK)


TEMPLES: dict[str, Callable[[Canvas], None]] = {
    "church": church,
    "mosque": mosque,
    "temple": temple,
    "synagogue": synagogue,
}


def tower(c: Canvas) -> None:
    """Draw a tall tower block with rows of windows."""
    c.rectangle(-0.42, -0.9, 0.42, 0.95, c.vary((120, 135, 160), 16))
    for row in range(6):
        for x in (-0.24, 0.0, 0.24):
            y = -0.72 + row * 0.25
            c.rectangle(x - 0.08, y - 0.07, x + 0.08, y + 0.07, (250, 235, 160) if (row + round(x * 4)) % 2 else _GLASS)
    c.rectangle(-0.12, 0.72, 0.12, 0.95, (60, 60, 70))
    c.line([(0, -0.9), (0, -1.0)], 0.06, (60, 60, 70))


def school(c: Canvas) -> None:
    """Draw a school: long brick building with a clock gable and a flag."""
    c.rectangle(-0.98, 0.05, 0.98, 0.95, c.vary((200, 110, 70), 12))
    c.rectangle(-0.32, -0.2, 0.32, 0.95, c.vary((215, 130, 85), 10))
    c.polygon(((-0.42, -0.18), (0, -0.52), (0.42, -0.18)), (110, 50, 40))
    c.line([(0, -0.5), (0, -1)], 0.05, (70, 70, 70))
    c.polygon(((0, -1), (0.4, -0.88), (0, -0.74)), (40, 110, 190))
    c.disc(0, 0.05, 0.15, WHITE)
    c.line([(0, -0.04), (0, 0.05), (0.07, 0.09)], 0.04, BLACK)
    for x in (-0.78, -0.5, 0.5, 0.78):
        window(c.at(x, 0.4, 0.12))
    c.rectangle(-0.14, 0.5, 0.14, 0.95, (90, 55, 30))


def lighthouse(c: Canvas) -> None:
    """Draw a lighthouse with red bands and two beams of light."""
    for side in (-1, 1):
        c.polygon(((side * 0.14, -0.66), (side * 1.0, -0.92), (side * 1.0, -0.42)), (255, 240, 150))
    for index in range(5):
        top, bottom = -0.48 + index * 0.28, -0.2 + index * 0.28
        left, right = 0.2 + index * 0.04, 0.24 + index * 0.04
        c.polygon(
            ((-left, top), (left, top), (right, bottom), (-right, bottom)), (205, 40, 40) if index % 2 == 0 else WHITE
        )
    c.rectangle(-0.3, -0.54, 0.3, -0.46, BLACK)
    c.rectangle(-0.15, -0.8, 0.15, -0.54, (255, 225, 90))
    c.polygon(((-0.22, -0.78), (0, -1), (0.22, -0.78)), (180, 35, 35))
    c.polygon(((-0.75, 0.95), (-0.5, 0.78), (0.5, 0.78), (0.75, 0.95)), (110, 105, 100))


BUILDINGS: dict[str, Callable[[Canvas], None]] = {
    "house": house,
    "tower": tower,
    "school": school,
    "lighthouse": lighthouse,
}


def safe(c: Canvas) -> None:
    """Draw a steel safe with a dial and a handle."""
    c.rectangle(-0.8, -0.75, 0.8, 0.8, (60, 66, 76))
    c.rectangle(-0.66, -0.62, 0.66, 0.66, (130, 138, 150))
    c.disc(-0.1, 0, 0.36, (60, 66, 76))
    c.disc(-0.1, 0, 0.26, (215, 218, 225))
    c.line([(-0.1, 0), (-0.1, -0.22)], 0.08, (200, 30, 30))
    c.line([(0.48, -0.24), (0.48, 0.24)], 0.1, (40, 44, 50))
    for x in (-0.6, 0.6):
        c.rectangle(x - 0.14, 0.8, x + 0.14, 0.95, (40, 44, 50))


def ruin(c: Canvas) -> None:
    """Draw a collapsed building: jagged walls, tilted slabs, cracks, dust."""
    wall_colour, slab = c.vary((168, 152, 136), 12), c.vary((120, 112, 104), 10)
    c.polygon(
        (
            (-0.98, 0.9),
            (-0.95, -0.45),
            (-0.78, -0.7),
            (-0.66, -0.4),
            (-0.5, -0.52),
            (-0.4, 0.0),
            (-0.2, 0.1),
            (-0.1, 0.9),
        ),
        wall_colour,
    )
    c.polygon(((0.15, 0.9), (0.3, 0.2), (0.5, 0.3), (0.62, -0.2), (0.8, -0.05), (0.98, 0.9)), wall_colour)
    window(c.at(-0.7, -0.12, 0.13))
    c.rectangle(0.58, 0.22, 0.76, 0.42, (60, 60, 66))
    c.polygon(((-0.5, 0.35), (0.45, -0.1), (0.52, 0.05), (-0.42, 0.52)), slab)
    c.polygon(((-0.2, 0.75), (0.75, 0.42), (0.8, 0.58), (-0.12, 0.92)), slab)
    c.line([(-0.9, 0.6), (-0.74, 0.3), (-0.84, 0.15)], 0.05, BLACK)
    c.line([(0.85, 0.75), (0.72, 0.55)], 0.05, BLACK)
    for x in (-0.85, -0.55, -0.25, 0.1, 0.4, 0.72):
        size = c.random.uniform(0.09, 0.15)
        c.polygon(
            (
                (x - size, 0.95),
                (x - size * 0.6, 0.95 - size * 1.6),
                (x + size * 0.7, 0.95 - size * 1.3),
                (x + size, 0.95),
            ),
            c.vary((135, 122, 110), 16),
        )


def tomb(c: Canvas) -> None:
    """Draw a gravestone with a small mound of earth."""
    stone = c.vary((150, 152, 158), 10)
    c.ellipse(0, 0.9, 0.8, 0.16, (110, 80, 50))
    c.rectangle(-0.5, -0.35, 0.5, 0.9, stone)
    c.sector(0, -0.33, 0.5, 0.5, 180, 360, stone)
    c.line([(0, -0.6), (0, 0.25)], 0.14, (70, 72, 78))
    c.line([(-0.26, -0.3), (0.26, -0.3)], 0.14, (70, 72, 78))
