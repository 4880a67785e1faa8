"""What a guard is shown: every picture in an image, upright, in RGB, with nothing hidden."""

from __future__ import annotations

import hashlib
import struct
import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from eyeward.images import DecodedImage, Limits, decode
from tests.images.encoding import (
    BLUE,
    GREEN,
    PNG_START,
    RED,
    animated,
    close,
    colour_at,
    encoded,
    noisy,
    plain,
    png_chunk,
)


def decoded(source: Any, limits: Limits | None = None) -> DecodedImage:
    answer = decode(source) if limits is None else decode(source, limits)
    assert isinstance(answer, DecodedImage), answer
    for frame in answer.frames:
        assert frame.pixels.mode == "RGB"
        assert not frame.pixels.info
    return answer


def only_picture(source: Any) -> Image.Image:
    answer = decoded(source)
    assert len(answer.frames) == 1
    assert answer.frames_judged == answer.frames_total == 1
    return answer.frames[0].pixels


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_every_format_of_the_list_is_read_from_path_bytes_and_pillow(form: str, tmp_path: Path) -> None:
    data = encoded(plain(RED), form)
    file = tmp_path / "picture.of-any-name"
    file.write_bytes(data)
    with Image.open(file) as opened:
        for source in (file, str(file), data, opened):
            picture = only_picture(source)
            assert picture.size == (24, 16)
            assert close(colour_at(picture, 5, 5), RED)


def test_a_plain_file_has_no_notes_and_no_label() -> None:
    answer = decoded(encoded(plain(), "PNG"))
    assert answer.notes == ()
    assert answer.frames[0].label == ""


def test_the_identity_of_a_file_is_the_sha256_of_its_bytes(tmp_path: Path) -> None:
    data = encoded(plain(), "PNG")
    file = tmp_path / "a.png"
    file.write_bytes(data)
    assert decoded(file).sha256 == decoded(data).sha256 == hashlib.sha256(data).hexdigest()


def test_a_pillow_image_and_an_array_of_the_same_pixels_have_the_same_identity() -> None:
    picture = noisy()
    identity = decoded(picture).sha256
    assert decoded(np.asarray(picture)).sha256 == identity
    assert decoded(np.asfortranarray(np.asarray(picture))).sha256 == identity
    assert decoded(picture.rotate(90, expand=True)).sha256 != identity
    header = b"eyeward-rgb 96 64\n"
    assert identity == hashlib.sha256(header + picture.tobytes()).hexdigest()


def test_arrays_of_one_three_and_four_channels_are_read() -> None:
    grey = np.full((16, 24), 77, np.uint8)
    assert colour_at(only_picture(grey), 0, 0) == (77, 77, 77)
    assert colour_at(only_picture(grey[:, :, np.newaxis]), 0, 0) == (77, 77, 77)
    assert colour_at(only_picture(np.asarray(plain(BLUE))), 0, 0) == BLUE
    with_alpha = np.dstack([np.asarray(plain(BLUE)), np.zeros((16, 24), np.uint8)])
    assert [frame.label for frame in decoded(with_alpha).frames] == ["over white", "over black"]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_picture_turned_by_exif_is_shown_upright(form: str, orientation: int) -> None:
    upright = plain(GREEN, (48, 32))
    upright.paste(RED, (0, 0, 16, 16))
    upright.paste(BLUE, (32, 0, 48, 16))
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    answer = decoded(encoded(stored, form, exif=exif))
    assert answer.notes == (("exif_rotated",) if orientation > 1 else ())
    shown = answer.frames[0].pixels
    assert shown.size == (48, 32)
    assert close(colour_at(shown, 8, 8), RED, 25)
    assert close(colour_at(shown, 40, 8), BLUE, 25)
    assert close(colour_at(shown, 24, 24), GREEN, 25)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_leaves_the_picture_as_it_is_stored() -> None:
    answer = decoded(encoded(plain(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01"))
    assert answer.frames[0].pixels.size == (24, 16)
    assert answer.notes == ()


def hidden_on(background: int) -> Image.Image:
    """Return a picture whose left half can be told from `background` only by its alpha."""
    picture = Image.new("RGBA", (24, 16), (background, background, background, 255))
    picture.paste((background, background, background, 0), (0, 0, 12, 16))
    return picture


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("background", [255, 0])
def test_what_alpha_hides_on_white_or_black_is_seen_over_the_other(form: str, background: int) -> None:
    options = {"lossless": True} if form == "WEBP" else {}
    answer = decoded(encoded(hidden_on(background), form, **options))
    assert [frame.label for frame in answer.frames] == ["over white", "over black"]
    assert answer.notes == ("alpha_on_white_and_black",)
    assert answer.frames_judged == answer.frames_total == 1
    seen = [colour_at(frame.pixels, 3, 3) != colour_at(frame.pixels, 20, 3) for frame in answer.frames]
    assert seen == [background == 0, background == 255]


def test_alpha_without_a_transparent_pixel_gives_one_picture() -> None:
    opaque = plain(RED).convert("RGBA")
    assert colour_at(only_picture(encoded(opaque, "PNG")), 0, 0) == RED


def test_half_transparent_pixels_are_mixed_with_the_background() -> None:
    half = Image.new("RGBA", (4, 4), (200, 100, 0, 128))
    white, black = (colour_at(frame.pixels, 0, 0) for frame in decoded(half).frames)
    assert close(white, (227, 177, 127), 1)
    assert close(black, (100, 50, 0), 1)


@pytest.mark.parametrize("mode", ["LA", "PA", "La", "RGBa"])
def test_every_mode_with_alpha_gives_both_backgrounds(mode: str) -> None:
    source = {"LA": "RGBA", "PA": "RGBA", "La": "LA", "RGBa": "RGBA"}[mode]
    picture = Image.new("RGBA", (8, 8), (90, 90, 90, 255))
    picture.paste((90, 90, 90, 0), (0, 0, 4, 8))
    white, black = (frame.pixels for frame in decoded(picture.convert(source).convert(mode)).frames)
    assert (colour_at(white, 0, 0), colour_at(black, 0, 0)) == ((255, 255, 255), (0, 0, 0))
    assert close(colour_at(white, 7, 7), (90, 90, 90)) and close(colour_at(black, 7, 7), (90, 90, 90))


@pytest.mark.parametrize("transparency", [1, b"\xff\x00\x80"])
def test_a_palette_with_transparency_gives_both_backgrounds(transparency: int | bytes) -> None:
    picture = Image.new("P", (24, 16), 0)
    picture.putpalette([*GREEN, *RED, *BLUE])
    picture.paste(1, (0, 0, 12, 16))
    white, black = decoded(encoded(picture, "PNG", transparency=transparency)).frames
    assert colour_at(white.pixels, 3, 3) == (255, 255, 255)
    assert colour_at(black.pixels, 3, 3) == (0, 0, 0)
    assert colour_at(white.pixels, 20, 3) == colour_at(black.pixels, 20, 3) == GREEN


def test_a_transparent_colour_of_an_rgb_png_gives_both_backgrounds() -> None:
    picture = plain(GREEN)
    picture.paste(RED, (0, 0, 12, 16))
    white, black = decoded(encoded(picture, "PNG", transparency=RED)).frames
    assert colour_at(white.pixels, 3, 3) == (255, 255, 255)
    assert colour_at(black.pixels, 3, 3) == (0, 0, 0)


def test_a_transparent_colour_of_16_bits_gives_both_backgrounds() -> None:
    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    clear, opaque = (0xFFFF, 0x1234, 0), (0, 0xFFFF, 0)
    row = zlib.compress(b"\0" + struct.pack(">6H", *clear, *opaque))
    chunks = [(b"IHDR", header), (b"tRNS", struct.pack(">3H", *clear)), (b"IDAT", row), (b"IEND", b"")]
    white, black = decoded(PNG_START + b"".join(png_chunk(*chunk) for chunk in chunks)).frames
    assert [colour_at(white.pixels, x, 0) for x in range(2)] == [(255, 255, 255), (0, 255, 0)]
    assert [colour_at(black.pixels, x, 0) for x in range(2)] == [(0, 0, 0), (0, 255, 0)]


def test_a_palette_without_transparency_is_one_picture() -> None:
    assert colour_at(only_picture(encoded(plain(RED).quantize(4), "PNG")), 0, 0) == RED


def test_cmyk_is_shown_in_its_colours() -> None:
    answer = decoded(encoded(plain(RED).convert("CMYK"), "JPEG", quality=95))
    assert close(colour_at(answer.frames[0].pixels, 5, 5), RED)
    assert answer.notes == ("converted_cmyk",)


@pytest.mark.parametrize("mode", ["1", "L", "YCbCr", "HSV", "LAB", "RGBX"])
def test_the_other_modes_are_read(mode: str) -> None:
    assert close(colour_at(only_picture(Image.new("RGB", (8, 8), "white").convert(mode)), 3, 3), (255, 255, 255), 2)


def wide(values: list[int], mode: str = "I;16") -> Image.Image:
    return Image.fromarray(np.array([values] * 4, np.uint16)).convert(mode)


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_16_bits_are_scaled_not_clipped(form: str) -> None:
    answer = decoded(encoded(wide([0, 257, 32896, 65535]), form))
    assert [colour_at(answer.frames[0].pixels, x, 0)[0] for x in range(4)] == [0, 1, 128, 255]
    assert answer.notes == ("reduced_to_8_bit",)
    assert len(answer.frames) == 1


def test_16_bits_that_use_a_corner_of_their_range_are_shown_stretched_too() -> None:
    answer = decoded(encoded(wide([0, 100, 200, 400]), "PNG"))
    assert [frame.label for frame in answer.frames] == ["", "with tones stretched"]
    assert [colour_at(answer.frames[0].pixels, x, 0)[0] for x in range(4)] == [0, 0, 1, 2]
    assert [colour_at(answer.frames[1].pixels, x, 0)[0] for x in range(4)] == [0, 64, 128, 255]


def test_a_transparent_tone_of_a_16_bit_png_gives_both_backgrounds() -> None:
    answer = decoded(encoded(wide([0, 20000, 40000, 65535]), "PNG", transparency=20000))
    assert [frame.label for frame in answer.frames] == ["over white", "over black"]
    assert [colour_at(frame.pixels, 1, 0)[0] for frame in answer.frames] == [255, 0]
    assert [colour_at(frame.pixels, 2, 0)[0] for frame in answer.frames] == [156, 156]


def test_whole_and_floating_numbers_of_32_bits_are_scaled_by_what_they_hold() -> None:
    def tones(values: list[float], kind: type[np.int32] | type[np.float32]) -> list[int]:
        picture = only_picture(Image.fromarray(np.array([values] * 4, kind)))
        return [colour_at(picture, x, 0)[0] for x in range(len(values))]

    assert tones([0, 128, 255], np.int32) == [0, 128, 255]
    assert tones([0, 32896, 65535], np.int32) == [0, 128, 255]
    assert tones([-100, 0, 100], np.int32) == [0, 128, 255]
    assert tones([0.0, 0.5, 1.0], np.float32) == [0, 128, 255]
    assert tones([float("nan"), 0.5, 1.0], np.float32) == [0, 128, 255]
    assert tones([0.0, 128.0, 255.0], np.float32) == [0, 128, 255]


def test_16_bits_stored_with_white_as_zero_are_not_shown_as_a_negative() -> None:
    data = encoded(wide([0, 65535, 65535, 65535]), "TIFF")
    photometric = b"\x06\x01\x03\x00\x01\x00\x00\x00"
    assert photometric + b"\x01\x00" in data
    turned = data.replace(photometric + b"\x01\x00", photometric + b"\x00\x00")
    assert [colour_at(only_picture(turned), x, 0)[0] for x in range(2)] == [255, 0]


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
@pytest.mark.parametrize("count", [2, 5, 8, 9, 30])
def test_the_last_frame_is_always_judged(form: str, count: int) -> None:
    pictures = [plain((0, 200, 2 * number)) for number in range(count - 1)] + [plain(RED)]
    answer = decoded(animated(pictures, form, **({"lossless": True} if form == "WEBP" else {})))
    assert answer.frames_total == count
    assert answer.frames_judged == len(answer.frames) == min(count, 8)
    assert close(colour_at(answer.frames[-1].pixels, 5, 5), RED, 20)
    assert not any(close(colour_at(frame.pixels, 5, 5), RED, 20) for frame in answer.frames[:-1])
    assert answer.frames[0].label == f"frame 1 of {count}"
    assert answer.frames[-1].label == f"frame {count} of {count}"
    assert answer.notes == (("several_frames", "frames_sampled") if count > 8 else ("several_frames",))


def test_the_second_picture_inside_a_jpeg_is_judged_too() -> None:
    answer = decoded(animated([plain(GREEN), plain(BLUE), plain(RED)], "MPO"))
    assert [frame.label for frame in answer.frames] == ["frame 1 of 3", "frame 2 of 3", "frame 3 of 3"]
    assert close(colour_at(answer.frames[-1].pixels, 5, 5), RED)


def test_the_frames_of_a_long_animation_are_spread_over_its_length() -> None:
    pictures = [plain((0, 200, 5 * number)) for number in range(50)]
    answer = decoded(animated(pictures, "PNG"))
    assert [frame.index for frame in answer.frames] == [0, 7, 14, 21, 28, 35, 42, 49]
    assert [colour_at(frame.pixels, 0, 0)[2] for frame in answer.frames] == [5 * frame.index for frame in answer.frames]


def test_a_frame_that_changes_a_part_is_shown_whole() -> None:
    second = plain(GREEN)
    second.paste(RED, (0, 0, 6, 6))
    answer = decoded(animated([plain(GREEN), second], "GIF"))
    assert close(colour_at(answer.frames[1].pixels, 2, 2), RED)
    assert close(colour_at(answer.frames[1].pixels, 20, 12), GREEN)


def test_pages_of_different_sizes_keep_their_sizes() -> None:
    answer = decoded(animated([plain(size=(24, 16)), plain(RED, (60, 10))], "TIFF"))
    assert [frame.pixels.size for frame in answer.frames] == [(24, 16), (60, 10)]


def test_each_transparent_frame_is_shown_over_both_backgrounds_and_counts_once() -> None:
    clear = Image.new("RGBA", (24, 16), (*RED, 0))
    clear.paste((*GREEN, 255), (0, 0, 12, 16))
    other = Image.new("RGBA", (24, 16), (*RED, 0))
    answer = decoded(animated([clear, other], "WEBP", lossless=True))
    assert [frame.label for frame in answer.frames] == [
        "frame 1 of 2 over white",
        "frame 1 of 2 over black",
        "frame 2 of 2 over white",
        "frame 2 of 2 over black",
    ]
    assert answer.frames_judged == answer.frames_total == 2


def test_a_pillow_animation_is_judged_whole_and_left_where_it_was(tmp_path: Path) -> None:
    file = tmp_path / "a.gif"
    file.write_bytes(animated([plain(GREEN), plain(BLUE), plain(RED)], "GIF"))
    with Image.open(file) as picture:
        picture.seek(1)
        answer = decoded(picture)
        assert picture.tell() == 1
        assert close(colour_at(picture.convert("RGB"), 0, 0), BLUE)
    assert close(colour_at(answer.frames[-1].pixels, 0, 0), RED)


def test_the_source_picture_is_not_changed() -> None:
    picture = hidden_on(255)
    before = picture.tobytes()
    decoded(picture)
    assert picture.mode == "RGBA"
    assert picture.tobytes() == before


def test_many_threads_decode_the_same_and_leave_pillow_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    data = encoded(noisy(), "JPEG")
    answers: list[object] = []

    def work() -> None:
        answers.extend((decode(data), decode(data[: len(data) // 2])) for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = decoded(data).sha256
    assert len(answers) == 80
    for answer in answers:
        assert isinstance(answer, tuple)
        assert answer[0].sha256 == whole
        assert answer[1].type == "truncated"
    assert ImageFile.LOAD_TRUNCATED_IMAGES
