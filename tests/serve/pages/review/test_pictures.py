"""What reviewers see: nothing that can be read before they ask, all that a guard saw after."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from eyeward.images import DecodedImage, decode
from eyeward.serve.pages.review.pictures import blurred, revealed
from tests.serve.pages.review.drawings import encoded, grey, likeness, page_of_text


def decoded(data: bytes) -> DecodedImage:
    image = decode(data)
    assert isinstance(image, DecodedImage)
    return image


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
    for strength in (20.0, 60.0):
        boosted = np.real(np.fft.ifft2(spectrum * np.exp(np.minimum((frequency * strength) ** 2, 9.0))))
        spread = (boosted - boosted.min()) * 255 / np.ptp(boosted)
        assert likeness(original, spread) < 0.15


def test_of_a_board_of_squares_nothing_is_left_unless_they_are_as_large_as_spots() -> None:
    def contrast(squares: int) -> float:
        x, y = np.meshgrid(np.arange(600), np.arange(600))
        board = ((x * squares // 600 + y * squares // 600) % 2 * 255).astype(np.uint8)
        return float(np.ptp(grey(blurred(decoded(encoded(Image.fromarray(board)))), (600, 600))))

    assert contrast(3) > 100
    assert max(contrast(squares) for squares in (16, 20, 24, 32, 40)) < 20


def test_an_icon_is_not_shown_as_it_is_because_it_is_small() -> None:
    icon = page_of_text(24, 24)
    assert np.ptp(np.asarray(icon.convert("L"))) > 200
    hidden = grey(blurred(decoded(encoded(icon))), (240, 240))
    few = Image.fromarray(hidden.astype(np.uint8)).resize((4, 4), Image.Resampling.BOX)
    smooth = np.asarray(few.resize((240, 240), Image.Resampling.BICUBIC), dtype=np.float64)
    assert np.abs(hidden - smooth).max() < 25


def test_only_the_first_frame_stands_behind_a_blurred_picture_and_all_behind_a_revealed_one() -> None:
    colours = ("red", "lime", "blue", "yellow")
    frames = [Image.new("RGB", (60, 40), colour) for colour in colours]
    image = decoded(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100))
    shown = np.asarray(Image.open(io.BytesIO(revealed(image))).convert("RGB"), dtype=np.int64)
    quarters = [shown[y * 40 + 20, x * 60 + 30] // 128 for y in (0, 1) for x in (0, 1)]
    assert {tuple(map(int, quarter)) for quarter in quarters} == {(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0)}
    hidden = np.asarray(Image.open(io.BytesIO(blurred(image))).convert("RGB"), dtype=np.int64)
    assert (np.abs(hidden - np.array([255, 0, 0])) < 12).all()


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
