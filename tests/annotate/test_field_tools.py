"""What is written, by runs and by exports, reads with the tools that everybody has."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import datasets
import duckdb
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import webdataset

from eyeward.annotate.export import export
from eyeward.annotate.finished import Finished
from eyeward.annotate.run import annotate
from tests.annotate.films import film
from tests.annotate.world import DEFAULT, EXEMPT, parquet, pictures, png, rows, samples, tar, troubled
from tests.evaluate.worlds import guard

LEVELS = [5, 250, 6, 251, 7, 8]
SAFE = [5, 6, 7, 8]

# It leaves its files to the garbage collector.
by_webdataset = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    annotate(troubled(tmp_path / "in", 4), tmp_path / "run", guard(), (DEFAULT, EXEMPT))
    return tmp_path / "run"


@pytest.fixture
def film_run(tmp_path: Path) -> Path:
    film(tmp_path / "films" / "a.mp4", [20, 240, 20])
    (tmp_path / "films" / "b.mp4").write_bytes(b"no video")
    annotate(tmp_path / "films", tmp_path / "film_run", guard())
    return tmp_path / "film_run"


def loaded(cache: Path, builder: str, **options: Any) -> Any:
    return datasets.load_dataset(builder, split="train", cache_dir=str(cache), **options)


def exported(source: Path, out: Path) -> Path:
    annotate(source, out / "run", guard())
    export(Finished.open(out / "run"), out / "kept")
    return out / "kept"


@pytest.mark.parametrize("which", ["run", "film_run"])
def test_pyarrow_reads_all_shards_as_one_dataset(which: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(which)
    files = sorted(str(file) for file in folder.glob("*.safety.parquet"))
    table = ds.dataset(files, format="parquet").to_table(filter=ds.field("rating") == "Unsafe")
    assert table.num_rows == sum(row["rating"] == "Unsafe" for row in rows(folder)) > 0


@pytest.mark.parametrize("which", ["run", "film_run"])
def test_hugging_face_datasets_read_it(which: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    folder: Path = request.getfixturevalue(which)
    read = loaded(tmp_path / "cache", "parquet", data_files=str(folder / "*.safety.parquet"))
    assert list(read) == rows(folder)


@pytest.mark.parametrize("which", ["run", "film_run"])
def test_duckdb_reads_it(which: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(which)
    found = duckdb.execute(f"select count(*), max(p_unsafe) from '{folder}/*.safety.parquet'").fetchall()
    assert found == [(len(rows(folder)), max(row["p_unsafe"] or 0.0 for row in rows(folder)))]


@by_webdataset
def test_webdataset_gives_the_same_keys_in_the_same_order(tmp_path: Path) -> None:
    file = tar(tmp_path / "00000.tar", [*samples(0), *samples(1)])
    annotate(file, tmp_path / "run", guard())
    read = webdataset.WebDataset(str(file), shardshuffle=False)
    assert [sample["__key__"] for sample in read] == [row["key"] for row in rows(tmp_path / "run")]
    del read
    gc.collect()


def test_the_lists_of_an_export_read_with_all_of_them(run: Path, tmp_path: Path) -> None:
    export(Finished.open(run), tmp_path / "out", data=False)
    for name in ("kept.parquet", "removed.parquet"):
        file = tmp_path / "out" / name
        listed = pq.read_table(file).to_pylist()
        assert listed
        assert list(loaded(tmp_path / "cache" / name, "parquet", data_files=str(file))) == listed
        keys = duckdb.execute(f"select key from '{file}'").fetchall()
        assert [key for (key,) in keys] == [row["key"] for row in listed]


@by_webdataset
def test_webdataset_reads_the_archives_that_are_kept(tmp_path: Path) -> None:
    kept = exported(tar(tmp_path / "in" / "a.tar", samples(0)), tmp_path)
    read = webdataset.WebDataset(str(kept / "a.tar"), shardshuffle=False).decode("rgb8")
    found = [(sample["__key__"], sample["json"]["level"], int(sample["png"][0, 0, 0])) for sample in read]
    assert found == [(f"00000{n:04}", 37 * n % 256, 37 * n % 256) for n in range(12) if 37 * n % 256 < 128]
    del read
    gc.collect()


def test_tables_that_are_kept_read_with_all_of_them(tmp_path: Path) -> None:
    source = parquet(tmp_path / "in" / "t.parquet", [png(level) for level in LEVELS], level=LEVELS)
    file = exported(source, tmp_path) / "t.parquet"
    assert pq.read_table(file)["level"].to_pylist() == SAFE
    assert duckdb.execute(f"select level from '{file}'").fetchall() == [(level,) for level in SAFE]
    read = loaded(tmp_path / "cache", "parquet", data_files=str(file)).cast_column("image", datasets.Image())
    assert [row["image"].getpixel((0, 0))[0] for row in read] == SAFE


def test_links_that_are_kept_are_a_folder_of_images(tmp_path: Path) -> None:
    kept = exported(pictures(tmp_path / "in", LEVELS), tmp_path)
    read = loaded(tmp_path / "cache", "imagefolder", data_dir=str(kept / "images"))
    assert sorted(row["image"].getpixel((0, 0))[0] for row in read) == SAFE
    assert read.features["label"].names == ["even", "odd"]
