from __future__ import annotations

import builtins
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from eyeward.data.exporting.export import Form
from eyeward.data.exporting.parquet import ParquetSink, features
from eyeward.data.exporting.sink import Item
from eyeward.data.folder import SampleFolder, default_policy
from eyeward.data.sample import Sample, Split
from eyeward.errors import MissingExtra
from eyeward.verdict import NA, Rating
from tests.data.drawn import samples
from tests.data.exporting.exports import augmented_scenes, by_content, exported, labelled, round_trip
from tests.data.importing.imports import imported


def sample(number: int, split: Split | None = Split.TRAIN) -> Sample:
    return Sample(image=f"images/{number}.png", group=f"g{number}", category=NA, rating=Rating.Safe, split=split)


def files(out: Path) -> list[str]:
    return sorted(path.name for path in (out / "data").iterdir())


def noise(folder: Path, count: int, side: int = 128) -> SampleFolder:
    """Write pictures that nothing makes smaller: 48 kB each for a side of 128."""
    numbers = np.random.default_rng(1)
    found = labelled(folder, [sample(number) for number in range(count)])
    for number in range(count):
        levels = numbers.integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(levels).save(folder / f"images/{number}.png", compress_level=0)
    return found


def test_augmented_samples_come_back_the_same_with_policies_changes_and_sides(tmp_path: Path) -> None:
    data = augmented_scenes(tmp_path)
    written = list(data)
    assert any(item.augmented for item in written)
    assert len({item.split for item in written}) == 3
    exported(data, tmp_path / "out", Form.parquet)
    assert round_trip(tmp_path / "out", tmp_path / "again") == by_content(data)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(samples(), min_size=1, max_size=3))
def test_whatever_a_sample_holds_comes_back(tmp_path_factory: pytest.TempPathFactory, drawn: list[Sample]) -> None:
    folder = tmp_path_factory.mktemp("any")
    named = [item.model_copy(update={"image": f"{number}.png"}) for number, item in enumerate(drawn)]
    data = labelled(folder / "in", named)
    exported(data, folder / "out", Form.parquet)
    assert round_trip(folder / "out", folder / "again") == by_content(data)


def test_a_side_has_files_of_its_own_and_no_side_is_a_side(tmp_path: Path) -> None:
    sides = [Split.TRAIN, Split.TRAIN, Split.TEST, None]
    data = labelled(tmp_path / "in", [sample(number, side) for number, side in enumerate(sides)])
    done = exported(data, tmp_path / "out", Form.parquet)
    assert files(tmp_path / "out") == [f"{side}-00000-of-00001.parquet" for side in ("test", "train", "unsplit")]
    assert {side: size.samples for side, size in done.sides.items()} == {"train": 2, "test": 1, "unsplit": 1}
    assert round_trip(tmp_path / "out", tmp_path / "again") == by_content(data)


def test_no_file_is_larger_than_wanted_and_all_rows_are_in_order(tmp_path: Path) -> None:
    data = noise(tmp_path / "in", 20)
    done = exported(data, tmp_path / "out", Form.parquet, shard_bytes=200_000)
    names = files(tmp_path / "out")
    assert names == [f"train-{number:05d}-of-{len(names):05d}.parquet" for number in range(len(names))]
    assert len(names) == 5
    assert max((tmp_path / "out" / "data" / name).stat().st_size for name in names) < 210_000
    assert list(done.sides["train"].files) == [f"data/{name}" for name in names]
    groups = [
        row["group"]
        for name in names
        for row in pyarrow.parquet.read_table(tmp_path / "out" / "data" / name, columns=["group"]).to_pylist()
    ]
    assert groups == [f"g{number}" for number in range(20)]


def test_groups_of_rows_are_small_enough_to_be_looked_at(tmp_path: Path) -> None:
    data = labelled(tmp_path / "in", [sample(number) for number in range(230)])
    exported(data, tmp_path / "out", Form.parquet)
    opened = pyarrow.parquet.ParquetFile(tmp_path / "out" / "data" / "train-00000-of-00001.parquet")
    assert [opened.metadata.row_group(n).num_rows for n in range(opened.num_row_groups)] == [100, 100, 30]


def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    data = noise(tmp_path / "in", 160)
    peaks = []
    for count in (40, 160):
        (tmp_path / f"out{count}").mkdir()
        sink = ParquetSink(tmp_path / f"out{count}", shard_bytes=1_000_000, group_bytes=500_000)
        before = pyarrow.total_allocated_bytes()
        arrow = 0
        tracemalloc.start()
        for item in list(data)[:count]:
            sink.write(Item(item, default_policy(), data.image_of(item)))
            arrow = max(arrow, pyarrow.total_allocated_bytes() - before)
        sink.finish()
        peaks.append((tracemalloc.get_traced_memory()[1], arrow))
        tracemalloc.stop()
    (few, few_arrow), (many, many_arrow) = peaks
    assert many < 1.3 * few
    assert many_arrow < max(1.3 * few_arrow, 2_000_000)


def test_the_schema_says_what_datasets_wants_to_know(tmp_path: Path) -> None:
    exported(labelled(tmp_path / "in", [sample(0)]), tmp_path / "out", Form.parquet)
    schema = pyarrow.parquet.read_schema(tmp_path / "out" / "data" / "train-00000-of-00001.parquet")
    noted = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert noted == features()
    assert noted["image"] == {"_type": "Image"}
    assert list(noted) == schema.names
    assert [field.name for field in schema.field("image").type] == ["bytes", "path"]
    front = yaml.safe_load((tmp_path / "out" / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    described = {entry["name"]: entry for entry in front["dataset_info"]["features"]}
    assert list(described) == schema.names
    assert described["image"]["dtype"] == "image"
    assert described["categories"] == {"name": "categories", "sequence": "string"}


_LOAD = """
import json, sys
import datasets
loaded = datasets.load_dataset(sys.argv[1], cache_dir=sys.argv[2])
first = loaded["train"][0]
bare = datasets.load_dataset("parquet", data_files=sys.argv[1] + "/data/train-*", split="train", cache_dir=sys.argv[2])
streamed = next(iter(datasets.load_dataset(sys.argv[1], split="train", streaming=True, cache_dir=sys.argv[2])))
print(json.dumps({
    "rows": {name: side.num_rows for name, side in loaded.items()},
    "image": type(loaded["train"].features["image"]).__name__,
    "size": first["image"].size,
    "streamed": streamed["image"].size,
    "categories": first["categories"],
    "columns": loaded["train"].column_names,
    "same": bare.features == loaded["train"].features,
}))
"""


def test_datasets_loads_the_folder_with_its_card_sides_and_pictures(tmp_path: Path) -> None:
    data = augmented_scenes(tmp_path)
    done = exported(data, tmp_path / "out", Form.parquet, shard_bytes=20_000)
    assert len(done.sides["train"].files) > 1
    program = [sys.executable, "-c", _LOAD, str(tmp_path / "out"), str(tmp_path / "cache")]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")}
    said = subprocess.run(program, capture_output=True, text=True, check=True, env=environment).stdout
    loaded = json.loads(said.splitlines()[-1])
    assert loaded["rows"] == {side: size.samples for side, size in done.sides.items()}
    assert loaded["image"] == "Image"
    assert loaded["size"] == loaded["streamed"] == [40, 40]
    assert loaded["columns"] == list(features())
    assert loaded["same"], "files alone say the same as the card"
    first = next(item for item in data if item.split is Split.TRAIN)
    assert loaded["categories"] == list(first.categories)


def test_rows_that_were_spoilt_are_named_when_they_are_imported(tmp_path: Path) -> None:
    exported(labelled(tmp_path / "in", [sample(number) for number in range(4)]), tmp_path / "out", Form.parquet)
    file = tmp_path / "out" / "data" / "train-00000-of-00001.parquet"
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(file).to_pylist()
    rows[0]["changes"] = "no json"
    rows[1]["category"] = "O77: Cooking"
    rows[2]["image"] = None
    schema = pyarrow.parquet.read_schema(file)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), file)
    done = imported(tmp_path / "out", tmp_path / "again")
    assert done.reasons == {"unreadable_row": 1, "unknown_category": 1, "no_image": 1}
    assert [item.group for item in done.samples] == ["g3"]


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ModuleNotFoundError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"eyeward\[data\]"):
        ParquetSink(tmp_path)
