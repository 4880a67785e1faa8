from __future__ import annotations

import json
from pathlib import Path

import pyarrow
import pyarrow.ipc
import pyarrow.parquet
import pytest

from eyeward.data.importing import parquet
from eyeward.errors import MissingExtra
from eyeward.verdict import NA, Rating
from tests.data.drawn import encoded, picture, write_picture
from tests.data.importing.imports import imported

WEAPONS = "O6: Weapons or Substance Abuse"


def table(count: int, **columns: list[object]) -> pyarrow.Table:
    rows: dict[str, list[object]] = {
        "image": [{"bytes": encoded(picture(number, 48)), "path": f"{number}.png"} for number in range(count)],
        "rating": ["Safe"] * count,
        "category": ["NA"] * count,
    }
    return pyarrow.table({**rows, **columns})


def test_images_inside_parquet_are_taken_with_the_side_that_the_file_is_named_after(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(table(70), tmp_path / "test-00000-of-00001.parquet")
    done = imported(tmp_path, tmp_path.parent / f"{tmp_path.name}-out")
    assert len(done.samples) == 70
    assert {(sample.split, sample.rating, sample.category) for sample in done.samples} == {("test", Rating.Safe, NA)}


def test_a_row_without_an_image_is_named_with_its_number(tmp_path: Path) -> None:
    images: list[object] = [{"bytes": encoded(picture(0)), "path": None}, None, {"bytes": None, "path": None}]
    pyarrow.parquet.write_table(table(3, image=images), tmp_path / "a.parquet")
    done = imported(tmp_path / "a.parquet", tmp_path / "out")
    assert done.reasons == {"no_image": 2}
    assert done.report.discarded[0].examples == ("a.parquet: row 2 has no image.", "a.parquet: row 3 has no image.")


def test_paths_beside_parquet_and_plain_bytes_are_images_too(tmp_path: Path) -> None:
    write_picture(tmp_path / "1.png", 1)
    pyarrow.parquet.write_table(table(1, image=[{"bytes": None, "path": "1.png"}]), tmp_path / "a.parquet")
    pyarrow.parquet.write_table(table(1, image=[encoded(picture(2))]), tmp_path / "b.parquet")
    assert len(imported(tmp_path, tmp_path.parent / f"{tmp_path.name}-out").samples) == 2


def test_a_file_that_is_no_parquet_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(table(2), tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "b.parquet").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "c.parquet").write_bytes(b"")
    (tmp_path / "d.parquet").write_bytes(b"not parquet at all")
    done = imported(tmp_path, tmp_path.parent / f"{tmp_path.name}-out")
    assert len(done.samples) == 2
    assert list(done.reasons) == ["broken_file"]
    assert len(done.report.lost) == 3
    assert {line["place"] for line in done.set_aside} == {"b.parquet", "c.parquet", "d.parquet"}


def test_a_damaged_row_group_costs_its_rows_and_they_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(table(12), file, row_group_size=4, compression="gzip", use_dictionary=False)
    content = bytearray(file.read_bytes())
    column = pyarrow.parquet.ParquetFile(file).metadata.row_group(1).column(0)
    start, size = column.data_page_offset, column.total_compressed_size
    content[start : start + size] = b"\0" * size
    file.write_bytes(content)
    done = imported(file, tmp_path / "out")
    assert len(done.samples) == 8
    assert done.reasons == {"broken_file": 4}
    assert done.report.rows == 12


def save_like_datasets(folder: Path, rows: pyarrow.Table, stream: bool = True) -> None:
    """Write what `Dataset.save_to_disk` writes."""
    folder.mkdir(parents=True)
    file = folder / "data-00000-of-00001.arrow"
    opener = pyarrow.ipc.new_stream if stream else pyarrow.ipc.new_file
    with file.open("wb") as sink, opener(sink, rows.schema) as writer:
        writer.write_table(rows)
    (folder / "state.json").write_text('{"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}')
    (folder / "dataset_info.json").write_text("{}")


@pytest.mark.parametrize("stream", [True, False])
def test_datasets_on_disk_are_read_with_the_names_of_their_classes(tmp_path: Path, stream: bool) -> None:
    features = {"rating": {"names": ["Safe", "Unsafe"], "_type": "ClassLabel"}, "image": {"_type": "Image"}}
    rows = table(3, rating=[0, 1, 1], category=["NA", "O6", "O6"])
    rows = rows.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    save_like_datasets(tmp_path / "saved" / "train", rows.slice(0, 2), stream)
    save_like_datasets(tmp_path / "saved" / "test", rows.slice(2), stream)
    done = imported(tmp_path / "saved", tmp_path / "out")
    assert {(sample.split, sample.rating) for sample in done.samples} == {
        ("train", Rating.Safe),
        ("train", Rating.Unsafe),
        ("test", Rating.Unsafe),
    }


def test_folders_tell_the_side_of_parquet_and_arrow_only_below_the_source(tmp_path: Path) -> None:
    (tmp_path / "set" / "test").mkdir(parents=True)
    pyarrow.parquet.write_table(table(1), tmp_path / "set" / "test" / "a.parquet")
    save_like_datasets(tmp_path / "saved" / "test", table(1))
    for name in ("set", "saved"):
        assert imported(tmp_path / name, tmp_path / f"{name}-whole").report.sides == {"test": 1}
        assert imported(tmp_path / name / "test", tmp_path / f"{name}-side").report.sides == {}


def test_a_cut_arrow_file_is_named(tmp_path: Path) -> None:
    save_like_datasets(tmp_path / "saved", table(40))
    file = tmp_path / "saved" / "data-00000-of-00001.arrow"
    file.write_bytes(file.read_bytes()[:-4000])
    assert list(imported(tmp_path / "saved", tmp_path / "out").reasons) == ["broken_file"]


def test_parquet_without_pyarrow_says_which_extra_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(MissingExtra, match=r"eyeward\[data\]"):
        list(parquet.read_parquet(Path("a.parquet")))
