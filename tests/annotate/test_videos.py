"""Videos are judged by their frames: one row each, the worst frame counts, and nothing that goes wrong is Safe."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from eyeward.annotate import videos
from eyeward.annotate.cache import VerdictCache
from eyeward.annotate.export import export
from eyeward.annotate.exporting import Form
from eyeward.annotate.finished import Finished
from eyeward.annotate.query import answer
from eyeward.annotate.run import annotate
from eyeward.annotate.sources import Kind, open_source
from eyeward.annotate.sources.video import Sampling
from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.errors import ErrorType, UsageError
from eyeward.images.known import KnownHashes
from eyeward.verdict import Failure
from tests.annotate.films import cut_film, film, ghost
from tests.annotate.world import DEFAULT, EXEMPT, pictures, rows, written
from tests.evaluate.worlds import asked, guard
from tests.fakes import FakeEngine, brightness, by_brightness

DARK, BRIGHT = 20, 240


def flash(file: Path, at: int = 10, frames: int = 21) -> Path:
    """Write a dark video with one bright frame."""
    return film(file, [BRIGHT if number == at else DARK for number in range(frames)])


def test_a_video_has_one_row_under_every_policy_and_its_worst_frame_counts(tmp_path: Path) -> None:
    flash(tmp_path / "in" / "a.mp4")
    film(tmp_path / "in" / "b" / "b.mkv", [DARK] * 21)
    source = open_source(tmp_path / "in", sampling=Sampling(frames=None, every=0.5))
    assert (source.kind, [shard.name for shard in source.shards]) == (Kind.video, ["videos-000000"])
    annotate(source, tmp_path / "out", guard(), (DEFAULT, EXEMPT))
    found = rows(tmp_path / "out")
    assert [(row["key"], row["index"], row["policy_name"]) for row in found] == [
        ("a.mp4", 0, "default"),
        ("a.mp4", 0, "exempt"),
        ("b/b.mkv", 1, "default"),
        ("b/b.mkv", 1, "exempt"),
    ]
    bright, _, dark, _ = found
    assert (bright["rating"], bright["worst_frame_seconds"]) == ("Unsafe", 1.0)
    assert bright["category"] == "O1: Hate, Humiliation, Harassment"
    assert [frame["seconds"] for frame in bright["frames"]] == pytest.approx([0.0, 0.5, 1.0, 1.5, 2.0])
    assert [frame["rating"] for frame in bright["frames"]] == ["Safe", "Safe", "Unsafe", "Safe", "Safe"]
    assert [frame["p_unsafe"] for frame in bright["frames"]] == pytest.approx(
        [20 / 255, 20 / 255, 240 / 255, 20 / 255, 20 / 255], abs=0.03
    )
    assert bright["p_unsafe"] == max(frame["p_unsafe"] for frame in bright["frames"])
    assert (dark["rating"], dark["frames_judged"], dark["notes"]) == ("Safe", 5, ["several_frames", "frames_sampled"])
    assert bright["sha256"] == hashlib.sha256((tmp_path / "in" / "a.mp4").read_bytes()).hexdigest()


def test_the_same_run_writes_the_same_bytes_and_another_sampling_is_another_run(tmp_path: Path) -> None:
    flash(tmp_path / "in" / "a.mp4")
    for out in ("first", "second"):
        annotate(tmp_path / "in", tmp_path / out, guard())
    assert written(tmp_path / "first") == written(tmp_path / "second")
    with pytest.raises(UsageError, match="sampling.frames is 4 and was 8"):
        annotate(open_source(tmp_path / "in", sampling=Sampling(frames=4)), tmp_path / "first", guard())


def test_a_video_that_is_broken_is_a_row_with_its_error(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    (tmp_path / "b.mp4").write_bytes(b"no video")
    flash(tmp_path / "c.mp4")
    annotate(tmp_path, tmp_path / "out", guard())
    found = rows(tmp_path / "out")
    assert [(row["status"], row["rating"], row["error_type"]) for row in found[:2]] == [
        ("error", None, "unreadable"),
        ("error", None, "unsupported_format"),
    ]
    assert found[2]["status"] == "ok"
    assert found[0]["frames"] == []


def test_a_video_that_breaks_off_is_not_safe_but_what_was_seen_to_be_unsafe_is(tmp_path: Path) -> None:
    dark = [DARK + number % 7 for number in range(200)]
    cut_film(tmp_path / "a.mp4", dark)
    cut_film(tmp_path / "b.mp4", [BRIGHT, BRIGHT, *dark[2:]])
    annotate(open_source(tmp_path, sampling=Sampling(frames=None, every=1.0)), tmp_path / "out", guard())
    cut, seen = rows(tmp_path / "out")
    assert (cut["status"], cut["rating"]) == ("error", None)
    assert {frame["rating"] for frame in cut["frames"]} == {"Safe"}
    assert (seen["status"], seen["rating"], seen["worst_frame_seconds"]) == ("ok", "Unsafe", 0.0)


def fails_at_grey(prompt: Prompt) -> RawAnswer:
    """Give no answer about frames that are neither dark nor bright."""
    if 0.3 < brightness(prompt) < 0.5:
        return RawAnswer(error=Failure(type=ErrorType.deadline, message="Too late."))
    return by_brightness(prompt)


def test_an_error_about_one_frame_is_that_of_the_video_unless_another_is_unsafe(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", [DARK, 100, DARK])
    film(tmp_path / "b.mp4", [DARK, 100, BRIGHT])
    film(tmp_path / "c.mp4", [DARK, 100, 140])
    annotate(tmp_path, tmp_path / "out", guard(fails_at_grey, band=(0.5, 0.6), threshold=0.7))
    failed, unsafe, review = rows(tmp_path / "out")
    assert (failed["rating"], failed["error_type"]) == (None, "deadline")
    assert failed["error_message"] == "At 0.1 s: Too late."
    assert [frame["rating"] for frame in failed["frames"]] == ["Safe", None, "Safe"]
    assert (unsafe["rating"], unsafe["frames_judged"]) == ("Unsafe", 2)
    assert (review["rating"], review["error_type"]) == (None, "deadline"), "an error comes before Review"


def test_review_comes_before_safe(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", [DARK, 140, DARK])
    annotate(tmp_path, tmp_path / "out", guard(band=(0.5, 0.6), threshold=0.7))
    (row,) = rows(tmp_path / "out")
    assert (row["rating"], row["review_reason"], row["worst_frame_seconds"]) == ("Review", "band", 0.1)


@pytest.mark.parametrize("explain", ["all", "unsafe"])
def test_the_rationale_is_that_of_the_worst_frame(explain: str, tmp_path: Path) -> None:
    flash(tmp_path / "a.mp4", at=2, frames=5)
    fake = guard()
    annotate(tmp_path, tmp_path / "out", fake, explain=explain)
    (row,) = rows(tmp_path / "out")
    assert (row["rating"], row["rationale"]) == ("Unsafe", "Because.")
    assert isinstance(fake.engine, FakeEngine)
    explained = [brightness(prompt) for call in fake.engine.calls for prompt in call if prompt.explain]
    assert explained == [pytest.approx(BRIGHT / 255, abs=0.03)]


def test_frames_are_judged_as_they_come_and_few_lie_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        film(tmp_path / name, [DARK] * 30)
    annotate(open_source(tmp_path, sampling=Sampling(frames=None, every=0.1)), tmp_path / "whole", guard())
    monkeypatch.setattr(videos, "PIXELS_AT_ONCE", 4 * 32 * 32)
    fake = guard()
    annotate(open_source(tmp_path, sampling=Sampling(frames=None, every=0.1)), tmp_path / "parts", fake)
    assert isinstance(fake.engine, FakeEngine)
    assert asked(fake) == 90
    assert max(map(len, fake.engine.calls)) <= 4
    assert written(tmp_path / "parts") == written(tmp_path / "whole")
    monkeypatch.setattr(videos, "_VIDEOS_AT_ONCE", 1)
    annotate(open_source(tmp_path, sampling=Sampling(frames=None, every=0.1)), tmp_path / "one", guard())
    assert written(tmp_path / "one") == written(tmp_path / "whole")


def test_a_video_that_is_known_by_its_hash_is_not_looked_at(tmp_path: Path) -> None:
    known = film(tmp_path / "a.mp4", [DARK] * 3)
    film(tmp_path / "b.mp4", [DARK + 9] * 3)
    lists = KnownHashes(frozenset({hashlib.md5(known.read_bytes()).hexdigest()}))
    fake = guard()
    annotate(tmp_path, tmp_path / "out", fake, known=lists)
    first, second = rows(tmp_path / "out")
    assert (first["rating"], first["notes"], first["frames"]) == ("Unsafe", ["hash_match"], None)
    assert second["rating"] == "Safe"
    assert asked(fake) == 3


def test_videos_are_named_in_a_list_or_by_a_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    film(Path("in/a.mp4"), [DARK])
    Path("list.txt").write_text("in/a.mp4\nin/missing.mp4\n")
    (by_list,) = open_source("list.txt", Kind.video).shards
    (by_pattern,) = open_source("in/*.mp4").shards
    assert [item.key for item in by_list.items()] == ["in/a.mp4", "in/missing.mp4"]
    assert [item.key for item in by_pattern.items()] == ["in/a.mp4"]
    annotate(open_source("list.txt", Kind.video), "out", guard())
    assert [row["error_type"] for row in rows(Path("out"))] == [None, "not_found"]


def test_what_is_not_clear_or_cannot_be_done_with_videos_is_refused(tmp_path: Path) -> None:
    film(tmp_path / "both" / "a.mp4", [DARK])
    pictures(tmp_path / "both", [1])
    with pytest.raises(UsageError, match="holds loose images and videos; say which are meant: --kind images or --kind"):
        open_source(tmp_path / "both")
    with pytest.raises(UsageError, match="is said of videos"):
        open_source(tmp_path / "both", Kind.images, sampling=Sampling())
    source = open_source(tmp_path / "both", Kind.video)
    with pytest.raises(UsageError, match="no perceptual hash"):
        annotate(source, tmp_path / "out", guard(), phash=True)
    with VerdictCache(tmp_path / "cache") as cache, pytest.raises(UsageError, match="kept in no cache"):
        annotate(source, tmp_path / "out", guard(), cache=cache)


def test_what_is_kept_of_videos_is_links_and_their_frames_can_be_asked_about(tmp_path: Path) -> None:
    flash(tmp_path / "in" / "a.mp4", at=1, frames=3)
    film(tmp_path / "in" / "b.mp4", [DARK] * 3)
    film(tmp_path / "in" / "c.mp4", [DARK, 90, DARK])
    annotate(tmp_path / "in", tmp_path / "run", guard())
    where = "list_max([f.p_unsafe for f in frames]) < 0.3"
    found = export(Finished.open(tmp_path / "run"), tmp_path / "out", where=where)
    assert (found.kept, found.removed) == (1, {"unsafe": 1, "condition": 1})
    assert [link.name for link in (tmp_path / "out" / "videos").iterdir()] == ["b.mp4"]
    assert pq.read_table(tmp_path / "out" / "kept.parquet")["worst_frame_seconds"].to_pylist() == [0.0]
    asked_for = "select key, folder, unnest([f.seconds for f in frames]) from annotated where key = 'b.mp4'"
    assert [row[2] for row in answer(tmp_path / "run", asked_for).rows] == pytest.approx([0.0, 0.1, 0.2])
    with pytest.raises(UsageError, match="Videos are not written as fiftyone"):
        export(Finished.open(tmp_path / "run"), tmp_path / "no", form=Form.fiftyone)


def test_a_transparent_frame_is_judged_over_white_and_black(tmp_path: Path) -> None:
    ghost(tmp_path / "a.mov")
    annotate(tmp_path, tmp_path / "out", guard())
    (row,) = rows(tmp_path / "out")
    assert (row["rating"], row["notes"]) == ("Unsafe", ["alpha_on_white_and_black"])
