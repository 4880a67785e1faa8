"""Files that mean no good: cut, flipped, blown up, two things at once; always the same for the same seed."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")


def hostile_files(count: int, seed: int = 1) -> Iterator[bytes]:
    """Yield so many."""
    chance = random.Random(seed)
    sound = [_valid(chance, kind) for kind in FORMATS for _ in range(4)]
    ways = (_cut, _flipped, _spliced, _grown, _polyglot, _sized, _repeated)
    for number in range(count):
        if number % 50 == 0:
            yield _bomb(chance.choice((2_000, 20_000, 60_000, 2**31 - 1)))
        else:
            yield chance.choice(ways)(chance, chance.choice(sound), chance.choice(sound))


def _valid(chance: random.Random, kind: str) -> bytes:
    size = (chance.randint(1, 40), chance.randint(1, 40))
    frames = [Image.frombytes("RGB", size, chance.randbytes(3 * size[0] * size[1])) for _ in range(3)]
    file = io.BytesIO()
    many = kind in ("GIF", "WEBP", "TIFF") and chance.random() < 0.5
    if many:
        frames[0].save(file, kind, save_all=True, append_images=frames[1:])
    else:
        frames[0].save(file, kind)
    return file.getvalue()


def _cut(chance: random.Random, data: bytes, other: bytes) -> bytes:
    return data[: chance.randint(0, len(data) - 1)]


def _flipped(chance: random.Random, data: bytes, other: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _spliced(chance: random.Random, data: bytes, other: bytes) -> bytes:
    return data[: chance.randrange(len(data))] + other[chance.randrange(len(other)) :]


def _grown(chance: random.Random, data: bytes, other: bytes) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + chance.randbytes(chance.choice((1, 4, 1000))) + data[place:]


def _polyglot(chance: random.Random, data: bytes, other: bytes) -> bytes:
    return data + chance.choice((other, b"<script>alert(1)</script>", b"PK\x03\x04" + other, b"%PDF-1.7\n"))


def _sized(chance: random.Random, data: bytes, other: bytes) -> bytes:
    """Write large numbers where the head of a format has sizes."""
    changed = bytearray(data)
    place = chance.randrange(min(40, len(changed)))
    number = struct.pack(chance.choice("<>") + "I", chance.choice((0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)))
    changed[place : place + 4] = number
    return bytes(changed)


def _repeated(chance: random.Random, data: bytes, other: bytes) -> bytes:
    start = chance.randrange(len(data))
    piece = data[start : start + chance.randint(1, 64)]
    return data[:start] + piece * chance.choice((2, 50)) + data[start:]


def _bomb(side: int) -> bytes:
    """Return a small PNG that says it is side x side pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(100_000)))
        + chunk(b"IEND", b"")
    )
