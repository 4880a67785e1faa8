"""Images are decoded ahead of the engine, in order, and not more of them than was said."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from eyeward.guard import decoding
from eyeward.guard.decoding import DecodedAhead, pixels_of
from eyeward.images import DecodedImage, ImageSource, Limits, decode
from eyeward.verdict import Failure


def picture(number: int) -> np.ndarray:
    return np.full((10, 10, 3), number % 256, dtype=np.uint8)


def png_of(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture(number)).save(buffer, "PNG")
    return buffer.getvalue()


def noisy_png() -> bytes:
    """Return one that takes more than a thousand bytes."""
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (30, 30, 3), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def ahead(items: Iterator[int] | range, count: int = 4, pixels: int = 10**6) -> DecodedAhead[int]:
    return DecodedAhead(items, picture, Limits(), count, pixels)


def test_all_come_in_order_with_their_images() -> None:
    found = [(item, np.asarray(image.frames[0].pixels)[0, 0, 0]) for item, image in ahead(range(50))]  # type: ignore[union-attr]
    assert found == [(number, number) for number in range(50)]


def test_what_cannot_be_decoded_is_a_failure_in_its_place() -> None:
    broken = DecodedAhead(range(5), lambda item: b"no image" if item == 2 else picture(item), Limits(), 2, 10**6)
    assert [isinstance(image, Failure) for _, image in broken] == [False, False, True, False, False]


def test_items_are_taken_in_the_thread_of_the_consumer_and_a_few_at_a_time() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(20):
            assert threading.current_thread() is threading.main_thread()
            taken.append(number)
            yield number

    for item, _ in ahead(items(), count=3):
        assert max(taken) <= item + 4
    assert len(taken) == 20


def test_no_more_pixels_wait_than_the_bound_and_one_image_for_each_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []

    def counted(source: ImageSource, limits: Limits) -> DecodedImage | Failure:
        decoded.append(1)
        return decode(source, limits)

    monkeypatch.setattr(decoding, "decode", counted)
    for number, _ in enumerate(ahead(range(30), count=25, pixels=300)):
        time.sleep(0.005)
        assert len(decoded) <= number + 1 + 3 + decoding.WORKERS
    assert len(decoded) == 30


def test_an_image_larger_than_the_bound_does_not_stop_the_others() -> None:
    assert len(list(ahead(range(10), count=5, pixels=1))) == 10


def test_a_consumer_who_stops_early_is_not_kept_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []

    def counted(source: ImageSource, limits: Limits) -> DecodedImage | Failure:
        decoded.append(1)
        return decode(source, limits)

    monkeypatch.setattr(decoding, "decode", counted)
    for item, _ in ahead(range(10_000), count=500, pixels=100):
        if item == 1:
            break
    assert len(decoded) < 20
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("eyeward-decode")]


def test_pixels_are_those_of_all_frames() -> None:
    whole = decode(picture(1), Limits())
    assert pixels_of(whole) == 100
    assert pixels_of(decode(b"no image", Limits())) == 0


def test_items_in_a_row_with_the_same_bytes_are_decoded_once_and_pictures_that_may_change_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoded: list[ImageSource] = []

    def counted(source: ImageSource, limits: Limits) -> DecodedImage | Failure:
        decoded.append(source)
        return decode(source, limits)

    monkeypatch.setattr(decoding, "decode", counted)
    a, b, changing = b"no image", b"nor this", picture(7)
    sources: list[ImageSource] = [a, a, a, b, a, changing, changing]
    found = list(DecodedAhead(range(7), lambda item: sources[item], Limits(), 3, 300))
    assert [item for item, _ in found] == list(range(7))
    assert [source if isinstance(source, bytes) else "picture" for source in decoded] == [a, b, a, "picture", "picture"]


def test_pixels_that_are_shared_count_once() -> None:
    encoded = [png_of(number) for number in range(10)]
    ahead_of = DecodedAhead(range(40), lambda item: encoded[item // 4], Limits(), 6, 150)
    assert [item for item, _ in ahead_of] == list(range(40))
    assert ahead_of._held == 0


def test_few_bytes_are_decoded_when_they_are_wanted_by_who_wants_them_and_many_beside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small, large = png_of(3), noisy_png()
    threads: list[tuple[int, bool]] = []
    wanted = 0

    def watched(source: ImageSource, limits: Limits) -> DecodedImage | Failure:
        assert isinstance(source, bytes)
        here = threading.current_thread() is threading.main_thread()
        threads.append((len(source), here))
        if here:
            assert wanted == len(found), "nothing that is decoded here waits"
        return decode(source, limits)

    monkeypatch.setattr(decoding, "decode", watched)
    found: list[int] = []
    sources = [small, large, png_of(5), large, png_of(6)]
    for item, image in DecodedAhead(range(5), lambda item: sources[item], Limits(), 4, 10**6, at_once=500):
        assert isinstance(image, DecodedImage)
        found.append(item)
        wanted += 1
    assert found == list(range(5))
    assert sorted(here for size, here in threads if size <= 500) == [True] * 3
    assert sorted(here for size, here in threads if size > 500) == [False] * 2
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("eyeward-decode")] == []


def test_few_bytes_in_a_row_share_one_decoding_and_hold_up_nobody() -> None:
    small, large = png_of(3), noisy_png()
    sources = [large, small, small, large, small]
    ahead_of = DecodedAhead(range(5), lambda item: sources[item], Limits(), 4, 1, at_once=500)
    images = [image for _, image in ahead_of]
    assert images[1] is images[2]
    assert images[1] is not images[4]
    assert ahead_of._held == 0
