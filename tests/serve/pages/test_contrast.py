"""The colours of the pages can be read, in the light and in the dark."""

from __future__ import annotations

import re

import pytest

from eyeward.serve.pages.frame import HERE

COLOURS = {
    name: pair
    for name, *pair in re.findall(
        r"--([a-z-]+): light-dark\(#([0-9a-f]{6}), #([0-9a-f]{6})\)", (HERE / "static" / "frame.css").read_text("utf-8")
    )
}
TEXTS = ("ink", "soft", "accent", "safe", "unsafe", "review", "error")


def luminance(colour: str) -> float:
    """Return the relative luminance, as WCAG 2 has it."""
    levels = [int(colour[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in levels]
    return sum(weight * level for weight, level in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["back", "fill"])
@pytest.mark.parametrize("text", TEXTS)
def test_text_stands_out_from_its_ground(text: str, ground: str, theme: int) -> None:
    assert contrast(COLOURS[text][theme], COLOURS[ground][theme]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_other_pairs_stand_out_too(theme: int) -> None:
    assert contrast(COLOURS["on-accent"][theme], COLOURS["accent"][theme]) >= 4.5
    assert contrast(COLOURS["ink"][theme], COLOURS["shade"][theme]) >= 4.5


def test_black_on_white_is_the_most() -> None:
    assert contrast("000000", "ffffff") == pytest.approx(21.0)
