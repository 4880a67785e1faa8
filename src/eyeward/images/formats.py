"""The formats that are read, told by their first bytes."""

from __future__ import annotations

import io
from collections.abc import Callable
from enum import StrEnum

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


EXTENSIONS = frozenset(
    (".apng", ".bmp", ".dib", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
)
"""What is taken for an image inside a folder or an archive; what it is, its first bytes say."""
UNREAD_EXTENSIONS = frozenset(
    (
        *(".avif", ".avifs", ".heic", ".heics", ".heif", ".hif", ".jxl", ".svg", ".svgz", ".ico", ".psd", ".tga"),
        *(".jp2", ".j2k", ".jpf", ".jpx", ".jpc", ".pbm", ".pgm", ".pnm", ".ppm", ".exr", ".hdr", ".dds", ".qoi"),
    )
)
"""Images in formats that are not read. Where nothing may be passed over they are tried, and are errors."""

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
