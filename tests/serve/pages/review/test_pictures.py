"""What reviewers see: nothing that can be read before they ask, all that a guard saw after."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from eyeward.images import DecodedImage, decode
from eyeward.serve.pages.review.pictures import blurred, revealed


def encoded(picture: Image.Image, form: str = "PNG", **more: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **more)  # type: ignore[arg-type]
    return file.getvalue()


def decoded(data: bytes) -> DecodedImage:
    image = decode(data)
    assert isinstance(image, DecodedImage)
    return image


def page_of_text(width: int = 480, height: int = 480) -> Image.Image:
    """Black lines of letters on white, a few pixels high each."""
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    for line, top in enumerate(range(4, height - 12, 14)):
        draw.text((4, top), f"line {line}: the quick brown fox jumps over the lazy dog 0123456789" * 2, "black")
    return picture


def grey(data: bytes, size: tuple[int, int]) -> NDArray[np.float64]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("L").resize(size), dtype=np.float64)


def detail(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what is left of a picture without its large shapes."""
    small = Image.fromarray(pixels.astype(np.uint8)).resize((16, 16), Image.Resampling.BOX)
    return pixels - np.asarray(small.resize(pixels.shape[::-1], Image.Resampling.BICUBIC), dtype=np.float64)


def likeness(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the correlation of the fine detail of two pictures; 1 for the same, 0 for strangers."""
    a, b = detail(one).ravel(), detail(other).ravel()
    return float(abs((a * b).sum()) / np.sqrt((a * a).sum() * (b * b).sum() + 1e-9))


def test_letters_are_gone_from_a_blurred_page_and_there_on_a_revealed_one() -> None:
    page = page_of_text()
    image = decoded(encoded(page))
    original = np.asarray(page.convert("L"), dtype=np.float64)
    assert likeness(original, grey(revealed(image), page.size)) > 0.95
    assert likeness(original, grey(blurred(image), page.size)) < 0.1


def test_sharpening_a_blurred_page_brings_no_letters_back() -> None:
    page = page_of_text()
    hidden = grey(blurred(decoded(encoded(page))), page.size)
    original = np.asarray(page.convert("L"), dtype=np.float64)
    spectrum = np.fft.fft2(hidden - hidden.mean())
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(page.width), np.fft.fftfreq(page.height)))
    boosted = np.real(np.fft.ifft2(spectrum * np.minimum(np.exp((frequency * 60) ** 2), 1e4)))
    assert likeness(original, boosted - boosted.min()) < 0.15


def test_a_blurred_picture_holds_at_most_twelve_spots_a_side() -> None:
    noise = np.random.default_rng(5).integers(0, 256, (600, 600, 3), dtype=np.uint8)
    hidden = np.asarray(Image.open(io.BytesIO(blurred(decoded(encoded(Image.fromarray(noise)))))).convert("L"))
    spectrum = np.abs(np.fft.fft2(hidden - hidden.mean())) ** 2
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(hidden.shape[1]), np.fft.fftfreq(hidden.shape[0])))
    fine = spectrum[frequency > 24 / max(hidden.shape)].sum() / spectrum.sum()
    assert fine < 0.02


def test_an_icon_is_not_shown_as_it_is_because_it_is_small() -> None:
    icon = page_of_text(24, 24)
    hidden = grey(blurred(decoded(encoded(icon))), icon.size)
    few = Image.fromarray(hidden.astype(np.uint8)).resize((2, 2), Image.Resampling.BOX)
    smooth = np.asarray(few.resize(icon.size, Image.Resampling.BICUBIC), dtype=np.float64)
    assert np.abs(hidden - smooth).max() < 40
    assert np.ptp(np.asarray(icon.convert("L"))) == 255


def test_only_the_first_frame_stands_behind_a_blurred_picture_and_all_behind_a_revealed_one() -> None:
    colours = ("red", "lime", "blue", "yellow")
    frames = [Image.new("RGB", (60, 40), colour) for colour in colours]
    image = decoded(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100))
    shown = Image.open(io.BytesIO(revealed(image))).convert("RGB")
    found = {tuple(round(value / 255) for value in shown.getpixel(at)) for at in _middles(shown, 2, 2)}  # type: ignore[union-attr]
    assert found == {(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0)}
    hidden = np.asarray(Image.open(io.BytesIO(blurred(image))).convert("RGB"), dtype=np.int64)
    assert (np.abs(hidden - np.array([255, 0, 0])) < 12).all()


def _middles(picture: Image.Image, across: int, down: int) -> list[tuple[int, int]]:
    return [
        (picture.width * (2 * x + 1) // (2 * across), picture.height * (2 * y + 1) // (2 * down))
        for x in range(across)
        for y in range(down)
    ]


def test_nothing_else_of_the_file_is_in_either_picture() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret description"
    data = encoded(page_of_text(), "JPEG", exif=exif, comment=b"a secret comment")
    assert b"secret" in data
    for made in (blurred, revealed):
        assert b"secret" not in made(decoded(data))


def test_a_large_image_is_revealed_in_the_size_of_a_screen() -> None:
    shown = Image.open(io.BytesIO(revealed(decoded(encoded(Image.new("RGB", (4000, 1000), "teal"))))))
    assert shown.size == (1280, 320)
