"""Files that mean no good, drawn by Hypothesis from valid ones: cut, overwritten, joined, blown up, two in one."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable, Sequence
from functools import cache

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

MODES = {
    "JPEG": ("RGB", "L", "CMYK"),
    "PNG": ("RGB", "RGBA", "P", "LA", "I;16", "1"),
    "WEBP": ("RGB", "RGBA"),
    "GIF": ("RGB", "L"),
    "BMP": ("RGB", "L", "1"),
    "TIFF": ("RGB", "L", "I;16", "CMYK", "F"),
}
"""Pixel modes of each format that is taken."""
SEVERAL = ("GIF", "WEBP", "TIFF")
"""Formats that hold several pictures."""
BOMB_EVERY = 50
_PNG = b"\x89PNG\r\n\x1a\n"
_TAILS = (b"<script>alert(1)</script>", b"PK\x03\x04", b"%PDF-1.7\n")
_NUMBERS = (0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


def hostile_files(count: int) -> list[bytes]:
    """Return so many; always the same for the same count."""
    found: list[bytes] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(damaged(sound_files()))
    def draw_one(data: bytes) -> None:
        found.append(data)

    draw_one()
    assert len(found) >= count, "Hypothesis drew too few"
    bombs = _bombs()
    return [
        bombs[number // BOMB_EVERY % len(bombs)] if number % BOMB_EVERY == 0 else data
        for number, data in enumerate(found[:count])
    ]


@cache
def sound_files() -> tuple[bytes, ...]:
    """Return small valid files of every format and mode, of one picture and of three."""
    chance = random.Random(1)
    found = []
    for kind, modes in MODES.items():
        for mode in modes:
            size = (chance.randint(1, 40), chance.randint(1, 40))
            frames = [_noise(chance, size, mode) for _ in range(3)]
            found.append(_saved(kind, frames[:1]))
            if kind in SEVERAL:
                found.append(_saved(kind, frames))
    return tuple(found)


@st.composite
def damaged(draw: st.DrawFn, sound: Sequence[bytes]) -> bytes:
    """Draw a valid file, and up to four things that are done to it."""
    data = draw(st.sampled_from(sound))
    for _ in range(draw(st.integers(1, 4))):
        place = (12 + 7919 * draw(st.integers(0, 2**16))) % (len(data) + 1)  # it draws small numbers too often
        data = draw(st.sampled_from(_WAYS))(draw, data, place, sound)
    return data


def _cut(draw: st.DrawFn, data: bytes, place: int, sound: Sequence[bytes]) -> bytes:
    return data[:place]


def _overwritten(draw: st.DrawFn, data: bytes, place: int, sound: Sequence[bytes]) -> bytes:
    piece = draw(st.binary(min_size=1, max_size=16))
    return data[:place] + piece + data[place + len(piece) :]


def _grown(draw: st.DrawFn, data: bytes, place: int, sound: Sequence[bytes]) -> bytes:
    return data[:place] + draw(st.binary(min_size=1, max_size=64)) + data[place:]


def _shrunk(draw: st.DrawFn, data: bytes, place: int, sound: Sequence[bytes]) -> bytes:
    return data[:place] + data[place + draw(st.integers(1, 16)) :]


def _repeated(draw: st.DrawFn, data: bytes, place: int, sound: Sequence[bytes]) -> bytes:
    piece = data[place : place + draw(st.integers(1, 64))]
    return data[:place] + piece * draw(st.sampled_from((2, 50))) + data[place:]


def _spliced(draw: st.DrawFn, data: bytes, place: int, sound: Sequence[bytes]) -> bytes:
    other = draw(st.sampled_from(sound))
    return data[:place] + other[draw(st.integers(0, len(other))) :]


def _polyglot(draw: st.DrawFn, data: bytes, place: int, sound: Sequence[bytes]) -> bytes:
    return data + draw(st.sampled_from(_TAILS)) + draw(st.sampled_from((b"", *sound)))


def _sized(draw: st.DrawFn, data: bytes, place: int, sound: Sequence[bytes]) -> bytes:
    """Write a number where the head of a format has sizes."""
    start = place % 40
    width, order = draw(st.sampled_from((2, 4))), draw(st.sampled_from(("<", ">")))
    number = struct.pack(order + "HI"[width // 4], draw(st.sampled_from(_NUMBERS)) % 256**width)
    return data[:start] + number + data[start + len(number) :]


def _sums_mended(draw: st.DrawFn, data: bytes, place: int, sound: Sequence[bytes]) -> bytes:
    """Write the right checksums into a PNG, so that what was done to it before is read, too."""
    changed, start = bytearray(data), len(_PNG)
    while data.startswith(_PNG) and start + 12 <= len(changed):
        end = start + 8 + int.from_bytes(changed[start : start + 4], "big")
        if end + 4 > len(changed):
            break
        changed[end : end + 4] = struct.pack(">I", zlib.crc32(changed[start + 4 : end]))
        start = end + 4
    return bytes(changed)


_WAYS: tuple[Callable[[st.DrawFn, bytes, int, Sequence[bytes]], bytes], ...] = (
    _overwritten,
    _cut,
    _grown,
    _shrunk,
    _repeated,
    _spliced,
    _polyglot,
    _sized,
    _sums_mended,
)


@cache
def _bombs() -> tuple[bytes, ...]:
    """Return PNGs that say they are large: four that lie, and one that is; and a GIF with the largest screen."""
    lies = [_png_of_zeros(side, 8, 100_000) for side in (2_000, 20_000, 60_000, 2**31 - 1)]
    gif = bytearray(_saved("GIF", [Image.new("L", (3, 3))]))
    gif[6:10] = b"\xff" * 4
    return (*lies, _png_of_zeros(12_000, 1, 12_000 * (1 + 12_000 // 8)), bytes(gif))


def _png_of_zeros(side: int, bits: int, length: int) -> bytes:
    """Return a grey PNG of side x side pixels, with so many bytes of them."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, bits, 0, 0, 0, 0)
    return _PNG + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(length))) + chunk(b"IEND", b"")


def _noise(chance: random.Random, size: tuple[int, int], mode: str) -> Image.Image:
    picture = Image.frombytes("RGB", size, chance.randbytes(3 * size[0] * size[1]))
    return picture.convert("L").convert(mode) if mode == "I;16" else picture.convert(mode)


def _saved(kind: str, frames: Sequence[Image.Image]) -> bytes:
    file = io.BytesIO()
    if len(frames) > 1:
        frames[0].save(file, kind, save_all=True, append_images=list(frames[1:]))
    else:
        frames[0].save(file, kind)
    return file.getvalue()
