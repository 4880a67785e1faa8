"""What has to be known of a file before Pillow opens it.

Pillow opens PNG, JPEG and BMP lazily: their size is known before a pixel is decoded. It hands WebP to a decoder that
allocates the canvas at once, lets the frames of a GIF outgrow its screen, and counts the frames of a GIF and the pages
of a TIFF one by one, slowly. Those three are measured here first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from PIL import TiffImagePlugin

from eyeward.errors import ErrorType, ImageError
from eyeward.images.formats import Format

# Some writers pad between the blocks of a GIF, and Pillow skips it byte by byte: a file made of padding takes minutes.
_MOST_STRAY_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Header:
    """The canvas (width, height) that a decoder will need, and the number of frames, where they had to be measured."""

    canvas: tuple[int, int] | None = None
    frames: int | None = None


def measure(name: str, data: bytes, form: Format) -> Header:
    """Read the structure of a file without decoding it; raise `ImageError` where it is damaged or cut short."""
    if form is Format.gif:
        return _measure_gif(name, data)
    if form is Format.webp:
        return Header(canvas=_webp_canvas(name, data))
    if form is Format.tiff:
        return Header(frames=_tiff_pages(name, data))
    return Header()


def _truncated(name: str) -> ImageError:
    return ImageError(ErrorType.truncated, f"{name} is cut short: the file ends before the picture does.")


def _little(data: bytes, start: int, count: int) -> int:
    return int.from_bytes(data[start : start + count], "little")


def _webp_canvas(name: str, data: bytes) -> tuple[int, int]:
    if len(data) < 30 or len(data) < 8 + _little(data, 4, 4):
        raise _truncated(name)
    chunk = data[12:16]
    if chunk == b"VP8X":
        return _little(data, 24, 3) + 1, _little(data, 27, 3) + 1
    if chunk == b"VP8L" and data[20] == 0x2F:
        bits = _little(data, 21, 4)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        return _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF
    raise ImageError(ErrorType.unreadable, f"{name} starts like WebP, but its header is damaged.")


def _tiff_pages(name: str, data: bytes) -> int:
    """Follow the chain of directories (TIFF 6.0, section 2; BigTIFF has wider fields) and return its length."""
    order: Literal["little", "big"] = "little" if data.startswith(b"II") else "big"
    big = b"+" in data[2:4]
    count_bytes, entry_bytes, offset_bytes = (8, 20, 8) if big else (2, 12, 4)
    seen: set[int] = set()
    place = 8 if big else 4
    while True:
        directory = int.from_bytes(data[place : place + offset_bytes], order)
        if place + offset_bytes > len(data) or directory + count_bytes > len(data):
            raise _truncated(name)
        if directory == 0 or directory in seen:
            break
        seen.add(directory)
        entries = int.from_bytes(data[directory : directory + count_bytes], order)
        place = directory + count_bytes + entries * entry_bytes
    if not seen:
        raise ImageError(ErrorType.unreadable, f"{name} is a TIFF without a picture in it.")
    return len(seen)


def _measure_gif(name: str, data: bytes) -> Header:
    """Walk the blocks (GIF89a specification, sections 15 to 27) and grow the screen by every frame's extent."""
    if len(data) < 13:
        raise _truncated(name)
    width, height = _little(data, 6, 2), _little(data, 8, 2)
    position = 13 + _colour_table_bytes(data[10])
    frames = stray = 0
    while position < len(data) and (block := data[position : position + 1]) != b";":
        if block == b"!":
            position = _after_sub_blocks(name, data, position + 2)
        elif block == b",":
            if len(data) < position + 10:
                raise _truncated(name)
            left, top, across, down = (_little(data, position + 1 + 2 * place, 2) for place in range(4))
            width, height = max(width, left + across), max(height, top + down)
            frames += 1
            position = _after_sub_blocks(name, data, position + 11 + _colour_table_bytes(data[position + 9]))
        else:
            position += 1
            stray += 1
            if stray > _MOST_STRAY_BYTES:
                raise ImageError(
                    ErrorType.unreadable, f"{name} is a GIF with bytes between its blocks that mean nothing."
                )
    if position > len(data):
        raise _truncated(name)
    if not frames:
        raise ImageError(ErrorType.unreadable, f"{name} is a GIF without a picture in it.")
    return Header((width, height), frames)


def _colour_table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_sub_blocks(name: str, data: bytes, position: int) -> int:
    while position < len(data):
        length = data[position]
        position += 1 + length
        if not length:
            return position
    raise _truncated(name)


def check_tiff_page(name: str, page: TiffImagePlugin.TiffImageFile, file_bytes: int, max_pixels: int) -> None:
    """Raise `ImageError` for a page whose strips or tiles lie outside the file or are larger than a picture may be."""
    tags = page.tag_v2
    for offsets_tag, lengths_tag in ((TiffImagePlugin.STRIPOFFSETS, 279), (TiffImagePlugin.TILEOFFSETS, 325)):
        pairs = zip(tags.get(offsets_tag, ()), tags.get(lengths_tag, ()), strict=False)
        if any(offset + length > file_bytes for offset, length in pairs):
            raise _truncated(name)
    tile = tags.get(TiffImagePlugin.TILEWIDTH, 1), tags.get(TiffImagePlugin.TILELENGTH, 1)
    if tile[0] * tile[1] > max_pixels:
        raise ImageError(
            ErrorType.too_many_pixels,
            f"{name} has tiles of {tile[0]:,} x {tile[1]:,} pixels; the limit is {max_pixels:,}.",
        )
