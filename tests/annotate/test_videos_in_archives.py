"""Videos inside of archives are judged as files are, beside the images there, and copied whole where they are kept."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from weakref import WeakSet

import fsspec
import pyarrow.parquet as pq
import pytest

from eyeward.annotate.export import export
from eyeward.annotate.exporting import Form
from eyeward.annotate.finished import Finished
from eyeward.annotate.footage import Copy
from eyeward.annotate.query import answer
from eyeward.annotate.run import annotate
from eyeward.annotate.shard_file import FOOTER_KEY
from eyeward.annotate.sources import Kind, open_source
from eyeward.annotate.sources.video import Sampling
from eyeward.errors import DataError, UsageError
from eyeward.images.known import KnownHashes
from tests.annotate.films import cut_film, film
from tests.annotate.world import DEFAULT, EXEMPT, pictures, png, rows, tar, written
from tests.evaluate.worlds import asked, guard

DARK, BRIGHT = 20, 240
EACH = Sampling(frames=None, every=0.1)
Row = dict[str, object]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return a few encoded videos: dark, with a flash, and one that breaks off."""
    folder = tmp_path_factory.mktemp("clips")
    flashed = [BRIGHT if number == 3 else DARK for number in range(6)]
    dark = [DARK + number % 7 for number in range(50)]
    made = {
        "dark": film(folder / "dark.mp4", [DARK] * 6),
        "flash": film(folder / "flash.mp4", flashed),
        "webm": film(folder / "dark.mkv", [DARK + 5] * 6),
        "cut": cut_film(folder / "cut.mp4", dark),
    }
    return {name: file.read_bytes() for name, file in made.items()}


@pytest.fixture
def shard(tmp_path: Path, clips: dict[str, bytes]) -> Path:
    """Return an archive with videos alone, beside an image, several of them, and a broken one."""
    members = [
        ("a.mp4", clips["dark"]),
        ("a.json", b'{"caption": "dark"}'),
        ("b.MP4", clips["flash"]),
        ("b.txt", b"flash"),
        ("c.jpg", png(5)),
        ("c.mp4", clips["dark"]),
        ("d.left.mkv", clips["webm"]),
        ("d.right.mp4", clips["flash"]),
        ("e.png", png(250)),
        ("f.mp4", clips["cut"]),
        ("f.json", b"{}"),
        ("g.mp4", b""),
        ("h.mp4", b"no video" * 99),
    ]
    return tar(tmp_path / "in" / "s.tar", members)


def said(found: Sequence[Row], *columns: str) -> list[tuple[object, ...]]:
    return [tuple(row[column] for column in columns) for row in found]


def test_every_video_and_every_image_of_an_archive_is_a_row_and_the_worst_frame_counts(
    shard: Path, tmp_path: Path, clips: dict[str, bytes]
) -> None:
    source = open_source(shard, sampling=EACH)
    assert (source.kind, source.sampling) == (Kind.tar, EACH)
    annotate(source, tmp_path / "run", guard(), (DEFAULT, EXEMPT))
    every = rows(tmp_path / "run")
    assert [row["policy_name"] for row in every] == ["default", "exempt"] * 10
    found = every[::2]
    assert said(found, "index", "key", "rating", "error_type", "worst_frame_seconds", "frames_judged") == [
        (0, "a", "Safe", None, 0.0, 6),
        (1, "b", "Unsafe", None, 0.3, 6),
        (2, "c.jpg", "Safe", None, None, 1),
        (3, "c.mp4", "Safe", None, 0.0, 6),
        (4, "d.left.mkv", "Safe", None, 0.0, 6),
        (5, "d.right.mp4", "Unsafe", None, 0.3, 6),
        (6, "e", "Unsafe", None, None, 1),
        (7, "f", None, "unreadable", None, 0),
        (8, "g", None, "unreadable", None, 0),
        (9, "h", None, "unsupported_format", None, 0),
    ]
    assert [frame["seconds"] for frame in every[0]["frames"]] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert found[2]["frames"] is None
    assert found[1]["sha256"] == hashlib.sha256(clips["flash"]).hexdigest()
    assert "s: f.mp4" in str(found[7]["error_message"])


def test_an_archive_says_of_each_video_what_a_folder_does(tmp_path: Path, clips: dict[str, bytes]) -> None:
    (tmp_path / "folder").mkdir()
    for name, content in clips.items():
        (tmp_path / "folder" / f"{name}.mp4").write_bytes(content)
    shard = tar(tmp_path / "s.tar", [(f"{name}.mp4", clips[name]) for name in sorted(clips)])
    annotate(tmp_path / "folder", tmp_path / "loose", guard(), explain="unsafe")
    annotate(shard, tmp_path / "packed", guard(), explain="unsafe")
    differs = {"key", "shard", "image", "error_message"}
    loose, packed = (
        [{k: v for k, v in row.items() if k not in differs} for row in rows(tmp_path / at)]
        for at in ("loose", "packed")
    )
    assert packed == loose
    assert [row["rationale"] for row in packed if row["rating"] == "Unsafe"] == ["Because."]


def test_compressed_archives_and_archives_elsewhere_say_the_same(shard: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed" / "s.tar.gz"
    packed.parent.mkdir()
    packed.write_bytes(gzip.compress(shard.read_bytes(), mtime=0))
    fsspec.filesystem("memory").pipe("/clips/s.tar", shard.read_bytes())
    for name, source in (("here", str(shard)), ("packed", str(packed)), ("there", "memory://clips/s.tar")):
        annotate(open_source(source, sampling=EACH), tmp_path / name, guard(), explain="unsafe")
    assert rows(tmp_path / "packed") == rows(tmp_path / "here") == rows(tmp_path / "there")
    assert {row["rating"] for row in rows(tmp_path / "here")} == {"Safe", "Unsafe", None}


def test_an_archive_that_is_cut_inside_of_a_video_says_so_and_the_video_is_not_safe(
    tmp_path: Path, clips: dict[str, bytes]
) -> None:
    shard = tar(tmp_path / "s.tar", [("a.mp4", clips["dark"]), ("b.mp4", clips["webm"])])
    second = 512 + len(clips["dark"]) + -len(clips["dark"]) % 512
    shard.write_bytes(shard.read_bytes()[: second + 512 + 300])
    for name, source in (("plain", shard), ("packed", tmp_path / "p.tar")):
        if source != shard:
            source.write_bytes(gzip.compress(shard.read_bytes()))
        annotate(source, tmp_path / name, guard())
        found = rows(tmp_path / name)
        assert said(found, "rating", "error_type") == [("Safe", None), (None, "truncated"), (None, "truncated")]
        assert [row["key"] for row in found][:2] == ["a", "b"]


@pytest.mark.parametrize(
    ("members", "videos"),
    [
        (["a.json", "a.mp4", "b.jpg"], True),
        (["a.jpg", "a.mp4"], True),
        (["a.jpg", "b.mp4"], False),
        (["a.json", "b.txt"], False),
    ],
)
def test_whether_videos_are_judged_is_told_by_the_first_sample_that_has_something_to_judge(
    members: Sequence[str], videos: bool, tmp_path: Path
) -> None:
    tar(tmp_path / "in" / "s.tar", [(name, b"x") for name in members])
    (tmp_path / "in" / "broken.tar").write_bytes(b"no archive")
    source = open_source(tmp_path / "in")
    assert source.sampling == (Sampling() if videos else None)
    assert open_source(tmp_path / "in", Kind.tar).sampling is None, "it was said"
    for by_kind in (tmp_path / "in", tmp_path / "in" / "s.tar"):
        judged = open_source(by_kind, Kind.video)
        assert (judged.kind, judged.sampling) == (Kind.tar, Sampling())


def test_a_video_in_a_run_about_images_is_an_error_and_its_sample_is_not_kept(
    tmp_path: Path, clips: dict[str, bytes]
) -> None:
    members = [("a.png", png(5)), ("b.png", png(6)), ("b.mp4", clips["flash"]), ("c.mp4", clips["dark"])]
    source = tar(tmp_path / "s.tar", members)
    fake = guard()
    annotate(source, tmp_path / "run", fake)
    found = rows(tmp_path / "run")
    assert said(found, "key", "rating", "error_type") == [
        ("a", "Safe", None),
        ("b.png", "Safe", None),
        ("b.mp4", None, "unsupported_format"),
        ("c", None, "unsupported_format"),
    ]
    assert "--kind video" in found[2]["error_message"]
    assert asked(fake) == 2
    assert "worst_frame_seconds" not in found[0], "columns of images are what they were"
    export(Finished.open(tmp_path / "run"), tmp_path / "out")
    with tarfile.open(tmp_path / "out" / "s.tar") as archive:
        assert archive.getnames() == ["a.png"]


def test_what_is_kept_is_copied_whole_with_all_files_of_its_sample(
    shard: Path, tmp_path: Path, clips: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = tmp_path / "packed" / "s.tar.gz"
    packed.parent.mkdir()
    packed.write_bytes(gzip.compress(shard.read_bytes(), mtime=0))
    monkeypatch.setattr("eyeward.annotate.sources.tar._LARGEST_IN_MEMORY", 500)
    for name, source in (("plain", shard), ("gz", packed)):
        annotate(open_source(source, sampling=EACH), tmp_path / name, guard())
        run = Finished.open(tmp_path / name)
        found = export(run, tmp_path / f"{name}-out")
        assert (found.kept, found.removed) == (3, {"unsafe": 3, "sample": 1, "error": 3})
        with tarfile.open(tmp_path / f"{name}-out" / "s.tar") as archive:
            kept = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
        assert kept == {
            "a.mp4": clips["dark"],
            "a.json": b'{"caption": "dark"}',
            "c.jpg": png(5),
            "c.mp4": clips["dark"],
        }
        removed = pq.read_table(tmp_path / f"{name}-out" / "removed.parquet").to_pylist()
        assert ("d.left.mkv", "sample") in said(removed, "key", "reason")
        for form in (Form.fiftyone, Form.datasets):
            with pytest.raises(UsageError, match=f"Videos are not written as {form}"):
                export(run, tmp_path / "no", form=form)


def test_an_archive_that_is_counted_otherwise_than_it_was_judged_is_not_exported(shard: Path, tmp_path: Path) -> None:
    """As runs of before would have it, that passed over videos beside images."""
    annotate(open_source(shard, sampling=EACH), tmp_path / "run", guard())
    file = tmp_path / "run" / "s.safety.parquet"
    table, proof = pq.read_table(file), pq.read_metadata(file).metadata[FOOTER_KEY]
    keys = ["c" if key == "c.jpg" else key for key in table["key"].to_pylist()]
    otherwise = table.set_column(0, "key", [keys])
    pq.write_table(otherwise.replace_schema_metadata({FOOTER_KEY: proof}), file)
    run = Finished.open(tmp_path / "run")
    with pytest.raises(DataError, match="3 of its images were kept, and 1 of these are found there now"):
        export(run, tmp_path / "out")


def test_the_run_goes_on_and_another_sampling_is_another_run(shard: Path, tmp_path: Path) -> None:
    tar(tmp_path / "in" / "t.tar", [("x.mp4", b"no video")])
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    annotate(tmp_path / "in", whole, guard())
    annotate(open_source(tmp_path / "in"), parts, guard(), rank=1, world_size=2)
    assert len(rows(parts)) == 1
    annotate(tmp_path / "in", parts, guard())
    assert written(parts) == written(whole)
    fake = guard()
    annotate(tmp_path / "in", parts, fake)
    assert asked(fake) == 0
    with pytest.raises(UsageError, match="sampling"):
        annotate(open_source(tmp_path / "in", Kind.tar), parts, guard())


def test_a_video_of_an_archive_that_is_known_by_its_hash_is_not_looked_at(
    tmp_path: Path, clips: dict[str, bytes]
) -> None:
    shard = tar(tmp_path / "s.tar", [("a.mp4", clips["dark"]), ("b.mp4", clips["webm"]), ("c.png", png(7))])
    lists = KnownHashes(frozenset({hashlib.sha256(clips["dark"]).hexdigest(), hashlib.md5(png(7)).hexdigest()}))
    packed = tmp_path / "p.tar"
    packed.write_bytes(gzip.compress(shard.read_bytes()))
    for source in (shard, packed):
        fake = guard()
        annotate(open_source(source, sampling=EACH), tmp_path / source.stem, fake, known=lists)
        assert said(rows(tmp_path / source.stem), "rating", "notes") == [
            ("Unsafe", ["hash_match"]),
            ("Safe", ["several_frames"]),
            ("Unsafe", ["hash_match"]),
        ]
        assert asked(fake) == 6


def test_their_own_columns_can_be_asked_about(shard: Path, tmp_path: Path) -> None:
    annotate(open_source(shard, sampling=EACH), tmp_path / "run", guard())
    asked_for = "select index, caption, list_max([f.p_unsafe for f in frames]) < 0.3 from annotated where key = 'a'"
    assert list(answer(tmp_path / "run", asked_for).rows) == [(0, "dark", True)]


def test_what_cannot_be_done_with_videos_is_refused(shard: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no perceptual hash"):
        annotate(shard, tmp_path / "run", guard(), phash=True)
    pictures(tmp_path / "loose", [1])
    with pytest.raises(UsageError, match="is said of videos"):
        open_source(tmp_path / "loose", sampling=Sampling())


@pytest.mark.parametrize("explain", ["never", "unsafe"])
def test_few_copies_of_videos_wait_at_once(explain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tar(tmp_path / "s.tar", [(f"{number}.mp4", b"no video") for number in range(12)])
    file.write_bytes(gzip.compress(file.read_bytes()))
    alive = WeakSet[Copy]()
    most = 0

    class Counted(Copy):
        def __init__(self) -> None:
            nonlocal most
            super().__init__()
            alive.add(self)
            most = max(most, len(alive))

    monkeypatch.setattr("eyeward.annotate.sources.tar.Copy", Counted)
    monkeypatch.setattr("eyeward.annotate.videos.HELD_AT_ONCE", 2 << 20)
    monkeypatch.setattr("eyeward.annotate.judging.CHUNK_BYTES", 2 << 20)
    annotate(open_source(file), tmp_path / "run", guard(), explain=explain)
    assert len(rows(tmp_path / "run")) == 12
    assert 2 <= most <= 6


@pytest.mark.parametrize("packed", [False, True])
def test_videos_are_not_held_in_memory(packed: bool, tmp_path: Path) -> None:
    large = bytes(range(256)) * (12 << 12)  # 12 MB
    file = tar(tmp_path / "s.tar", [("a.mp4", large), ("b.mp4", large[:-1]), ("c.json", b"{}")])
    if packed:
        file.write_bytes(gzip.compress(file.read_bytes(), 1))
    digest = hashlib.sha256(large).hexdigest()
    del large
    source = open_source(file)
    tracemalloc.start()
    try:
        annotate(source, tmp_path / "run", guard(), explain="unsafe")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert rows(tmp_path / "run")[0]["sha256"] == digest
    assert peak < 8 << 20
