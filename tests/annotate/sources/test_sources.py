"""What a dataset is, told by what lies there."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import fsspec
import pytest

from eyeward.annotate.run import annotate
from eyeward.annotate.sources import Kind, open_source
from eyeward.errors import UsageError
from tests.annotate.world import parquet, pictures, png, rows, samples, tar
from tests.evaluate.worlds import guard


def test_a_folder_of_archives_is_tar_shards_though_tables_lie_beside_them(tmp_path: Path) -> None:
    for shard in (1, 0):
        tar(tmp_path / f"{shard:05}.tar", samples(shard, 2))
        parquet(tmp_path / f"{shard:05}.parquet", [png(1)])
    source = open_source(tmp_path)
    assert (source.kind, [shard.name for shard in source.shards]) == (Kind.tar, ["00000", "00001"])
    assert open_source(tmp_path, Kind.parquet).kind is Kind.parquet


def test_a_folder_of_parquet_is_parquet_without_what_a_run_wrote_beside_it(tmp_path: Path) -> None:
    parquet(tmp_path / "train-0.parquet", [png(1)])
    parquet(tmp_path / "train-0.safety.parquet", [png(1)])
    source = open_source(tmp_path)
    assert (source.kind, [shard.name for shard in source.shards]) == (Kind.parquet, ["train-0"])


def test_a_folder_of_images_is_cut_in_the_order_of_names(tmp_path: Path) -> None:
    pictures(tmp_path, range(5))
    (tmp_path / "notes.txt").write_text("no image")
    parquet(tmp_path / "metadata.parquet", [png(1)])
    source = open_source(str(tmp_path), images_per_shard=2)
    found = [(shard.name, [item.key for item in shard.items()]) for shard in source.shards]
    assert found == [
        ("images-000000", ["even/0000.png", "even/0002.png"]),
        ("images-000001", ["even/0004.png", "odd/0001.png"]),
        ("images-000002", ["odd/0003.png"]),
    ]
    assert source.images_per_shard == 2
    assert next(source.shards[1].items(columns=True)).columns == {"folder": "even"}


def test_images_in_formats_that_are_not_read_are_errors_and_not_passed_over(tmp_path: Path) -> None:
    pictures(tmp_path / "in", [5])
    for name in ("IMG_1.HEIC", "b.avif", "c.jxl", "notes.md"):
        (tmp_path / "in" / name).write_bytes(b"another format")
    (tmp_path / "in" / "false.heic").write_bytes(png(6))
    annotate(tmp_path / "in", tmp_path / "run", guard())
    assert [(row["key"], row["error_type"]) for row in rows(tmp_path / "run")] == [
        ("IMG_1.HEIC", "unsupported_format"),
        ("b.avif", "unsupported_format"),
        ("c.jxl", "unsupported_format"),
        ("even/0000.png", None),
        ("false.heic", None),
    ]


def test_they_tell_what_a_folder_is_where_nothing_else_does_or_beside_videos(tmp_path: Path) -> None:
    parquet(tmp_path / "table" / "a.parquet", [png(1)])
    (tmp_path / "table" / "logo.svg").write_bytes(b"<svg/>")
    assert open_source(tmp_path / "table").kind is Kind.parquet
    for folder in ("alone", "telephone"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.heic").write_bytes(b"x")
    assert open_source(tmp_path / "alone").kind is open_source(tmp_path / "alone" / "a.heic").kind is Kind.images
    (tmp_path / "telephone" / "a.mov").write_bytes(b"x")
    with pytest.raises(UsageError, match="holds loose images and videos"):
        open_source(tmp_path / "telephone")


def test_a_list_names_files_from_its_own_folder_on(tmp_path: Path) -> None:
    pictures(tmp_path, range(2))
    (tmp_path / "list.txt").write_bytes(b"odd/0001.png\r\neven/0000.png\n\nmissing.png\nodd/0001.png")
    (shard,) = open_source(tmp_path / "list.txt").shards
    found = list(shard.items())
    assert [item.key for item in found] == ["odd/0001.png", "even/0000.png", "missing.png", "odd/0001.png"]
    assert found[0].image == tmp_path / "odd" / "0001.png"


def test_a_mark_at_the_head_of_a_list_is_not_part_of_a_path(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfa.png\r\nb.png")
    (shard,) = open_source(tmp_path / "list.txt").shards
    assert list(shard.keys()) == [item.key for item in shard.items()] == ["a.png", "b.png"]
    assert [item.key for item in shard.items(only={1})] == ["b.png"]


def test_files_are_named_by_a_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pictures(tmp_path, range(4)))
    (shard,) = open_source("**/*.png").shards
    assert [item.key for item in shard.items()] == ["even/0000.png", "even/0002.png", "odd/0001.png", "odd/0003.png"]


def test_archives_elsewhere_give_the_same_items(tmp_path: Path) -> None:
    file = tar(tmp_path / "00000.tar", samples(0, 3))
    fsspec.filesystem("memory").pipe("/elsewhere/00000.tar", file.read_bytes())
    here, there = open_source(file).shards[0], open_source("memory://elsewhere").shards[0]
    assert (list(here.items()), here.identity()) == (list(there.items()), there.identity())


def test_a_store_is_not_asked_about_each_of_many_archives(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = fsspec.filesystem("memory")
    for number in range(40):
        memory.pipe(f"/many/{number:03}.tar", b"")
    asked = Counter[str]()
    for method in ("exists", "isdir", "ls"):
        real = getattr(type(memory), method)

        def counted(*given: Any, method: str = method, real: Callable[..., Any] = real, **options: Any) -> Any:
            asked[method] += 1
            return real(*given, **options)

        monkeypatch.setattr(type(memory), method, counted)
    source = open_source("memory://many/{000..039}.tar", Kind.tar)
    assert [shard.name for shard in source.shards] == [f"{number:03}" for number in range(40)]
    assert asked["exists"] + asked["isdir"] < 5
    with pytest.raises(UsageError, match=r"no file or folder 'memory://many/040.tar', .*and 57 more"):
        open_source("memory://many/{000..099}.tar")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "No dataset is named"),
        ([""], "No dataset is named"),
        (["empty"], "There are no images in the folder 'empty'"),
        (["both"], "holds archives and loose images"),
        (["both/0.tar", "table.parquet"], r"several kinds \(parquet, tar\)"),
        (["notes.md"], "cannot be told by its name"),
        (["empty.txt"], "There are no images in 'empty.txt'"),
        (["binary.txt"], "is no list of paths"),
    ],
)
def test_what_is_not_clear_is_refused(
    names: Sequence[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    pictures(tmp_path / "both", [1])
    tar(tmp_path / "both" / "0.tar", samples(0, 1))
    parquet(tmp_path / "table.parquet", [png(1)])
    for name, content in (("notes.md", b"x"), ("empty.txt", b"\n"), ("binary.txt", b"a\0b")):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=said):
        open_source(names)


def test_shards_of_no_images_are_refused(tmp_path: Path) -> None:
    pictures(tmp_path, [1])
    with pytest.raises(UsageError, match="at least one image"):
        open_source(tmp_path, images_per_shard=0)
    with pytest.raises(UsageError, match="none of the kind"):
        open_source(tmp_path, "tar")


def test_the_identity_of_loose_files_changes_with_names_and_sizes(tmp_path: Path) -> None:
    folder = pictures(tmp_path, range(3))
    before = open_source(folder).shards[0].identity()
    assert open_source(folder).shards[0].identity() == before
    (folder / "even" / "0000.png").write_bytes(png(9, 64))
    changed = open_source(folder).shards[0].identity()
    (folder / "even" / "0000.png").rename(folder / "even" / "renamed.png")
    assert len({before, changed, open_source(folder).shards[0].identity()}) == 3


def test_a_folder_that_cannot_be_opened_stands_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(tmp_path, range(2))
    scandir = os.scandir

    def guarded(folder: Path) -> Any:  # the superuser, who may run this, can open every folder
        if folder.name == "odd":
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", guarded)
    found = [item for shard in open_source(tmp_path).shards for item in shard.items()]
    assert [item.key for item in found] == ["even/0000.png", "odd"]
    annotate(tmp_path, tmp_path / "out", guard())
    assert [row["error_type"] for row in rows(tmp_path / "out")] == [None, "unreadable"]
