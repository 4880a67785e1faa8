"""What is written reads with the tools that everybody has."""

from __future__ import annotations

import gc
from pathlib import Path

import datasets
import duckdb
import pyarrow.dataset as ds
import pytest
import webdataset

from eyeward.annotate.run import annotate
from tests.annotate.world import rows, samples, tar, troubled
from tests.evaluate.worlds import guard


@pytest.fixture
def run(tmp_path: Path) -> Path:
    annotate(troubled(tmp_path / "in", 4), tmp_path / "run", guard())
    return tmp_path / "run"


def test_pyarrow_reads_all_shards_as_one_dataset(run: Path) -> None:
    files = sorted(str(file) for file in run.glob("*.safety.parquet"))
    table = ds.dataset(files, format="parquet").to_table(filter=ds.field("rating") == "Unsafe")
    assert table.num_rows == sum(row["rating"] == "Unsafe" for row in rows(run)) > 0


def test_hugging_face_datasets_read_it(run: Path, tmp_path: Path) -> None:
    read = datasets.load_dataset(
        "parquet", data_files=str(run / "*.safety.parquet"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert [row["key"] for row in read] == [row["key"] for row in rows(run)]


def test_duckdb_reads_it(run: Path) -> None:
    found = duckdb.execute(f"select count(*) from '{run}/*.safety.parquet'").fetchall()
    assert found == [(len(rows(run)),)]


# It leaves its files to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_webdataset_gives_the_same_keys_in_the_same_order(tmp_path: Path) -> None:
    file = tar(tmp_path / "00000.tar", [*samples(0), *samples(1)])
    annotate(file, tmp_path / "run", guard())
    read = webdataset.WebDataset(str(file), shardshuffle=False)
    assert [sample["__key__"] for sample in read] == [row["key"] for row in rows(tmp_path / "run")]
    del read
    gc.collect()
