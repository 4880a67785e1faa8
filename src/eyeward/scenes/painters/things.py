"""Household things, food, toys and nature."""

from __future__ import annotations

from collections.abc import Callable

from eyeward.scenes.canvas import BLACK, WHITE, Canvas, Colour

Painter = Callable[[Canvas], None]
_WOOD: Colour = (140, 88, 44)
_BRIGHT: tuple[Colour, ...] = ((40, 110, 200), (205, 50, 60), (40, 150, 90), (240, 170, 40), (130, 70, 170))


def bright(c: Canvas) -> Colour:
    """Choose a bright colour."""
    return c.vary(c.random.choice(_BRIGHT), 14)


def chair(c: Canvas) -> None:
    """Draw a wooden chair."""
    wood = c.vary(_WOOD, 14)
    c.line([(-0.5, -0.9), (-0.5, 0.92)], 0.15, wood)
    c.line([(0.5, 0.2), (0.5, 0.92)], 0.15, wood)
    c.line([(-0.3, 0.2), (-0.3, 0.75)], 0.1, (100, 62, 30))
    c.line([(-0.5, 0.15), (0.55, 0.15)], 0.2, wood)
    for y in (-0.75, -0.45, -0.15):
        c.line([(-0.5, y), (-0.34, y)], 0.14, wood)


def lamp(c: Canvas) -> None:
    """Draw a standing lamp with a shade."""
    c.line([(0, -0.2), (0, 0.85)], 0.1, (90, 80, 70))
    c.ellipse(0, 0.88, 0.42, 0.09, (90, 80, 70))
    c.polygon(((-0.3, -0.95), (0.3, -0.95), (0.62, -0.15), (-0.62, -0.15)), bright(c))
    c.ellipse(0, -0.15, 0.5, 0.1, (255, 240, 150))


def clock(c: Canvas) -> None:
    """Draw a round clock."""
    c.disc(0, 0, 0.92, bright(c))
    c.disc(0, 0, 0.74, WHITE)
    for x, y in ((0, -0.6), (0.6, 0), (0, 0.6), (-0.6, 0)):
        c.disc(x, y, 0.07, BLACK)
    c.line([(0, 0), (0, -0.48)], 0.09, BLACK)
    c.line([(0, 0), (0.34, 0.2)], 0.09, BLACK)


def umbrella(c: Canvas) -> None:
    """Draw an open umbrella."""
    colour = bright(c)
    c.line([(0, -0.95), (0, 0.7), (0.14, 0.86), (0.3, 0.7)], 0.09, (70, 60, 55))
    c.sector(0, 0, 0.95, 0.85, 180, 360, colour)
    c.sector(0, 0, 0.34, 0.85, 180, 360, c.vary((250, 240, 220), 6))
    for x in (-0.64, 0, 0.64):
        c.sector(x, 0.02, 0.31, 0.12, 180, 360, (60, 60, 70))


def scissors(c: Canvas) -> None:
    """Draw open scissors, handles below."""
    colour = bright(c)
    for side in (-1, 1):
        c.polygon(((-side * 0.03, 0.18), (side * 0.14, 0.14), (side * 0.42, -0.95)), (150, 158, 170))
        c.line([(0, 0.15), (-side * 0.28, 0.42)], 0.13, colour)
        c.ring(-side * 0.4, 0.66, 0.24, 0.14, colour)
    c.disc(0, 0.14, 0.07, BLACK)


HOUSEHOLD: dict[str, Painter] = {
    "a chair": chair, "a lamp": lamp, "a clock": clock, "an umbrella": umbrella, "a pair of scissors": scissors,
}  # fmt: skip


def apple(c: Canvas) -> None:
    """Draw an apple."""
    red = c.vary(c.random.choice(((200, 45, 40), (120, 180, 50), (225, 175, 50))), 10)
    c.ellipse(-0.24, 0.14, 0.52, 0.64, red)
    c.ellipse(0.24, 0.14, 0.52, 0.64, red)
    c.line([(0, -0.36), (0.1, -0.86)], 0.12, (90, 58, 30))
    c.ellipse(0.36, -0.68, 0.28, 0.14, (60, 150, 60))
    c.ellipse(-0.36, -0.1, 0.1, 0.18, WHITE)


def bread(c: Canvas) -> None:
    """Draw a loaf of bread with cuts."""
    c.ellipse(0, 0.15, 0.98, 0.52, (150, 88, 36))
    c.ellipse(0, 0.08, 0.92, 0.44, c.vary((216, 150, 76), 10))
    for x in (-0.5, -0.1, 0.3):
        c.line([(x, 0.2), (x + 0.22, -0.2)], 0.1, (245, 214, 150))


def cake(c: Canvas) -> None:
    """Draw a cake with candles."""
    c.rectangle(-0.8, -0.05, 0.8, 0.75, c.vary((200, 130, 80), 12))
    c.rectangle(-0.8, -0.15, 0.8, 0.2, (250, 190, 210))
    for x in (-0.6, -0.2, 0.2, 0.6):
        c.disc(x, 0.2, 0.17, (250, 190, 210))
    for x in (-0.4, 0, 0.4):
        c.line([(x, -0.15), (x, -0.55)], 0.1, bright(c))
        c.ellipse(x, -0.72, 0.07, 0.14, (255, 190, 40))
    c.ellipse(0, 0.8, 1, 0.12, (200, 206, 214))


def coffee(c: Canvas) -> None:
    """Draw a cup of coffee on a saucer with steam."""
    colour = bright(c)
    c.ring(0.55, 0.25, 0.26, 0.13, colour)
    c.polygon(((-0.6, -0.15), (0.6, -0.15), (0.42, 0.75), (-0.42, 0.75)), colour)
    c.ellipse(0, -0.15, 0.6, 0.15, WHITE)
    c.ellipse(0, -0.15, 0.5, 0.1, (90, 52, 26))
    c.ellipse(0, 0.82, 0.9, 0.12, WHITE)
    for x in (-0.24, 0.2):
        c.line([(x, -0.42), (x + 0.1, -0.58), (x - 0.06, -0.75), (x + 0.06, -0.92)], 0.07, (200, 204, 212))


def carrot(c: Canvas) -> None:
    """Draw a carrot with green leaves."""
    c.polygon(((-0.9, 0.5), (0.2, -0.46), (0.5, -0.1)), (240, 125, 30))
    c.line([(-0.3, 0.06), (-0.14, 0.16)], 0.06, (190, 90, 20))
    c.line([(-0.02, -0.2), (0.14, -0.06)], 0.06, (190, 90, 20))
    for x, y in ((0.9, -0.3), (0.8, -0.62), (0.5, -0.8)):
        c.line([(0.34, -0.3), (x, y)], 0.16, (60, 150, 50))


def fish(c: Canvas) -> None:
    """Draw a fish."""
    colour = c.vary((90, 140, 180), 14)
    c.polygon(((-0.5, 0), (-1, -0.4), (-0.85, 0), (-1, 0.4)), colour)
    c.ellipse(0.08, 0, 0.72, 0.42, colour)
    c.arc(0.3, 0, 0.34, 110, 250, 0.06, (50, 90, 130))
    c.disc(0.52, -0.1, 0.1, WHITE)
    c.disc(0.54, -0.1, 0.05, BLACK)


def two_apples(c: Canvas) -> None:
    """Draw two apples."""
    apple(c.at(-0.48, 0.1, 0.55, -8))
    apple(c.at(0.5, 0.15, 0.5, 8))


FOOD: dict[str, Painter] = {"two apples": two_apples, "bread": bread, "a cake": cake, "a cup of coffee": coffee}
KITCHEN_FOOD: dict[str, Painter] = {"an apple": apple, "bread": bread, "a carrot": carrot, "a fish": fish}


def ball(c: Canvas) -> None:
    """Draw a ball with a coloured band."""
    c.disc(0, 0, 0.9, bright(c))
    c.line([(-0.78, 0.2), (0, 0.02), (0.78, 0.2)], 0.2, WHITE)
    c.disc(-0.3, -0.4, 0.16, WHITE)


def kite(c: Canvas) -> None:
    """Draw a kite with a tail."""
    colour = bright(c)
    c.line([(0, 0.5), (-0.2, 0.68), (0.1, 0.82), (-0.1, 1)], 0.07, BLACK)
    c.polygon(((0, -0.95), (0.6, -0.3), (0, 0.55), (-0.6, -0.3)), colour)
    c.polygon(((0, -0.95), (0.6, -0.3), (0, -0.3)), WHITE)
    c.polygon(((0, 0.55), (-0.6, -0.3), (0, -0.3)), (255, 215, 70))


def guitar(c: Canvas) -> None:
    """Draw a guitar with its neck to the right."""
    wood = c.vary((205, 130, 50), 12)
    c.line([(0, 0), (0.85, -0.05)], 0.15, (80, 48, 26))
    c.rectangle(0.8, -0.2, 1, 0.1, (60, 36, 20))
    c.disc(-0.56, 0.02, 0.42, wood)
    c.disc(-0.1, 0.0, 0.32, wood)
    c.disc(-0.16, 0.0, 0.15, (50, 28, 16))
    c.rectangle(-0.78, -0.14, -0.68, 0.18, (80, 48, 26))


TOYS: dict[str, Painter] = {"ball": ball, "kite": kite, "guitar": guitar}


def tree(c: Canvas) -> None:
    """Draw a tree with a round crown."""
    c.rectangle(-0.14, 0.1, 0.14, 0.95, (110, 72, 38))
    green = c.vary((50, 145, 65), 18)
    c.disc(0, -0.4, 0.56, green)
    c.disc(-0.36, -0.02, 0.36, green)
    c.disc(0.36, -0.02, 0.36, green)


def fir(c: Canvas) -> None:
    """Draw a fir."""
    c.rectangle(-0.11, 0.6, 0.11, 0.95, (110, 72, 38))
    green = c.vary((26, 110, 66), 14)
    for top, width in ((-0.98, 0.42), (-0.55, 0.56), (-0.08, 0.7)):
        c.polygon(((0, top), (width, top + 0.75), (-width, top + 0.75)), green)


def flower(c: Canvas) -> None:
    """Draw a flower with round petals."""
    petal = c.vary(
        c.random.choice(((240, 100, 160), (250, 200, 50), (150, 100, 230), (245, 245, 250), (240, 90, 70))), 10
    )
    c.line([(0, 0), (0, 0.95)], 0.1, (50, 140, 60))
    c.ellipse(0.26, 0.6, 0.26, 0.1, (50, 140, 60))
    for x, y in ((0, -0.72), (0.4, -0.44), (0.26, 0.02), (-0.26, 0.02), (-0.4, -0.44)):
        c.disc(x, y, 0.26, petal)
    c.disc(0, -0.33, 0.22, (250, 180, 30))


def mountain(c: Canvas) -> None:
    """Draw two mountains with snow."""
    rock = c.vary((110, 110, 125), 12)
    c.polygon(((0.0, 0.8), (0.5, -0.3), (1.0, 0.8)), c.vary((135, 130, 140), 10))
    c.polygon(((-1, 0.8), (-0.25, -0.85), (0.55, 0.8)), rock)
    c.polygon(((-0.25, -0.85), (-0.5, -0.3), (-0.33, -0.4), (-0.22, -0.22), (-0.1, -0.4), (0.0, -0.32)), WHITE)
    c.rectangle(-1, 0.78, 1, 0.95, (90, 160, 80))


def cloud(c: Canvas) -> None:
    """Draw a white cloud."""
    white = (240, 243, 249)
    c.disc(-0.45, 0.15, 0.42, white)
    c.disc(0.05, -0.12, 0.52, white)
    c.disc(0.55, 0.18, 0.38, white)
    c.rectangle(-0.45, 0.2, 0.55, 0.56, white)


def sun(c: Canvas) -> None:
    """Draw the sun with rays."""
    c.star(0, 0, 1, 12, 0.66, (250, 185, 30))
    c.disc(0, 0, 0.58, (255, 222, 70))


def sun_and_cloud(c: Canvas) -> None:
    """Draw the sun behind a cloud."""
    sun(c.at(-0.2, -0.3, 0.68))
    cloud(c.at(0.25, 0.35, 0.72))


def trees(c: Canvas) -> None:
    """Draw three trees."""
    fir(c.at(0.02, -0.1, 0.75))
    tree(c.at(-0.52, 0.12, 0.78))
    tree(c.at(0.55, 0.2, 0.7))


def flowers(c: Canvas) -> None:
    """Draw three flowers."""
    for x, y, size in ((-0.55, 0.1, 0.75), (0.05, 0.0, 0.95), (0.62, 0.15, 0.7)):
        flower(c.at(x, y, size))


NATURE: dict[str, Painter] = {
    "trees": trees,
    "flowers": flowers,
    "a mountain": mountain,
    "the sun behind a cloud": sun_and_cloud,
}


def bed(c: Canvas) -> None:
    """Draw a bed seen from the side, head on the left."""
    c.rectangle(-1, -0.4, -0.84, 0.9, (100, 62, 34))
    c.rectangle(0.86, -0.05, 1, 0.9, (100, 62, 34))
    c.rectangle(-0.9, 0.3, 0.9, 0.62, (120, 78, 44))
    c.rectangle(-0.86, 0.08, 0.88, 0.34, WHITE)
    c.ellipse(-0.6, 0.0, 0.26, 0.13, (225, 232, 245))


def book(c: Canvas) -> None:
    """Draw an open book."""
    c.polygon(((-1, -0.55), (0, -0.4), (1, -0.55), (1, 0.6), (0, 0.75), (-1, 0.6)), bright(c))
    c.polygon(((-0.88, -0.6), (0, -0.44), (0, 0.62), (-0.88, 0.46)), WHITE)
    c.polygon(((0.88, -0.6), (0, -0.44), (0, 0.62), (0.88, 0.46)), (236, 236, 230))
    for y in (-0.25, 0.0, 0.25):
        c.line([(-0.72, y), (-0.18, y + 0.1)], 0.07, (120, 120, 130))
        c.line([(0.72, y), (0.18, y + 0.1)], 0.07, (120, 120, 130))


def hammer(c: Canvas) -> None:
    """Draw a hammer, handle below."""
    c.line([(0, -0.4), (0, 0.95)], 0.19, c.vary(_WOOD, 12))
    c.polygon(((-0.62, -0.78), (0.35, -0.78), (0.72, -0.5), (0.35, -0.32), (-0.62, -0.32)), (90, 96, 108))


def bowl(c: Canvas) -> None:
    """Draw a bowl of animal food."""
    c.ellipse(0, -0.3, 0.8, 0.3, (150, 96, 50))
    for x, y in ((-0.4, -0.42), (0, -0.52), (0.4, -0.42)):
        c.disc(x, y, 0.18, (180, 120, 64))
    c.polygon(((-1, -0.3), (1, -0.3), (0.7, 0.5), (-0.7, 0.5)), bright(c))


def autumn_leaf(c: Canvas) -> None:
    """Draw one oval brown leaf."""
    c.polygon(
        ((0, -0.95), (0.48, -0.45), (0.5, 0.1), (0, 0.65), (-0.5, 0.1), (-0.48, -0.45)), c.vary((215, 130, 40), 14)
    )
    c.line([(0, -0.6), (0, 0.98)], 0.1, (130, 70, 20))


def _star(c: Canvas) -> None:
    c.star(0, 0, 1, 5, 0.45, c.vary((250, 205, 50), 12))


def _circle(c: Canvas) -> None:
    c.disc(0, 0, 0.85, bright(c))


def _square(c: Canvas) -> None:
    c.rectangle(-0.75, -0.75, 0.75, 0.75, bright(c))


def _triangle(c: Canvas) -> None:
    c.polygon(((0, -0.85), (0.85, 0.7), (-0.85, 0.7)), bright(c))


DISTRACTOR_PAINTERS: dict[str, Painter] = {
    "star": _star,
    "ball": ball,
    "flower": flower,
    "cloud": cloud,
    "tree": tree,
    "cup": coffee,
    "book": book,
    "lamp": lamp,
    "leaf": autumn_leaf,
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
}
