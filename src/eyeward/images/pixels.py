"""From any pixel mode to what a guard sees: 8-bit RGB, upright, with nothing hidden by alpha or by dark tones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.TiffImagePlugin import TiffImageFile

from eyeward.verdict import Note

_EXIF_ORIENTATION: Final = 0x0112
_TIFF_BITS_PER_SAMPLE: Final = 258
_TIFF_PHOTOMETRIC: Final = 262
_TIFF_WHITE_IS_ZERO: Final = 0
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Layer:
    """One way to look at a picture; `label` says which, and is empty where there is only one."""

    pixels: Image.Image
    label: str


@dataclass(frozen=True, slots=True)
class Flattened:
    """All the ways to look at one picture, and the codes of what was done to it."""

    layers: tuple[Layer, ...]
    notes: tuple[Note, ...]


def flatten(picture: Image.Image) -> Flattened:
    """Decode a picture and return it as upright RGB layers.

    Alpha gives a layer over white and one over black. A picture of more than 8 bits that uses less than a quarter of
    its range gives a second layer with its tones stretched, because some viewers show those.
    """
    notes: list[Note] = []
    layers: list[Layer] = []
    turn_stored = _turn(picture) if isinstance(picture, TiffImageFile) else None  # Pillow turns it while it loads
    picture.load()  # first: asked for EXIF, a PNG loads itself, and once that has failed, it never fails again
    turn = _turn(picture)
    toned = [Layer(picture, "")]
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        toned = _reduce_to_8_bits(picture)
        notes.append(Note.reduced_to_8_bit)
    if picture.mode == "CMYK":
        notes.append(Note.converted_cmyk)
    for tone in toned:
        composites = _over_backgrounds(tone.pixels)
        if len(composites) > 1 and Note.alpha_on_white_and_black not in notes:
            notes.append(Note.alpha_on_white_and_black)
        for composite in composites:
            upright = composite.pixels if turn is None else composite.pixels.transpose(turn)
            upright.info.clear()
            layers.append(Layer(upright, " ".join(part for part in (tone.label, composite.label) if part)))
    if turn_stored is not None or turn is not None:
        notes.append(Note.exif_rotated)
    return Flattened(tuple(layers), tuple(notes))


def _turn(picture: Image.Image) -> Image.Transpose | None:
    try:
        return _UPRIGHT.get(picture.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:
        # Damaged EXIF raises almost anything (a struct, value or syntax error, a warning made an error). The picture is
        # then judged as it is stored, which is how every viewer shows it.
        return None


def _over_backgrounds(picture: Image.Image) -> list[Layer]:
    if not picture.has_transparency_data:
        return [Layer(picture.convert("RGB"), "")]
    straight = picture.convert("LA") if picture.mode == "La" else picture
    rgba = _with_colour_key_in_range(straight).convert("RGBA")
    extremes = rgba.getchannel("A").getextrema()
    if extremes[0] == 255:
        return [Layer(rgba.convert("RGB"), "")]
    return [
        Layer(Image.alpha_composite(Image.new("RGBA", rgba.size, colour), rgba).convert("RGB"), f"over {colour}")
        for colour in ("white", "black")
    ]


def _with_colour_key_in_range(picture: Image.Image) -> Image.Image:
    """Bring the transparent colour of a 16-bit RGB PNG, which Pillow leaves at 16 bits, down to the 8 of the pixels."""
    key = picture.info.get("transparency")
    if picture.mode != "RGB" or not isinstance(key, tuple) or max(key) <= 255:
        return picture
    narrowed = picture.copy()
    narrowed.info["transparency"] = tuple(value >> 8 for value in key)
    return narrowed


def _reduce_to_8_bits(picture: Image.Image) -> list[Layer]:
    values = np.asarray(picture)
    key = picture.info.get("transparency")
    opaque = None if not isinstance(key, int) else Image.fromarray((values != key).astype(np.uint8) * np.uint8(255))
    if picture.mode == "F":
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    full = _full_range(picture, low, high)
    layers = [Layer(_scale(values, 0.0, full) if full is not None else _scale(values, low, high), "")]
    if full is not None and low < high < full / 4:
        layers.append(Layer(_scale(values, low, high), "with tones stretched"))
    if getattr(picture, "tag_v2", {}).get(_TIFF_PHOTOMETRIC) == _TIFF_WHITE_IS_ZERO:
        layers = [Layer(ImageOps.invert(layer.pixels), layer.label) for layer in layers]
    if opaque is None:
        return layers
    return [Layer(Image.merge("LA", (layer.pixels, opaque)), layer.label) for layer in layers]


def _full_range(picture: Image.Image, low: float, high: float) -> float | None:
    """Return the value that means white, or None where only the values themselves can tell."""
    if picture.mode.startswith("I;16"):
        bits = getattr(picture, "tag_v2", {}).get(_TIFF_BITS_PER_SAMPLE, (16,))[0]
        return float(2 ** min(bits, 16) - 1)
    if low < 0:
        return None
    candidates = (1.0, 255.0, 65535.0) if picture.mode == "F" else (255.0, 65535.0)
    return next((white for white in candidates if high <= white), None)


def _scale(values: NDArray[np.generic], black: float, white: float) -> Image.Image:
    """Map `black`..`white` to 0..255, rounded; a picture of one tone without a range comes out black."""
    span = white - black if white > black else 1.0
    scaled = (values.astype(np.float32) - np.float32(black)) * np.float32(255.0 / span)
    return Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))
