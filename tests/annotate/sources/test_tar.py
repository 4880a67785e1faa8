"""Shards of WebDataset: keys, several images of a sample, columns, compression, damage."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from eyeward.annotate.item import Item
from eyeward.annotate.sources.tar import TarShard, parts_of
from eyeward.errors import DataError, ErrorType
from eyeward.verdict import Failure
from tests.annotate.world import png, samples, tar


def items(file: Path, columns: bool = False, largest: int = 1 << 20) -> list[Item]:
    return list(TarShard("name", str(file), largest).items(columns))


def failure(item: Item) -> Failure:
    assert isinstance(item.image, Failure)
    return item.image


@pytest.mark.parametrize(
    ("name", "key", "extension"),
    [
        ("000.jpg", "000", "jpg"),
        ("./a/000.JPG", "./a/000", "jpg"),
        ("v1.5/000.left.png", "v1.5/000", "left.png"),
        ("000", "000", ""),
        (".hidden.png", ".hidden.png", "png"),
        ("a/.png", "a/.png", ""),
    ],
)
def test_names_are_parted_as_webdataset_does_and_none_is_passed_over(name: str, key: str, extension: str) -> None:
    assert parts_of(name) == (key, extension)


def test_items_come_in_order_with_the_bytes_of_their_images(tmp_path: Path) -> None:
    members = samples(3)
    found = items(tar(tmp_path / "a.tar", members))
    assert [(item.index, item.key, item.image) for item in found] == [
        (number, name.removesuffix(".png"), content) for number, (name, content) in enumerate(members[::3])
    ]


def test_columns_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    file = tar(tmp_path / "a.tar", [*samples(0, 1), ("b.png", png(1)), ("b.json", b"{broken"), ("b.cls", b"7")])
    assert [dict(item.columns) for item in items(file)] == [{}, {}]
    assert [dict(item.columns) for item in items(file, columns=True)] == [
        {"key": "000000000", "caption": "level 0", "level": 0, "txt": "level 0"},
        {"cls": "7"},
    ]


def test_several_images_of_a_sample_are_several_items_under_their_full_names(tmp_path: Path) -> None:
    found = items(tar(tmp_path / "a.tar", [("a.left.png", png(1)), ("a.json", b"{}"), ("a.right.jpg", png(2))]))
    assert [(item.index, item.key) for item in found] == [(0, "a.left.png"), (1, "a.right.jpg")]


def test_the_same_key_twice_is_two_items_told_apart_by_their_place(tmp_path: Path) -> None:
    apart = [("a.png", png(1)), ("b.png", png(2)), ("a.png", png(3))]
    beside = [("c.png", png(4)), ("c.png", png(5))]
    found = items(tar(tmp_path / "a.tar", [*apart, *beside]))
    assert [(item.index, item.key) for item in found] == [(0, "a"), (1, "b"), (2, "a"), (3, "c"), (4, "c")]
    assert len({item.image for item in found}) == 5


def test_a_sample_without_an_image_is_an_error(tmp_path: Path) -> None:
    (first, second) = items(tar(tmp_path / "a.tar", [("a.json", b"{}"), ("a.npy", b"x"), ("b.png", png(1))]))
    assert failure(first).type is ErrorType.not_found
    assert failure(first).message == "name: a: The sample holds no image and no video (it has json, npy)."
    assert second.key == "b"


def test_images_in_formats_that_are_not_read_are_items_like_all_others(tmp_path: Path) -> None:
    members = [("a.jpg", png(1)), ("a.AVIF", b"x"), ("b.heic", b"y"), ("c.seg.ppm", b"z"), ("c.json", b"{}")]
    shard = TarShard("name", str(tar(tmp_path / "a.tar", members)))
    found = [(item.key, item.image) for item in shard.items()]
    assert found == [("a.jpg", png(1)), ("a.AVIF", b"x"), ("b", b"y"), ("c", b"z")]
    assert list(shard.keys()) == ["a.jpg", "a.AVIF", "b", "c"]


def test_an_image_above_the_limit_is_an_error_and_the_next_one_is_read(tmp_path: Path) -> None:
    file = tar(tmp_path / "a.tar", [("a.png", bytes(5000)), ("b.png", png(1))])
    first, second = items(file, largest=4000)
    assert failure(first).type is ErrorType.too_large
    assert second.image == png(1)


def test_a_cut_archive_ends_with_an_error_named_by_its_place(tmp_path: Path) -> None:
    file = tar(tmp_path / "a.tar", samples(0))
    file.write_bytes(file.read_bytes()[: 6 * 1024])
    *whole, last = items(file)
    assert [item.key for item in whole] == ["000000000", "000000001"]
    assert (last.index, last.key, failure(last).type) == (2, "name@6144", ErrorType.truncated)


@pytest.mark.parametrize("cut", [None, 40])
def test_compressed_archives_are_read_and_cut_ones_are_damaged(cut: int | None, tmp_path: Path) -> None:
    plain = tar(tmp_path / "a.tar", samples(0))
    file = tmp_path / "a.tar.gz"
    packed = gzip.compress(plain.read_bytes(), mtime=0)
    file.write_bytes(packed if cut is None else packed[:-cut])
    found = items(file)
    if cut is None:
        assert found == items(plain)
    else:
        assert failure(found[-1]).type is ErrorType.truncated


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("name", ["b.tar", "b.tar.gz"])
def test_how_an_archive_is_packed_is_told_by_what_it_is_and_damage_in_it_is_an_item(
    pack: Callable[[bytes], bytes], name: str, tmp_path: Path
) -> None:
    plain = tar(tmp_path / "a.tar", samples(0))
    packed = pack(plain.read_bytes())
    (tmp_path / name).write_bytes(packed)
    assert items(tmp_path / name) == items(plain)
    (tmp_path / name).write_bytes(packed[: len(packed) // 2] + bytes(99) + packed[len(packed) // 2 + 99 :])
    damaged = items(tmp_path / name)
    assert failure(damaged[-1]).type is ErrorType.truncated
    assert "breaks off at byte" in failure(damaged[-1]).message


def test_an_archive_that_is_packed_otherwise_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"\x28\xb5\x2f\xfd" + bytes(99))
    with pytest.raises(DataError, match="packed with zstd, which is not read"):
        items(tmp_path / "a.tar")


def test_keys_are_those_of_the_items_and_some_of_these_may_be_asked_for(tmp_path: Path) -> None:
    several = [("x.left.png", png(1)), ("x.right.png", png(2)), ("y.json", b"{}"), ("z.mp4", b"x"), ("z.png", png(3))]
    shard = TarShard("name", str(tar(tmp_path / "a.tar", [*samples(0, 2), *several])))
    every = list(shard.items(columns=True))
    assert list(shard.keys()) == [item.key for item in every]
    assert len(every) == 7
    assert list(shard.items(columns=True, only={0, 3, 6})) == [every[0], every[3], every[6]]


def test_columns_that_make_no_sense_end_nothing(tmp_path: Path) -> None:
    deep = b"[" * 200_000
    (only,) = items(tar(tmp_path / "a.tar", [("a.png", png(1)), ("a.json", deep), ("a.txt", b"x")]), columns=True)
    assert only.columns == {"txt": "x"}


def test_what_calls_itself_compressed_and_is_not_is_one_error(tmp_path: Path) -> None:
    file = tmp_path / "a.tar.gz"
    file.write_bytes(b"no archive")
    (only,) = items(file)
    assert failure(only).type is ErrorType.truncated


def test_keys_that_are_no_text_become_escapes(tmp_path: Path) -> None:
    (only,) = items(tar(tmp_path / "a.tar", [("caf\udce9.png", png(1))]))
    assert only.key == "caf\\xe9"


def test_an_archive_that_cannot_be_opened_is_not_damage_but_an_error_of_the_moment(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        items(tmp_path / "missing.tar")


def test_the_identity_changes_with_the_content_and_not_with_the_time(tmp_path: Path) -> None:
    file = tar(tmp_path / "a.tar", samples(0))
    shard = TarShard("name", str(file))
    before = shard.identity()
    content = file.read_bytes()
    file.write_bytes(content)
    assert shard.identity() == before
    file.write_bytes(content[:-1] + b"x")
    assert shard.identity() != before
    file.write_bytes(content + bytes(512))
    assert shard.identity() != before
