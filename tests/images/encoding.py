"""Small pictures, and the bytes of files made of them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

from PIL import Image

RED = (220, 20, 20)
GREEN = (20, 180, 20)
BLUE = (20, 20, 220)
PNG_START = b"\x89PNG\r\n\x1a\n"


def plain(colour: tuple[int, int, int] = GREEN, size: tuple[int, int] = (24, 16)) -> Image.Image:
    """Return a picture of one colour."""
    return Image.new("RGB", size, colour)


def noisy(size: tuple[int, int] = (96, 64)) -> Image.Image:
    """Return a picture that does not compress to nothing, so that half of its file is half of its pixels."""
    state = 12345
    values = bytearray()
    for _ in range(size[0] * size[1] * 3):
        state = (1103515245 * state + 12345) % 2**31
        values.append(state >> 16 & 0xFF)
    return Image.frombytes("RGB", size, bytes(values))


def encoded(picture: Image.Image, form: str, **options: Any) -> bytes:
    """Return the bytes of a file in Pillow's format `form`."""
    target = io.BytesIO()
    picture.save(target, form, **options)
    return target.getvalue()


def animated(pictures: Sequence[Image.Image], form: str, **options: Any) -> bytes:
    """Return the bytes of an animation or of a file with several pages."""
    return encoded(pictures[0], form, save_all=True, append_images=list(pictures[1:]), **options)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Return one chunk of a PNG file with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_that_claims(width: int, height: int) -> bytes:
    """Return a few dozen bytes whose header is a PNG of any size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 64)
    return PNG_START + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")


def colour_at(picture: Image.Image, x: int, y: int) -> tuple[int, int, int]:
    """Return the RGB value of one pixel."""
    value = picture.getpixel((x, y))
    assert isinstance(value, tuple) and len(value) == 3
    return value


def close(one: tuple[int, int, int], other: tuple[int, int, int], tolerance: int = 12) -> bool:
    """Tell whether two colours are the same but for what lossy coding does to them."""
    return all(abs(a - b) <= tolerance for a, b in zip(one, other, strict=True))
