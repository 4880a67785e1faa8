"""Whatever is handed in, a decoded image or the reason why not comes out; nothing is raised."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from eyeward.errors import ErrorType, ImageError
from eyeward.images.formats import open_lazily, sniff
from eyeward.images.frames import spread
from eyeward.images.hashes import sha256_of_bytes, sha256_of_pixels
from eyeward.images.headers import check_tiff_page, measure
from eyeward.images.limits import Limits
from eyeward.images.pillow_errors import pillow_errors_reported
from eyeward.images.pixels import flatten
from eyeward.images.reading import printable, read_image_file
from eyeward.verdict import Failure, Note

ImageSource = str | Path | bytes | Image.Image | NDArray[Any]
"""A path, encoded bytes, a Pillow image, or an array of height x width (x 1, 3 or 4 channels), uint8."""

_DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Frame:
    """One RGB picture to judge. `index` counts the frames of the source from 0; composites of one frame share it."""

    pixels: Image.Image
    label: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """All pictures of one image that a guard has to see; the worst verdict over them counts."""

    frames: tuple[Frame, ...]
    sha256: str
    notes: tuple[str, ...]
    frames_total: int

    @property
    def frames_judged(self) -> int:
        """How many frames of the source are among `frames`; fewer than `frames_total` makes a Review."""
        return len({frame.index for frame in self.frames})


def decode(source: ImageSource, limits: Limits = _DEFAULT_LIMITS) -> DecodedImage | Failure:
    """Return the pictures of `source`, upright, in RGB, within the limits, or the failure that prevented it."""
    try:
        return _decode(source, limits)
    except ImageError as error:
        return Failure(type=error.type, message=error.message)
    except MemoryError:
        return Failure(type=ErrorType.too_many_pixels, message=f"{_name(source)} does not fit into memory.")
    except Exception as error:
        return Failure(
            type=ErrorType.internal, message=f"{_name(source)} could not be decoded: {type(error).__name__}: {error}."
        )


def _decode(source: ImageSource, limits: Limits) -> DecodedImage:
    name = _name(source)
    if isinstance(source, np.ndarray):
        picture = _picture_of_array(source)
        frames, notes = _frames_of(name, picture, limits, picture.size)
        return _decoded_pixels(frames, notes, 1)
    if isinstance(source, Image.Image):
        return _decode_picture(name, source, limits)
    if isinstance(source, bytes | bytearray | memoryview):
        limits.check_bytes(name, len(source))
        return _decode_bytes(name, bytes(source), limits)
    if isinstance(source, str | Path):
        return _decode_bytes(name, read_image_file(source, limits), limits)
    raise ImageError(
        ErrorType.unsupported_format,
        f"{name} is not an image; pass a path, bytes, a Pillow image or a NumPy array of uint8.",
    )


def _name(source: object) -> str:
    if isinstance(source, str | Path):
        return printable(str(source))
    if isinstance(source, Image.Image | np.ndarray | bytes | bytearray | memoryview):
        return "The image"
    return f"A value of type {type(source).__name__}"


def _decode_bytes(name: str, data: bytes, limits: Limits) -> DecodedImage:
    if not data:
        raise ImageError(ErrorType.unreadable, f"{name} is empty: it has 0 bytes.")
    form = sniff(name, data)
    header = measure(name, data, form)
    if header.canvas is not None:
        limits.check_pixels(name, header.canvas)
    if header.frames is not None:
        limits.check_frames(name, header.frames)
    with pillow_errors_reported(name, form), open_lazily(data, form) as picture:
        frames, notes = _frames_of(name, picture, limits, header.canvas or picture.size, len(data))
        return DecodedImage(frames, sha256_of_bytes(data), notes, _frame_count(picture))


def _decode_picture(name: str, picture: Image.Image, limits: Limits) -> DecodedImage:
    with pillow_errors_reported(name, picture.format or "Pillow"):
        shown = picture.tell()
        try:
            frames, notes = _frames_of(name, picture, limits, picture.size)
            return _decoded_pixels(frames, notes, _frame_count(picture))
        finally:
            if picture.tell() != shown:
                picture.seek(shown)


def _decoded_pixels(frames: tuple[Frame, ...], notes: tuple[str, ...], total: int) -> DecodedImage:
    return DecodedImage(frames, sha256_of_pixels(frame.pixels for frame in frames), notes, total)


def _frame_count(picture: Image.Image) -> int:
    return int(getattr(picture, "n_frames", 1))


def _frames_of(
    name: str, picture: Image.Image, limits: Limits, canvas: tuple[int, int], file_bytes: int | None = None
) -> tuple[tuple[Frame, ...], tuple[str, ...]]:
    total = _frame_count(picture)
    limits.check_frames(name, total)
    chosen = spread(total, limits.max_frames)
    notes: list[Note] = []
    if total > 1:
        notes.append(Note.several_frames)
        if picture.format in ("GIF", "PNG", "WEBP"):  # where a frame is drawn over those before it
            limits.check_animation(name, canvas, total)
    if len(chosen) < total:
        notes.append(Note.frames_sampled)
    frames: list[Frame] = []
    decoded_pixels = 0
    for index in chosen:
        if picture.tell() != index:
            picture.seek(index)
        limits.check_pixels(name, picture.size)
        if isinstance(picture, TiffImageFile) and file_bytes is not None:
            check_tiff_page(name, picture, file_bytes, limits.max_pixels)
        limits.check_decoded(name, decoded_pixels + picture.width * picture.height)
        flat = flatten(picture)
        decoded_pixels += sum(layer.pixels.width * layer.pixels.height for layer in flat.layers)
        place = f"frame {index + 1} of {total}" if total > 1 else ""
        frames.extend(
            Frame(layer.pixels, " ".join(part for part in (place, layer.label) if part), index) for layer in flat.layers
        )
        notes.extend(note for note in flat.notes if note not in notes)
    return tuple(frames), tuple(notes)


def _picture_of_array(array: NDArray[Any]) -> Image.Image:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise ImageError(
            ErrorType.unsupported_format,
            f"The array has shape {array.shape} and type {array.dtype}; "
            "it must be height x width (x 1, 3 or 4 channels) and uint8.",
        )
    return Image.fromarray(np.ascontiguousarray(array[:, :, 0] if channels == 1 and array.ndim == 3 else array))
