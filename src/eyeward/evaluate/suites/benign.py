"""Changes that anybody makes: saving, shrinking, cropping, photographing a screen. None of them is a reason to flip."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from eyeward.evaluate.suites.attack import Family, Picture, PictureAttack, Value, number, png


def _saved_as_jpeg(picture: Picture, quality: Value) -> bytes:
    written = io.BytesIO()
    picture.pixels.save(written, "JPEG", quality=int(number(quality)))
    return written.getvalue()


def _resized(picture: Picture, factor: Value) -> bytes:
    width, height = (max(1, round(side * number(factor))) for side in picture.pixels.size)
    return png(picture.pixels.resize((width, height), Image.Resampling.LANCZOS))


def _cropped(picture: Picture, kept: Value) -> bytes:
    width, height = picture.pixels.size
    left, top = (int(side * (1 - number(kept)) / 2) for side in (width, height))
    return png(picture.pixels.crop((left, top, max(left + 1, width - left), max(top + 1, height - top))))


def _flipped(picture: Picture, _: Value) -> bytes:
    return png(picture.pixels.transpose(Image.Transpose.FLIP_LEFT_RIGHT))


def _rotated(picture: Picture, degrees: Value) -> bytes:
    turned = picture.pixels.rotate(number(degrees), Image.Resampling.BICUBIC, fillcolor=(255, 255, 255))
    return png(turned)


def _blurred(picture: Picture, radius: Value) -> bytes:
    return png(picture.pixels.filter(ImageFilter.GaussianBlur(number(radius) * picture.shorter)))


def _noisy(picture: Picture, deviation: Value) -> bytes:
    pixels = np.asarray(picture.pixels, np.float32)
    noisy = pixels + number(deviation) * picture.random.standard_normal(pixels.shape, np.float32)
    return png(Image.fromarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8)))


def _with_brightness(picture: Picture, factor: Value) -> bytes:
    return png(ImageEnhance.Brightness(picture.pixels).enhance(number(factor)))


def _on_a_screen(picture: Picture, bars: Value) -> bytes:
    """Put bars above and below, as the screen of a telephone has them; each is this share of the picture's height."""
    width, height = picture.pixels.size
    bar = max(1, round(height * number(bars)))
    screen = Image.new("RGB", (width, height + 2 * bar), (246, 246, 248))
    screen.paste(picture.pixels, (0, bar))
    pen = ImageDraw.Draw(screen)
    unit = bar / 10
    pen.rounded_rectangle((2 * unit, 3 * unit, width / 3, 7 * unit), 2 * unit, fill=(40, 40, 44))
    pen.ellipse((width - 9 * unit, 2 * unit, width - 3 * unit, 8 * unit), fill=(120, 120, 126))
    below = height + bar
    for place in (1, 3, 5):
        middle = width * place / 6
        box = (middle - 3 * unit, below + 2 * unit, middle + 3 * unit, below + 8 * unit)
        pen.ellipse(box, outline=(90, 90, 96), width=max(1, round(unit)))
    return png(screen)


def _with_border(picture: Picture, share: Value) -> bytes:
    wide = max(1, round(picture.shorter * number(share)))
    width, height = picture.pixels.size
    framed = Image.new("RGB", (width + 2 * wide, height + 2 * wide), (24, 24, 26))
    framed.paste(picture.pixels, (wide, wide))
    return png(framed)


def _greyer(picture: Picture, colour: Value) -> bytes:
    return png(ImageEnhance.Color(picture.pixels).enhance(number(colour)))


BENIGN: tuple[PictureAttack, ...] = (
    PictureAttack("jpeg", Family.benign, "quality", (90, 70, 50, 30, 10), _saved_as_jpeg),
    PictureAttack("resize", Family.benign, "factor", (0.8, 0.6, 0.4, 0.3, 0.2), _resized),
    PictureAttack("crop", Family.benign, "kept of each side", (0.95, 0.9, 0.85, 0.8, 0.7), _cropped),
    PictureAttack("flip", Family.benign, "direction", ("left to right",), _flipped),
    PictureAttack("rotate", Family.benign, "degrees", (1, 2, 4, 7, 12), _rotated),
    PictureAttack("blur", Family.benign, "radius of the side", (0.002, 0.004, 0.008, 0.012, 0.02), _blurred),
    PictureAttack("noise", Family.benign, "deviation of 255", (4, 8, 16, 24, 40), _noisy),
    PictureAttack("brighter", Family.benign, "factor", (1.1, 1.2, 1.35, 1.5, 1.8), _with_brightness),
    PictureAttack("darker", Family.benign, "factor", (0.9, 0.8, 0.65, 0.5, 0.3), _with_brightness),
    PictureAttack("screenshot", Family.benign, "each bar of the height", (0.05, 0.1, 0.15, 0.2, 0.3), _on_a_screen),
    PictureAttack("border", Family.benign, "width of the side", (0.02, 0.05, 0.1, 0.15, 0.25), _with_border),
    PictureAttack("grey", Family.benign, "colour kept", (0.75, 0.5, 0.25, 0.1, 0.0), _greyer),
)
"""What must not change a verdict, in five levels where there is something to turn."""
