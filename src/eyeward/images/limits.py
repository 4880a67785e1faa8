"""What an image may cost before it is refused."""

from __future__ import annotations

from dataclasses import dataclass, fields

from eyeward.errors import ErrorType, ImageError, UsageError


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps on one image, all positive whole numbers.

    They hold when a program has switched Pillow's own check off, and lie below that check's default, so that it stays
    silent. A program that lowers `PIL.Image.MAX_IMAGE_PIXELS` may see some formats refused earlier.
    """

    max_bytes: int = 64 * 1024 * 1024
    """Size of the encoded file; nothing past it is read."""

    max_pixels: int = 80_000_000
    """Width times height of one picture, checked on the header, before anything is decoded."""

    max_frames: int = 8
    """Pictures judged of an animation or of a file with several pages; at least two, so that the last is among them."""

    max_frames_total: int = 10_000
    """Pictures that an animation or a file with several pages may hold; each costs time, judged or not."""

    max_animation_pixels: int = 2_000_000_000
    """Width times height times frames of an animation whose frames have to be decoded one after the other."""

    max_decoded_pixels: int = 256_000_000
    """Pixels of everything that one image decodes to: all judged frames over all backgrounds, three bytes each."""

    def __post_init__(self) -> None:
        for field in fields(self):
            lowest = 2 if field.name == "max_frames" else 1
            if getattr(self, field.name) < lowest:
                raise UsageError(f"The limit {field.name} must be {lowest} or more, not {getattr(self, field.name)}.")

    def check_bytes(self, name: str, size: int) -> None:
        """Raise `ImageError` if an encoded image of `size` bytes is too large."""
        if size > self.max_bytes:
            raise ImageError(ErrorType.too_large, f"{name} is larger than {self.max_bytes:,} bytes, the limit.")

    def check_pixels(self, name: str, size: tuple[int, int]) -> None:
        """Raise `ImageError` if a picture of `size` (width, height) is empty or has too many pixels."""
        width, height = size
        if width < 1 or height < 1:
            raise ImageError(ErrorType.unreadable, f"{name} has no pixels: its size is {width} x {height}.")
        if width * height > self.max_pixels:
            raise ImageError(
                ErrorType.too_many_pixels,
                f"{name} says it is {width:,} x {height:,} pixels; the limit is {self.max_pixels:,} pixels in all.",
            )

    def check_frames(self, name: str, frames: int) -> None:
        """Raise `ImageError` if an image has too many frames or pages even to walk over."""
        if frames > self.max_frames_total:
            raise ImageError(
                ErrorType.too_many_pixels, f"{name} has {frames:,} frames; the limit is {self.max_frames_total:,}."
            )

    def check_animation(self, name: str, size: tuple[int, int], frames: int) -> None:
        """Raise `ImageError` if decoding every frame of an animation would cost too much."""
        width, height = size
        if width * height * frames > self.max_animation_pixels:
            raise ImageError(
                ErrorType.too_many_pixels,
                f"{name} has {frames:,} frames of {width:,} x {height:,} pixels; "
                f"the limit is {self.max_animation_pixels:,} pixels over all frames.",
            )

    def check_decoded(self, name: str, pixels: int) -> None:
        """Raise `ImageError` if the pictures that one image decodes to have too many pixels together."""
        if pixels > self.max_decoded_pixels:
            raise ImageError(
                ErrorType.too_many_pixels,
                f"{name} decodes to more than {self.max_decoded_pixels:,} pixels over its frames, the limit.",
            )
