"""Frames of videos: which are taken, when they are shown, and what is an error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eyeward.annotate.footage import Footage
from eyeward.annotate.sources import video
from eyeward.annotate.sources.video import Sampling, Still, stills
from eyeward.errors import ErrorType, ImageError, UsageError
from eyeward.images import Limits
from tests.annotate.films import SIDE, boastful_film, cut_film, film, ghost, sound, turned

DARK_TO_BRIGHT = [12 * number for number in range(21)]
"""Two seconds; each frame tells by its level when it is shown."""


def taken(file: Path, sampling: Sampling | None = None, limits: Limits | None = None) -> list[Still]:
    return list(stills(Footage.of_file(file), sampling or Sampling(), limits or Limits()))


def level(still: Still) -> float:
    return float(np.asarray(still.picture.convert("L")).mean())


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.avi", "a.mkv"])
def test_frames_are_spread_over_the_length_with_the_first_and_the_last(name: str, tmp_path: Path) -> None:
    found = taken(film(tmp_path / name, DARK_TO_BRIGHT), Sampling(frames=5))
    seconds = [still.seconds for still in found]
    assert len(seconds) == 5
    assert [seconds[0], seconds[-1]] == pytest.approx([0.0, 2.0], abs=0.02)
    assert all(0.35 <= after - before <= 0.65 for before, after in zip(seconds, seconds[1:], strict=False))
    assert [level(still) for still in found] == pytest.approx([120 * second for second in seconds], abs=6)
    assert not any(still.is_next for still in found[1:])


def test_a_frame_is_taken_every_so_many_seconds_and_the_last_one(tmp_path: Path) -> None:
    found = taken(film(tmp_path / "a.mp4", DARK_TO_BRIGHT[:-2]), Sampling(frames=None, every=0.5))
    assert [still.seconds for still in found] == pytest.approx([0.0, 0.5, 1.0, 1.5, 1.8], abs=0.001)


def test_of_a_short_video_every_frame_is_taken_and_none_passed_over(tmp_path: Path) -> None:
    found = taken(film(tmp_path / "a.mp4", [10, 20, 30]))
    assert [(still.seconds, still.is_next) for still in found] == [(0.0, True), (0.1, True), (0.2, True)]
    assert len(taken(film(tmp_path / "b.mp4", [10]))) == 1


def test_long_gaps_are_jumped_over_and_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = film(tmp_path / "a.mp4", [number % 200 for number in range(601)])
    decoded = 0
    shown: Callable[..., float] = video._Track._shown

    def counted(self: Any, frame: Any) -> float:
        nonlocal decoded
        decoded += 1
        return shown(self, frame)

    monkeypatch.setattr(video._Track, "_shown", counted)
    found = taken(file, Sampling(frames=4))
    assert [still.seconds for still in found] == pytest.approx([0, 20.1, 40.1, 60], abs=0.2)
    assert [level(still) for still in found] == pytest.approx(
        [round(still.seconds * 10) % 200 for still in found], abs=6
    )
    assert decoded < 200
    monkeypatch.setattr(video, "_SEEK_SECONDS", 100.0)
    decoded = 0
    assert [still.seconds for still in taken(file, Sampling(frames=4))] == [still.seconds for still in found]
    assert decoded == 601


def test_every_track_is_looked_at(tmp_path: Path) -> None:
    found = taken(film(tmp_path / "a.mp4", [10] * 5, [200] * 5), Sampling(frames=2))
    assert [round(level(still), -1) for still in found] == [10, 10, 200, 200]


def refused(file: Path, sampling: Sampling | None = None, limits: Limits | None = None) -> tuple[int, ErrorType, str]:
    """Return how many frames came before the error, and the error."""
    found = 0
    with pytest.raises(ImageError) as problem:
        for _ in stills(Footage.of_file(file), sampling or Sampling(), limits or Limits()):
            found += 1
    return found, problem.value.type, problem.value.message


def test_what_is_no_video_is_an_error_that_says_so(tmp_path: Path) -> None:
    for name, content, kind, said in [
        ("empty.mp4", b"", ErrorType.unreadable, "is empty: it has 0 bytes"),
        ("text.mp4", b"no video" * 500, ErrorType.unsupported_format, "is not a video in a format that is read"),
    ]:
        (tmp_path / name).write_bytes(content)
        found, type, message = refused(tmp_path / name)
        assert (found, type) == (0, kind)
        assert said in message
    whole = film(tmp_path / "whole.mp4", DARK_TO_BRIGHT).read_bytes()
    (tmp_path / "half.mp4").write_bytes(whole[: len(whole) // 2])
    assert refused(tmp_path / "half.mp4")[:2] == (0, ErrorType.unsupported_format)
    assert refused(sound(tmp_path / "sound.mov"))[1:] == (
        ErrorType.unsupported_format,
        f"{tmp_path / 'sound.mov'} holds no video.",
    )


def test_a_video_that_breaks_off_is_an_error_after_the_frames_that_were_good(tmp_path: Path) -> None:
    found, type, message = refused(cut_film(tmp_path / "a.mp4", [number % 200 for number in range(200)]))
    assert 0 < found < 8
    assert (type, "is damaged" in message) == (ErrorType.unreadable, True), message


def test_a_video_that_is_shorter_than_it_promises_is_an_error(tmp_path: Path) -> None:
    found, type, message = refused(boastful_film(tmp_path / "a.avi", [10] * 50, 200))
    assert 0 < found < 8
    assert (type, "breaks off after 5.0 of 20.0 seconds" in message) == (ErrorType.truncated, True), message
    assert taken(boastful_film(tmp_path / "b.avi", [10] * 50, 55)), "headers are not exact"


def test_a_play_list_that_calls_itself_a_video_opens_nothing(tmp_path: Path) -> None:
    other = film(tmp_path / "other.mp4", [10] * 5)
    lists = {
        "hls.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.5,\n{other}\n#EXT-X-ENDLIST\n",
        "concat.mp4": f"ffconcat version 1.0\nfile {other}\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert refused(tmp_path / name)[:2] == (0, ErrorType.unsupported_format)


def test_formats_that_are_not_on_the_list_are_not_read_under_whatever_name(tmp_path: Path) -> None:
    film(tmp_path / "a.nut", [10] * 3).rename(tmp_path / "a.mp4")
    assert refused(tmp_path / "a.mp4")[:2] == (0, ErrorType.unsupported_format)


def test_limits_hold_for_frames_and_for_their_number(tmp_path: Path) -> None:
    file = film(tmp_path / "a.mp4", DARK_TO_BRIGHT)
    assert refused(file, limits=Limits(max_pixels=SIDE * SIDE - 1))[:2] == (0, ErrorType.too_many_pixels)
    every = Sampling(frames=None, every=0.01)
    assert refused(file, every, Limits(max_frames_total=5))[:2] == (5, ErrorType.too_many_pixels)
    assert len(taken(file, every)) == len(DARK_TO_BRIGHT)


@pytest.mark.parametrize(
    ("frames", "every", "said"),
    [
        (None, None, "name one of the two"),
        (8, 1.0, "name one of the two"),
        (1, None, "Two pictures of a video at least"),
        (None, 0.0, "more than 0 seconds apart"),
        (None, float("inf"), "more than 0 seconds apart"),
    ],
)
def test_a_sampling_that_makes_no_sense_is_refused(frames: int | None, every: float | None, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Sampling(frames, every)


def test_a_frame_is_turned_upright(tmp_path: Path) -> None:
    (still,) = taken(turned(tmp_path / "a.mp4"))
    assert still.picture.size == (SIDE, 2 * SIDE)
    levels = np.asarray(still.picture.convert("L")).mean(axis=1)
    assert (levels[:8].mean() > 200, levels[-8:].mean() < 50) == (True, True)


def test_transparent_parts_stay_transparent(tmp_path: Path) -> None:
    (still,) = taken(ghost(tmp_path / "a.mov"))
    assert still.picture.mode == "RGBA"
    assert still.picture.getpixel((0, 0)) == (0, 0, 0, 0)
