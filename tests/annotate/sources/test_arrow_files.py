"""Datasets that `datasets` saved: their files, splits and columns, and what is broken in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eyeward.annotate.export import export
from eyeward.annotate.finished import Finished
from eyeward.annotate.item import Item
from eyeward.annotate.query import answer
from eyeward.annotate.run import annotate
from eyeward.annotate.sources import Kind, open_source
from eyeward.annotate.sources.arrow_files import ArrowShard
from eyeward.errors import DataError, ErrorType, UsageError
from eyeward.verdict import Failure
from tests.annotate.world import png, rows
from tests.evaluate.worlds import guard


def dataset(levels: Sequence[int], **columns: Sequence[Any]) -> Any:
    """Make a dataset with images inside, and beside them something that lies in structs of the same form."""
    kinds = {name: datasets.Value("string") for name in columns}
    other = {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}
    features = datasets.Features({"other": other, "image": datasets.Image(), **kinds})
    images = [{"bytes": png(level), "path": f"{level}.png"} for level in levels]
    others = [{"bytes": b"no image", "path": "a.wav"}] * len(levels)
    return datasets.Dataset.from_dict({"other": others, "image": images, **columns}, features=features)


def batches(file: Path, *parts: Sequence[bytes], form: str = "stream") -> Path:
    """Write an Arrow file by hand."""
    schema = pa.schema([("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())]))])
    make = pa.ipc.new_stream if form == "stream" else pa.ipc.new_file
    with make(str(file), schema) as writer:
        for part in parts:
            images = [{"bytes": content, "path": None} for content in part]
            writer.write_batch(pa.record_batch([pa.array(images, schema.field("image").type)], schema=schema))
    return file


def items(file: Path) -> list[Item]:
    return list(ArrowShard("name", str(file)).items())


def test_the_splits_of_a_saved_dataset_are_read_in_their_order_by_the_column_that_its_features_name(
    tmp_path: Path,
) -> None:
    splits = {"train": dataset([5, 250, 6], id=["a", "b", "c"]), "test": dataset([7], id=["d"])}
    datasets.DatasetDict(splits).save_to_disk(tmp_path / "saved", num_shards={"train": 2, "test": 1})
    (tmp_path / "saved" / "train" / "cache-0123.arrow").write_bytes(b"what a map left behind")
    source = open_source(tmp_path / "saved")
    assert (source.kind, [shard.name for shard in source.shards]) == (
        Kind.arrow,
        ["train/data-00000-of-00002", "train/data-00001-of-00002", "test/data-00000-of-00001"],
    )
    annotate(source, tmp_path / "run", guard())
    found = [(item.key, item.image) for shard in source.shards for item in shard.items()]
    assert found == [("a", png(5)), ("b", png(250)), ("c", png(6)), ("d", png(7))]
    ratings = {row["key"]: row["rating"] for row in rows(tmp_path / "run")}
    assert ratings == {"a": "Safe", "b": "Unsafe", "c": "Safe", "d": "Safe"}


def test_what_is_kept_of_it_is_parquet_with_its_columns_which_can_be_asked_about(tmp_path: Path) -> None:
    dataset([5, 250, 6], caption=["dark", "bright", "grey"]).save_to_disk(tmp_path / "saved")
    annotate(tmp_path / "saved", tmp_path / "run", guard())
    asked = answer(tmp_path / "run", "select caption, rating from annotated order by index").rows
    assert list(asked) == [("dark", "Safe"), ("bright", "Unsafe"), ("grey", "Safe")]
    export(Finished.open(tmp_path / "run"), tmp_path / "out")
    kept = pq.read_table(tmp_path / "out" / "data-00000-of-00001.parquet")
    assert kept["caption"].to_pylist() == ["dark", "grey"]
    read = datasets.Dataset.from_parquet(
        str(tmp_path / "out" / "data-00000-of-00001.parquet"), cache_dir=str(tmp_path / "cache")
    )
    assert isinstance(read.features["image"], datasets.Image)


def test_a_saved_dataset_elsewhere_is_read_as_one_here(tmp_path: Path) -> None:
    dataset([5, 6]).save_to_disk(tmp_path / "saved")
    memory = fsspec.filesystem("memory")
    for file in (tmp_path / "saved").iterdir():
        memory.pipe(f"/arrow/{file.name}", file.read_bytes())
    here, there = open_source(tmp_path / "saved").shards[0], open_source("memory://arrow").shards[0]
    assert (list(here.items()), here.identity()) == (list(there.items()), there.identity())


@pytest.mark.parametrize("form", ["stream", "file"])
def test_both_formats_are_read_and_files_are_named_by_a_pattern(form: str, tmp_path: Path) -> None:
    batches(tmp_path / "a.arrow", [png(1)] * 40, [png(2)], form=form)
    (shard,) = open_source(str(tmp_path / "*.arrow")).shards
    assert [item.image for item in shard.items()] == [png(1)] * 40 + [png(2)]
    assert [item.key for item in shard.items()] == [str(number) for number in range(41)]


def test_where_a_file_breaks_off_is_an_error_and_what_was_before_is_judged(tmp_path: Path) -> None:
    file = batches(tmp_path / "a.arrow", [png(1)] * 3, [png(2)] * 3)
    file.write_bytes(file.read_bytes()[:-250])
    *whole, last = items(file)
    assert [item.image for item in whole] == [png(1)] * 3
    assert (last.index, last.key) == (3, "3")
    assert isinstance(last.image, Failure)
    assert last.image.type is ErrorType.unreadable


@pytest.mark.parametrize("content", [b"", b"no arrow file at all", b"ARROW1"])
def test_a_file_that_is_no_arrow_is_one_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.arrow").write_bytes(content)
    (only,) = items(tmp_path / "a.arrow")
    assert isinstance(only.image, Failure)
    assert only.image.type is ErrorType.unreadable


def test_what_is_not_there_or_makes_no_sense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        items(tmp_path / "missing.arrow")
    for number, text in enumerate(("{}", "[]", "no json", json.dumps({"_data_files": [{"filename": "../a.arrow"}]}))):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "state.json").write_text(text)
        with pytest.raises(UsageError, match="makes no sense. Save it again"):
            open_source(folder)
