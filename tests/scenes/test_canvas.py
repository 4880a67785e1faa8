from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import pytest
from PIL import Image, ImageDraw

from eyeward.scenes.canvas import Canvas, Colour, FlatPen, Point


class RecordingPen:
    """Keeps the pixel shapes that it is given."""

    def __init__(self) -> None:
        self.shapes: list[list[Point]] = []
        self.widths: list[float] = []

    def fill(self, outline: Sequence[Point], colour: Colour) -> None:
        self.shapes.append(list(outline))

    def stroke(self, path: Sequence[Point], width: float, colour: Colour, closed: bool) -> None:
        self.shapes.append(list(path))
        self.widths.append(width)


def canvas() -> tuple[Canvas, RecordingPen]:
    pen = RecordingPen()
    return Canvas(pen, Random(0)), pen


def close_to(points: Sequence[Point], expected: Sequence[Point]) -> bool:
    return all(math.dist(a, b) < 1e-9 for a, b in zip(points, expected, strict=True))


def test_a_nested_frame_scales_about_its_own_origin() -> None:
    outer, pen = canvas()
    outer.at(100, 50, 10).at(1, 2, 0.5).polygon([(0, 0), (2, 0), (0, 2)], (0, 0, 0))
    assert close_to(pen.shapes[0], [(110, 70), (120, 70), (110, 80)])


def test_a_positive_rotation_turns_clockwise_on_screen() -> None:
    outer, pen = canvas()
    outer.at(0, 0, 1, 90).polygon([(1, 0)], (0, 0, 0))
    assert close_to(pen.shapes[0], [(0, 1)])


def test_mirroring_swaps_left_and_right_only() -> None:
    outer, pen = canvas()
    outer.at(0, 0, 1, mirrored=True).polygon([(1, 2)], (0, 0, 0))
    assert close_to(pen.shapes[0], [(-1, 2)])


@pytest.mark.parametrize("mirrored", [False, True])
def test_readable_text_is_never_mirrored(mirrored: bool) -> None:
    outer, pen = canvas()
    outer.at(5, 5, 2, mirrored=mirrored).readable().polygon([(1, 0), (0, 1)], (0, 0, 0))
    assert close_to(pen.shapes[0], [(7, 5), (5, 7)])


def test_line_widths_follow_the_scale() -> None:
    outer, pen = canvas()
    outer.at(0, 0, 30).line([(0, 0), (1, 0)], 0.1, (0, 0, 0))
    assert pen.widths == [pytest.approx(3.0)]


def test_varied_colours_stay_colours() -> None:
    outer, _ = canvas()
    for _ in range(200):
        assert all(0 <= part <= 255 for part in outer.vary((0, 128, 255), 60))


def test_a_flat_line_has_round_ends() -> None:
    image = Image.new("RGB", (80, 40))
    FlatPen(ImageDraw.Draw(image)).stroke([(20, 20), (60, 20)], 20, (255, 255, 255), closed=False)
    assert image.getpixel((12, 20)) == (255, 255, 255)
    assert image.getpixel((12, 12)) == (0, 0, 0)
