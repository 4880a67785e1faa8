"""Nothing hostile or broken raises, and nothing of it becomes a picture to judge."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, WebPImagePlugin

from eyeward.errors import UsageError
from eyeward.images import DecodedImage, Limits, decode
from eyeward.verdict import ErrorType, Failure
from tests.images.encoding import GREEN, RED, animated, encoded, noisy, plain, png_that_claims

WHOLE_FILES = {
    "JPEG": encoded(noisy(), "JPEG"),
    "progressive JPEG": encoded(noisy(), "JPEG", progressive=True),
    "PNG": encoded(noisy(), "PNG"),
    "WebP": encoded(noisy(), "WEBP"),
    "lossless WebP": encoded(noisy(), "WEBP", lossless=True),
    "GIF": encoded(noisy(), "GIF"),
    "BMP": encoded(noisy(), "BMP"),
    "TIFF": encoded(noisy(), "TIFF"),
    "packed TIFF": encoded(noisy(), "TIFF", compression="tiff_lzw"),
}


def failure_of(source: Any, limits: Limits | None = None) -> Failure:
    answer = decode(source) if limits is None else decode(source, limits)
    assert isinstance(answer, Failure)
    assert answer.message.endswith(".")
    return answer


def test_an_empty_file_is_unreadable(tmp_path: Path) -> None:
    file = tmp_path / "empty.png"
    file.touch()
    failure = failure_of(file)
    assert failure.type is ErrorType.unreadable
    assert "empty.png is empty" in failure.message


def test_text_named_png_is_an_unsupported_format(tmp_path: Path) -> None:
    file = tmp_path / "notes.png"
    file.write_text("These are notes, not pixels.")
    failure = failure_of(file)
    assert failure.type is ErrorType.unsupported_format
    assert "JPEG, PNG, WebP, GIF, BMP, TIFF" in failure.message


def test_a_format_outside_the_list_is_refused_although_pillow_reads_it() -> None:
    assert failure_of(encoded(plain(), "ICO")).type is ErrorType.unsupported_format
    assert failure_of(encoded(plain(), "PPM")).type is ErrorType.unsupported_format


@pytest.mark.parametrize("kind", WHOLE_FILES)
def test_a_file_cut_in_half_is_truncated(kind: str) -> None:
    data = WHOLE_FILES[kind]
    assert isinstance(decode(data), DecodedImage)
    assert failure_of(data[: len(data) // 2]).type is ErrorType.truncated


def test_a_png_with_damaged_pixels_fails_though_its_checksums_are_right() -> None:
    whole = WHOLE_FILES["PNG"]
    start = whole.index(b"IDAT")
    end = start + 4 + int.from_bytes(whole[start - 4 : start], "big")
    refused = 0
    for place in range(start + 4, end - 4, 7):
        body = whole[start:place] + b"\xff\xff\xff\xff" + whole[place + 4 : end]
        data = whole[:start] + body + zlib.crc32(body).to_bytes(4, "big") + whole[end + 4 :]
        try:
            Image.open(io.BytesIO(data)).load()
        except OSError:
            failure_of(data)
            refused += 1
    assert refused > 2


@pytest.mark.parametrize("kind", WHOLE_FILES)
@pytest.mark.parametrize("length", [4, 12, 20, 40])
def test_a_file_cut_in_its_header_fails(kind: str, length: int) -> None:
    failure_of(WHOLE_FILES[kind][:length])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF"])
def test_a_truncated_file_fails_although_the_program_told_pillow_to_accept_it(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    data = WHOLE_FILES[kind]
    assert failure_of(data[: len(data) // 2]).type is ErrorType.truncated
    assert ImageFile.LOAD_TRUNCATED_IMAGES, "the program's own setting comes back"


def test_an_animation_whose_last_frame_is_cut_short_is_truncated() -> None:
    data = animated([noisy(), noisy().rotate(180)], "GIF")
    assert failure_of(data[: len(data) - 400]).type is ErrorType.truncated


def gif_that_grows(size: int) -> bytes:
    """Return a GIF of three frames; the last says that it is `size` x `size` pixels, far past the screen."""
    data = bytearray(animated([noisy(), noisy().rotate(180), noisy()], "GIF"))
    extent = data.rindex(b"," + struct.pack("<HHHH", 0, 0, 96, 64))
    data[extent + 5 : extent + 9] = struct.pack("<HH", size, size)
    return bytes(data)


def headers_of_60000_by_60000() -> dict[str, bytes]:
    size = 60_000
    jpeg = bytearray(WHOLE_FILES["JPEG"])
    start_of_frame = jpeg.index(b"\xff\xc0")
    jpeg[start_of_frame + 5 : start_of_frame + 9] = struct.pack(">HH", size, size)
    gif = bytearray(WHOLE_FILES["GIF"])
    gif[6:10] = struct.pack("<HH", size, size)
    bmp = bytearray(WHOLE_FILES["BMP"])
    bmp[18:26] = struct.pack("<ii", size, size)
    tiff = WHOLE_FILES["TIFF"]
    for tag, side in ((256, 96), (257, 64)):
        tiff = tiff.replace(struct.pack("<HHII", tag, 4, 1, side), struct.pack("<HHII", tag, 4, 1, size))
    webp = b"WEBPVP8X" + struct.pack("<I", 10) + b"\0" * 4 + (size - 1).to_bytes(3, "little") * 2
    webp += b"VP8L" + struct.pack("<I", 6) + b"\x2f\0\0\0\0\0"
    return {
        "JPEG": bytes(jpeg),
        "PNG": png_that_claims(size, size),
        "GIF": bytes(gif),
        "GIF whose last frame outgrows its screen": gif_that_grows(size),
        "BMP": bytes(bmp),
        "TIFF": tiff,
        "WebP": b"RIFF" + struct.pack("<I", len(webp)) + webp,
    }


HEADERS = headers_of_60000_by_60000()


@pytest.mark.parametrize("kind", HEADERS)
def test_a_header_of_60000_by_60000_is_refused_without_decoding(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(*_: object) -> None:
        raise AssertionError("a decoder was called")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decoded)
    monkeypatch.setattr(WebPImagePlugin, "WebPImageFile", decoded)
    monkeypatch.setattr("PIL.Image.core.new", decoded)
    monkeypatch.setattr("PIL.Image.core.fill", decoded)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    failure = failure_of(HEADERS[kind])
    assert failure.type is ErrorType.too_many_pixels
    assert "60,000 x 60,000" in failure.message


def test_a_second_page_of_60000_by_60000_is_refused() -> None:
    data = animated([plain(), plain(size=(40, 30))], "TIFF")
    for tag, side in ((256, 40), (257, 30)):
        data = data.replace(struct.pack("<HHII", tag, 4, 1, side), struct.pack("<HHII", tag, 4, 1, 60_000))
    failure = failure_of(data)
    assert failure.type is ErrorType.too_many_pixels
    assert "60,000 x 60,000" in failure.message


def test_a_page_whose_strip_lies_past_the_end_is_truncated() -> None:
    whole = WHOLE_FILES["packed TIFF"]
    strip = struct.pack("<HHII", 273, 4, 1, 8)
    assert strip in whole
    assert failure_of(whole.replace(strip, struct.pack("<HHII", 273, 4, 1, 10**6))).type is ErrorType.truncated


def tiled_tiff(tile_width: int, tile_height: int) -> bytes:
    """Return a 16 x 16 grey picture in one tile, written tag by tag (TIFF 6.0, section 15)."""
    tags = [
        (256, 16),
        (257, 16),
        (258, 8),
        (259, 1),
        (262, 1),
        (322, tile_width),
        (323, tile_height),
        (324, 512),
        (325, 256),
    ]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    return (b"II*\0" + struct.pack("<I", 8) + directory).ljust(512, b"\0") + b"\x80" * 256


def test_a_tile_of_a_page_is_held_to_the_cap_too() -> None:
    assert isinstance(decode(tiled_tiff(16, 16)), DecodedImage)
    assert failure_of(tiled_tiff(60_000, 60_000)).type is ErrorType.too_many_pixels


def test_the_pixel_cap_is_exact() -> None:
    data = encoded(plain(size=(24, 16)), "PNG")
    assert isinstance(decode(data, Limits(max_pixels=24 * 16)), DecodedImage)
    assert failure_of(data, Limits(max_pixels=24 * 16 - 1)).type is ErrorType.too_many_pixels


def test_the_pixel_cap_holds_for_pillow_images_and_arrays() -> None:
    limits = Limits(max_pixels=100)
    assert failure_of(plain(), limits).type is ErrorType.too_many_pixels
    assert failure_of(np.asarray(plain()), limits).type is ErrorType.too_many_pixels


def test_a_lower_limit_that_the_program_gave_pillow_is_an_answer_not_an_exception(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert failure_of(encoded(plain(), "TIFF")).type is ErrorType.too_many_pixels
    assert isinstance(decode(encoded(plain(), "PNG")), DecodedImage)


def test_the_byte_cap_is_exact_for_files_and_bytes(tmp_path: Path) -> None:
    data = encoded(plain(), "PNG")
    file = tmp_path / "a.png"
    file.write_bytes(data)
    for source in (file, str(file), data):
        assert isinstance(decode(source, Limits(max_bytes=len(data))), DecodedImage)
        assert failure_of(source, Limits(max_bytes=len(data) - 1)).type is ErrorType.too_large


def test_a_file_past_the_byte_cap_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "large.png"
    with file.open("wb") as sparse:
        sparse.truncate(10**12)

    def opened(*_: object, **__: object) -> None:
        raise AssertionError("the file was opened")

    monkeypatch.setattr(Path, "open", opened)
    assert failure_of(file).type is ErrorType.too_large


def test_a_file_that_grows_while_it_is_read_is_read_to_one_byte_past_the_cap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "growing.png"
    file.write_bytes(b"\x89PNG")
    asked: list[int] = []

    class Growing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            asked.append(size)
            return b"x" * size

    monkeypatch.setattr(Path, "open", lambda *_, **__: Growing())
    assert failure_of(file, Limits(max_bytes=1000)).type is ErrorType.too_large
    assert asked == [1001]


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    failure = failure_of(tmp_path / "missing.png")
    assert failure.type is ErrorType.not_found
    assert "missing.png does not exist" in failure.message


def test_a_folder_and_a_pipe_are_not_image_files(tmp_path: Path) -> None:
    assert "is a folder" in failure_of(tmp_path).message
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    assert "is a pipe" in failure_of(pipe).message


def test_an_address_is_refused_and_not_looked_for_on_disk() -> None:
    assert failure_of("https://example.org/cat.png").type is ErrorType.fetch_refused


def test_a_name_with_control_characters_is_escaped(tmp_path: Path) -> None:
    message = failure_of(tmp_path / "red\x1b[31m.png").message
    assert "\x1b" not in message
    assert "\\x1b" in message


def test_a_name_with_a_null_byte_is_unreadable() -> None:
    assert failure_of("a\0b.png").type is ErrorType.unreadable


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((8, 8, 3), np.float32),
        np.zeros((3, 8, 8), np.uint8),
        np.zeros((8, 8, 2), np.uint8),
        np.zeros((1, 8, 8, 3), np.uint8),
        np.zeros((8,), np.uint8),
        np.zeros((8, 8), bool),
    ],
)
def test_an_array_of_another_shape_or_type_is_unsupported(array: np.ndarray[Any, Any]) -> None:
    failure = failure_of(array)
    assert failure.type is ErrorType.unsupported_format
    assert str(array.dtype) in failure.message


def test_an_array_or_picture_without_pixels_is_unreadable() -> None:
    assert failure_of(np.zeros((0, 8, 3), np.uint8)).type is ErrorType.unreadable
    assert failure_of(np.zeros((8, 0, 3), np.uint8)).type is ErrorType.unreadable
    assert failure_of(np.zeros((8, 0), np.uint8)).type is ErrorType.unreadable
    assert failure_of(Image.new("RGB", (0, 5))).type is ErrorType.unreadable


def test_a_value_that_is_no_image_at_all_is_a_failure_too() -> None:
    assert "NoneType" in failure_of(None).message
    assert failure_of(42).type is ErrorType.unsupported_format


def test_a_pillow_image_whose_file_was_closed_is_a_failure(tmp_path: Path) -> None:
    file = tmp_path / "a.gif"
    file.write_bytes(animated([plain(GREEN), plain(RED)], "GIF"))
    with Image.open(file) as picture:
        pass
    failure_of(picture)


def test_an_animation_that_would_take_hours_to_decode_is_refused() -> None:
    data = animated([plain(GREEN), plain(RED), plain(GREEN)], "GIF")
    pixels = 24 * 16 * 3
    assert isinstance(decode(data, Limits(max_animation_pixels=pixels)), DecodedImage)
    failure = failure_of(data, Limits(max_animation_pixels=pixels - 1))
    assert failure.type is ErrorType.too_many_pixels
    assert "3 frames" in failure.message


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF", "MPO"])
def test_the_number_of_frames_is_capped(form: str) -> None:
    data = animated([plain(GREEN), plain(RED), plain(GREEN)], form)
    assert isinstance(decode(data, Limits(max_frames_total=3)), DecodedImage)
    failure = failure_of(data, Limits(max_frames_total=2))
    assert failure.type is ErrorType.too_many_pixels
    assert "3 frames" in failure.message


def test_a_million_frames_are_refused_before_pillow_counts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: object) -> None:
        raise AssertionError("Pillow opened the file")

    monkeypatch.setattr(ImageFile.ImageFile, "__init__", opened)
    one = encoded(Image.new("P", (1, 1)), "GIF")
    frame = one[one.index(b"," + b"\0\0\0\0\1\0\1\0") : -1]
    assert "1,000,000 frames" in failure_of(one[:-1] + frame * 999_999 + b";").message
    pages = 20_000
    links = [8 + 6 * page for page in range(1, pages)] + [0]
    chain = b"".join(struct.pack("<HI", 0, link) for link in links)
    assert "20,000 frames" in failure_of(b"II*\0" + struct.pack("<I", 8) + chain).message


def test_a_gif_may_be_padded_a_little_but_not_for_megabytes() -> None:
    data = encoded(plain(), "GIF")
    assert isinstance(decode(data[:-1] + b"\0" * 100 + b";"), DecodedImage)
    assert failure_of(data[:-1] + b"\0" * 10_000 + b";").type is ErrorType.unreadable


def test_pages_that_lead_in_a_circle_come_to_an_end() -> None:
    circle = tiled_tiff(16, 16).replace(
        struct.pack("<HHII", 325, 4, 1, 256) + struct.pack("<I", 0),
        struct.pack("<HHII", 325, 4, 1, 256) + struct.pack("<I", 8),
    )
    answer = decode(circle)
    assert isinstance(answer, DecodedImage)
    assert answer.frames_total == 1


def test_the_cost_of_an_animation_is_counted_on_the_canvas_it_grows_to() -> None:
    failure = failure_of(gif_that_grows(300), Limits(max_animation_pixels=300 * 300 * 3 - 1))
    assert failure.type is ErrorType.too_many_pixels
    assert "3 frames of 300 x 300" in failure.message


def test_the_frames_of_one_image_are_held_to_a_common_cap() -> None:
    data = animated([plain(GREEN), plain(RED)], "TIFF")
    assert isinstance(decode(data, Limits(max_decoded_pixels=24 * 16 * 2)), DecodedImage)
    assert failure_of(data, Limits(max_decoded_pixels=24 * 16 * 2 - 1)).type is ErrorType.too_many_pixels
    clear = [plain(colour).convert("RGBA") for colour in (GREEN, RED)]
    for picture in clear:
        picture.putalpha(100)
    assert (
        failure_of(animated(clear, "TIFF"), Limits(max_decoded_pixels=24 * 16 * 3 - 1)).type
        is ErrorType.too_many_pixels
    )


def test_limits_that_make_no_sense_are_refused() -> None:
    with pytest.raises(UsageError, match="max_pixels must be 1 or more"):
        Limits(max_pixels=0)
    with pytest.raises(UsageError, match="max_frames must be 2 or more"):
        Limits(max_frames=1)


@settings(deadline=None, max_examples=300)
@given(kind=st.sampled_from(sorted(WHOLE_FILES)), changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255))))
@pytest.mark.filterwarnings(
    "ignore"
)  # Pillow warns about damaged EXIF and TIFF tags; an answer has to come all the same
def test_damaged_bytes_never_raise(kind: str, changes: list[tuple[float, int]]) -> None:
    data = bytearray(WHOLE_FILES[kind])
    for place, value in changes:
        data[int(place * (len(data) - 1))] = value
    answer = decode(bytes(data), Limits(max_pixels=10**6))
    assert isinstance(answer, DecodedImage | Failure)


@settings(deadline=None, max_examples=300)
@given(data=st.binary(max_size=200), kind=st.sampled_from(sorted(WHOLE_FILES)), keep=st.integers(0, 64))
@pytest.mark.filterwarnings("ignore")
def test_any_bytes_behind_any_header_never_raise(data: bytes, kind: str, keep: int) -> None:
    answer = decode(WHOLE_FILES[kind][:keep] + data, Limits(max_pixels=10**6))
    assert isinstance(answer, DecodedImage | Failure)
    if isinstance(answer, Failure):
        assert answer.type is not ErrorType.internal
