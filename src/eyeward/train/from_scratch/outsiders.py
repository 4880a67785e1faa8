"""Pictures that are no scenes: coloured noise, shaded heaps of shapes and pages of text, drawn to fit a scope check on.

Noise has the falling spectrum, and heaps the occlusions and sizes, that photographs have (Ruderman, "Origins of scaling
in natural images", 1997; Lee, Mumford and Huang, "Occlusion models for natural images", 2001). No photograph is used.
"""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Pixels = NDArray[np.float64]
"""[side, side, 3], 0 to 255, or beyond where light is added"""

SIDE = 224
_LETTERS = "etaoinshrdlcumwfgypbvk"


def outsider(seed: int) -> Image.Image:
    """Draw one picture, 224 x 224; the same seed gives the same bytes."""
    rng = np.random.default_rng((seed, 11))
    draw = (_noise, _fog, _heap, _heap, _page)[seed % 5]
    image = Image.fromarray(draw(rng).clip(0, 255).astype(np.uint8))
    if rng.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 3)))
    return image.convert("L").convert("RGB") if rng.random() < 0.15 else image


def _field(rng: np.random.Generator, fall: float) -> Pixels:
    """Give noise [side, side, 1] of mean 0 and variance 1 whose amplitude falls as frequency to the power of `fall`."""
    frequencies = np.fft.fftfreq(SIDE)
    radius = np.hypot(frequencies[:, None], frequencies[None, :])
    radius[0, 0] = 1
    field = np.fft.ifft2(np.fft.fft2(rng.normal(size=(SIDE, SIDE))) / radius**fall).real
    return ((field - field.mean()) / (field.std() + 1e-9))[..., None]


def _noise(rng: np.random.Generator) -> Pixels:
    fall = rng.uniform(0.4, 1.8)
    light, tint = _field(rng, fall), np.concatenate([_field(rng, fall) for _ in range(3)], axis=-1)
    return (light * rng.uniform(0.2, 1, 3) + tint * rng.uniform(0, 0.6)) * rng.uniform(10, 70) + rng.uniform(20, 235, 3)


def _fog(rng: np.random.Generator) -> Pixels:
    shade = _field(rng, rng.uniform(1.8, 3.2)) * rng.uniform(5, 60, 3) + rng.uniform(10, 245, 3)
    return shade + rng.normal(0, rng.uniform(0, 6), shade.shape)


def _colour(rng: np.random.Generator, about: NDArray[np.float64], spread: float) -> tuple[int, ...]:
    return tuple(int(value) for value in rng.normal(about, spread).clip(0, 255))


def _heap(rng: np.random.Generator) -> Pixels:
    palette = rng.uniform(0, 255, (rng.integers(2, 12), 3))
    image = Image.new("RGB", (SIDE, SIDE), _colour(rng, palette[0], 0))
    pen = ImageDraw.Draw(image)
    smallest, largest = rng.uniform(2, 12), rng.uniform(40, 160)
    share = rng.random(rng.choice((4, 10, 30, 80, 200, 600)))
    sizes = (smallest**-2 + (largest**-2 - smallest**-2) * share) ** -0.5
    for size in np.sort(sizes)[::-1]:
        x, y = rng.uniform(-10, SIDE + 10, 2)
        fill = _colour(rng, palette[rng.integers(len(palette))], 18)
        if rng.random() < 0.4:
            height = size * rng.uniform(0.3, 1)
            pen.ellipse((x - size, y - height, x + size, y + height), fill=fill)
        else:
            corners = int(rng.integers(3, 8))
            turns, reach = np.sort(rng.uniform(0, 2 * np.pi, corners)), size * rng.uniform(0.4, 1.3, corners)
            pen.polygon([(x + r * np.cos(t), y + r * np.sin(t)) for r, t in zip(reach, turns, strict=True)], fill=fill)
    light = _field(rng, rng.uniform(1.5, 2.5)) * rng.uniform(0, 40)
    texture = _field(rng, rng.uniform(0.3, 1.2)) * rng.uniform(0, 25)
    return np.asarray(image) + light + texture


def _page(rng: np.random.Generator) -> Pixels:
    letters = random.Random(int(rng.integers(2**30)))
    paper = rng.uniform(200, 255) if rng.random() < 0.5 else rng.uniform(0, 60)
    image = Image.new("RGB", (SIDE, SIDE), _colour(rng, np.full(3, paper), 8))
    pen, ink = ImageDraw.Draw(image), _colour(rng, np.full(3, 255 - paper), 25)
    size = int(rng.integers(7, 30))
    font = ImageFont.load_default(size)
    y = -int(rng.integers(0, size))
    while y < SIDE:
        words = ("".join(letters.choices(_LETTERS, k=letters.randint(1, 9))) for _ in range(letters.randint(1, 14)))
        pen.text((int(rng.integers(-30, 20)), y), " ".join(words), fill=ink, font=font)
        y += int(size * rng.uniform(1.1, 2.4))
    return np.asarray(image) + _field(rng, 2.0) * rng.choice((0, 0, rng.uniform(0, 20)))
