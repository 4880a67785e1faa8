"""Lance datasets: fragments are shards, in their order, without what was deleted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eyeward.annotate.export import export
from eyeward.annotate.finished import Finished
from eyeward.annotate.query import answer
from eyeward.annotate.run import annotate
from eyeward.annotate.sources import Kind, open_source
from eyeward.errors import DataError, UsageError
from tests.annotate.world import png, rows
from tests.evaluate.worlds import guard


def table(levels: Sequence[int]) -> Any:
    keys, images = [f"k{level}" for level in levels], [png(level) for level in levels]
    return pa.table({"id": keys, "image": pa.array(images, pa.binary()), "level": list(levels)})


def written(folder: Path, levels: Sequence[int], fragment: int = 3) -> Path:
    lance.write_dataset(table(levels), str(folder), max_rows_per_file=fragment)
    return folder


def test_fragments_are_shards_and_rows_are_items(tmp_path: Path) -> None:
    source = open_source(written(tmp_path / "a.lance", [5, 250, 6, 7, 251]))
    assert (source.kind, [shard.name for shard in source.shards]) == (Kind.lance, ["a-000000", "a-000001"])
    annotate(source, tmp_path / "run", guard())
    found = [(row["shard"], row["index"], row["key"], row["rating"]) for row in rows(tmp_path / "run")]
    assert found == [
        ("a-000000", 0, "k5", "Safe"),
        ("a-000000", 1, "k250", "Unsafe"),
        ("a-000000", 2, "k6", "Safe"),
        ("a-000001", 0, "k7", "Safe"),
        ("a-000001", 1, "k251", "Unsafe"),
    ]
    asked = answer(tmp_path / "run", "select level from annotated where rating = 'Unsafe' order by 1").rows
    assert list(asked) == [(250,), (251,)]
    export(Finished.open(tmp_path / "run"), tmp_path / "out")
    assert pq.read_table(tmp_path / "out" / "a-000000.parquet")["level"].to_pylist() == [5, 6]


def test_rows_that_were_deleted_are_not_there_and_change_the_shard(tmp_path: Path) -> None:
    folder = written(tmp_path / "a.lance", [5, 250, 6, 7])
    before = [shard.identity() for shard in open_source(folder).shards]
    assert [shard.identity() for shard in open_source(folder).shards] == before
    annotate(folder, tmp_path / "run", guard())
    lance.dataset(str(folder)).delete("level = 250")
    first, second = open_source(folder).shards
    assert [item.key for item in first.items()] == ["k5", "k6"]
    assert (first.identity() != before[0], second.identity()) == (True, before[1])
    with pytest.raises(UsageError, match="'a-000000' has changed"):
        annotate(folder, tmp_path / "run", guard())


def test_rows_that_are_added_are_new_shards(tmp_path: Path) -> None:
    folder = written(tmp_path / "data", [5, 6])
    annotate(folder, tmp_path / "run", guard())
    lance.write_dataset(table([7]), str(folder), mode="append")
    annotate(folder, tmp_path / "run", guard())
    assert [row["key"] for row in rows(tmp_path / "run")] == ["k5", "k6", "k7"]


def test_a_folder_that_is_no_lance_is_an_error_of_the_moment(tmp_path: Path) -> None:
    (tmp_path / "a.lance").mkdir()
    with pytest.raises(DataError, match="cannot be read"):
        open_source(tmp_path / "a.lance")
