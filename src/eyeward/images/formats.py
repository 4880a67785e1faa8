"""The formats that are read, told by their first bytes, and what Pillow would learn too late from their headers.

Pillow opens PNG, JPEG, BMP and TIFF lazily: the size is known before a pixel is decoded. It hands WebP to a decoder
that allocates the canvas at once, and lets the frames of a GIF outgrow its screen: those two are measured here first.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from enum import StrEnum
from typing import Literal

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from eyeward.errors import ErrorType, ImageError


class Format(StrEnum):
    """The allow-list."""

    jpeg = "JPEG"
    png = "PNG"
    webp = "WebP"
    gif = "GIF"
    bmp = "BMP"
    tiff = "TIFF"


_MAGIC: tuple[tuple[bytes, Format], ...] = (
    (b"\xff\xd8\xff", Format.jpeg),
    (b"\x89PNG\r\n\x1a\n", Format.png),
    (b"GIF87a", Format.gif),
    (b"GIF89a", Format.gif),
    (b"BM", Format.bmp),
    (b"II*\0", Format.tiff),
    (b"MM\0*", Format.tiff),
    (b"II+\0", Format.tiff),
    (b"MM\0+", Format.tiff),
)

# The plugins are called directly: `Image.open` measures by the process-wide `MAX_IMAGE_PIXELS`, warns, and tries
# whatever formats the host program has registered.
_OPENERS: dict[Format, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    Format.jpeg: JpegImagePlugin.jpeg_factory,
    Format.png: PngImagePlugin.PngImageFile,
    Format.webp: WebPImagePlugin.WebPImageFile,
    Format.gif: GifImagePlugin.GifImageFile,
    Format.bmp: BmpImagePlugin.BmpImageFile,
    Format.tiff: TiffImagePlugin.TiffImageFile,
}


def sniff(name: str, data: bytes) -> Format:
    """Return the format of `data`, whatever the file is called, or raise `ImageError`."""
    for magic, found in _MAGIC:
        if data.startswith(magic):
            return found
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Format.webp
    allowed = ", ".join(Format)
    raise ImageError(ErrorType.unsupported_format, f"{name} is not an image in a format that is read ({allowed}).")


def open_lazily(data: bytes, form: Format) -> ImageFile.ImageFile:
    """Return Pillow's view of `data`; its size is known, its pixels are not decoded yet."""
    return _OPENERS[form](io.BytesIO(data))


def canvas_before_opening(name: str, data: bytes, form: Format) -> tuple[int, int] | None:
    """Return the size (width, height) of the canvas for the formats that cannot be opened unmeasured.

    Raises `ImageError` where the header shows that the file is damaged or cut short.
    """
    if form is Format.gif:
        return _gif_canvas(name, data)
    if form is Format.webp:
        return _webp_canvas(name, data)
    if form is Format.tiff:
        _check_tiff_header(name, data)
    return None


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


def _check_tiff_header(name: str, data: bytes) -> None:
    order: Literal["little", "big"] = "little" if data.startswith(b"II") else "big"
    place = data[8:16] if b"+" in data[2:4] else data[4:8]
    if int.from_bytes(place, order) + 2 > len(data):
        raise _truncated(name)


def _gif_canvas(name: str, data: bytes) -> tuple[int, int]:
    """Walk the blocks (GIF89a specification, sections 15 to 27) and return the screen grown by every frame's extent."""
    if len(data) < 13:
        raise _truncated(name)
    width, height = _little(data, 6, 2), _little(data, 8, 2)
    position = 13 + _colour_table_bytes(data[10])
    frames = 0
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
    if position > len(data):
        raise _truncated(name)
    if not frames:
        raise ImageError(ErrorType.unreadable, f"{name} is a GIF without a picture in it.")
    return width, height


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
