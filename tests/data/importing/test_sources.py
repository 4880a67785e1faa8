from __future__ import annotations

import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from eyeward.data.folder import SampleWriter
from eyeward.data.importing import sources
from eyeward.data.importing.columns import Columns, shipped_mappings
from eyeward.data.importing.sources import Source
from eyeward.data.sample import Sample, Severity, Split
from eyeward.errors import DataError
from eyeward.policy import Policy
from eyeward.scenes.labels import write_scenes
from eyeward.verdict import NA, Rating
from tests.data.drawn import write_picture
from tests.data.importing.imports import imported, write_jsonl

WEAPONS = "O6: Weapons or Substance Abuse"


def test_a_folder_with_a_csv_beside_its_images(tmp_path: Path) -> None:
    for number in range(3):
        write_picture(tmp_path / "pictures" / f"{number}.png", number)
    lines = ["file_name;rating;category;severity", "pictures/0.png;Unsafe;O6;Highly Unsafe", "pictures/1.png;Safe;NA;"]
    lines += ["pictures/2.png;Safe;NA;Generally Safe;too much", ";Safe;NA;"]
    (tmp_path / "metadata.csv").write_text("\ufeff" + "\n".join(lines) + "\n", encoding="utf-8")
    done = imported(tmp_path, tmp_path.parent / f"{tmp_path.name}-out")
    assert [sample.severity for sample in done.samples] == [Severity.HIGHLY_UNSAFE, None]
    assert done.reasons == {"unreadable_row": 1, "no_image": 1}


def test_broken_json_lines_cost_themselves_and_a_cut_array_what_is_behind(tmp_path: Path) -> None:
    write_picture(tmp_path / "0.png", 0)
    row = json.dumps({"image": "0.png", "rating": "Safe", "category": "NA"})
    (tmp_path / "a.jsonl").write_text(f"{row}\n{row[:-5]}\n[1]\n", encoding="utf-8")
    assert imported(tmp_path / "a.jsonl", tmp_path / "one").reasons == {"unreadable_row": 2}
    (tmp_path / "b.json").write_text(f"[{row}, {row[:-5]}", encoding="utf-8")
    done = imported(tmp_path / "b.json", tmp_path / "two")
    assert len(done.samples) == 1
    assert done.reasons == {"broken_file": 0}
    assert "behind row 1" in done.report.lost[0]


def test_a_table_beside_parquet_is_named_and_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write_picture(folder / "0.png", 0)
    row: dict[str, object] = {"image": "0.png", "rating": "Safe", "category": "NA"}
    (folder / "data").mkdir()
    inside = {**row, "image": {"bytes": (folder / "0.png").read_bytes()}}
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([inside]), folder / "data" / "a.parquet")
    write_jsonl(folder / "more.jsonl", [row])
    (folder / "dataset_info.json").write_text("{}", encoding="utf-8")
    done = imported(folder, tmp_path / "out")
    assert len(done.samples) == 1
    assert done.reasons == {"file_left_aside": 0}
    assert done.report.lost == (
        "more.jsonl was not read, since .parquet files are there; import it by itself if it has rows.",
    )
    assert imported(folder / "more.jsonl", tmp_path / "itself").reasons == {}


def test_bytes_that_are_no_text_are_a_broken_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"image,rating\n\xff\xfe,Safe\n")
    done = imported(tmp_path / "a.csv", tmp_path / "out")
    assert list(done.reasons) == ["broken_file"]


def test_scenes_are_imported_as_they_are(tmp_path: Path) -> None:
    written = write_scenes(tmp_path / "scenes", 6, 5, size=48)
    done = imported(tmp_path / "scenes", tmp_path / "out")
    there = {sample.group: sample for sample in done.samples}
    for sample in written:
        assert there[sample.group].model_copy(update={"image": sample.image}) == sample


def test_own_labels_keep_their_policies_and_broken_ones_are_named(tmp_path: Path) -> None:
    for number in range(5):
        write_picture(tmp_path / "in" / f"{number}.png", number)
    children = Policy.load("children")
    writer = SampleWriter(tmp_path / "in")
    for number, policy in ((0, None), (1, children)):
        writer.write(Sample(image=f"{number}.png", group="g", category=NA, rating=Rating.Safe, policy=policy))
    writer.finish()
    good = Sample(image="2.png", group="g", category=NA, rating=Rating.Safe)
    with (tmp_path / "in" / "labels.jsonl").open("a", encoding="utf-8") as lines:
        for change in (
            {"rating": "Unsafe"},
            {"category": "O77: Cooking"},
            {"policy": "0" * 64},
            {"unknown": 1},
            {"image": ""},
            {"image": "gone.png"},
        ):
            lines.write(json.dumps({**json.loads(good.to_json()), **change}) + "\n")
    done = imported(tmp_path / "in", tmp_path / "out")
    assert [done.folder.policy_of(sample).name for sample in done.samples] == ["default", "children"]
    assert done.reasons == {
        "unsafe_without_category": 1,
        "unknown_category": 1,
        "unreadable_policy": 1,
        "unreadable_row": 1,
        "no_image": 1,
        "not_found": 1,
    }


def test_an_import_of_an_import_is_the_same(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", 4, 5, size=48)
    first = imported(tmp_path / "scenes", tmp_path / "first")
    assert imported(tmp_path / "first", tmp_path / "second").samples == first.samples


def mapping(tmp_path: Path, text: str) -> Columns:
    (tmp_path / "mapping.yaml").write_text(text, encoding="utf-8")
    return Columns.load(tmp_path / "mapping.yaml")


def test_columns_and_words_are_mapped(tmp_path: Path) -> None:
    for number in range(3):
        write_picture(tmp_path / f"{number}.png", number)
    rows: list[dict[str, object]] = [
        {"pic": "0.png", "flag": 1, "kind": "guns", "rating": "nonsense"},
        {"pic": "1.png", "flag": 0, "kind": "other"},
        {"pic": "2.png", "flag": 0, "kind": "spam"},
    ]
    columns = mapping(
        tmp_path,
        """
        columns: {image: pic, rating: flag, category: kind}
        constants: {annotator: somebody, licence: CC0-1.0}
        words:
          rating: {"1": Unsafe, "0": Safe}
          category: {guns: O6, other: NA, spam: null}
        """,
    )
    file = write_jsonl(tmp_path / "rows.jsonl", rows)
    done = imported(Source(str(file), columns=columns, source="somewhere"), tmp_path / "out")
    assert [(sample.rating, sample.category) for sample in done.samples] == [
        (Rating.Unsafe, WEAPONS),
        (Rating.Safe, NA),
    ]
    assert {(s.annotator, s.licence, s.source) for s in done.samples} == {("somebody", "CC0-1.0", "somewhere")}
    assert done.reasons == {"unknown_category": 1}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("columns: {picture: a}", "'columns.picture' is unknown"),
        ("threshold: {column: a, unsafe_below: 3, safe_above: 2}", "must lie under"),
        ("columns: [", "not YAML"),
    ],
)
def test_a_mapping_that_cannot_be_read_says_where(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(DataError, match=word) as raised:
        mapping(tmp_path, text)
    assert "mapping.yaml" in str(raised.value)


def test_a_mapping_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="smid, unsafebench"):
        Columns.load(tmp_path / "none.yaml")


@pytest.mark.parametrize("name", shipped_mappings())
def test_every_mapping_that_ships_names_categories_of_the_default_policy(name: str) -> None:
    columns = Columns.load(name)
    assert {id for id in columns.words.category.values() if id} <= {*Policy.load("default").ids, "NA"}


def test_moral_ratings_are_split_at_two_thresholds(tmp_path: Path) -> None:
    for number in range(5):
        write_picture(tmp_path / f"{number}.png", number)
    lines = ["img_name,moral_mean,category", "0.png,1.4,O6", "1.png,3.0,", "2.png,4.2,", "3.png,1.1,", "4.png,n/a,"]
    (tmp_path / "norms.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = imported(Source(str(tmp_path / "norms.csv"), columns=Columns.load("smid")), tmp_path / "out")
    assert [(sample.rating, sample.category) for sample in done.samples] == [
        (Rating.Unsafe, WEAPONS),
        (Rating.Safe, NA),
    ]
    assert done.reasons == {"between_thresholds": 1, "unsafe_without_category": 1, "no_label": 1}


def test_a_dataset_of_the_hub_is_downloaded_and_read_like_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_picture(tmp_path / "snapshot" / "a.png", 1)
    write_jsonl(tmp_path / "snapshot" / "test.jsonl", [{"image": "a.png", "rating": "Safe", "category": "NA"}])
    asked: list[tuple[str, str | None]] = []

    def fake(id: str, revision: str | None) -> Path:
        asked.append((id, revision))
        return tmp_path / "snapshot"

    monkeypatch.setattr(sources, "download", fake)
    (sample,) = imported(Source("hub:somebody/images", revision="abc"), tmp_path / "out").samples
    assert asked == [("somebody/images", "abc")]
    assert (sample.split, sample.source) == ("test", "hub:somebody/images")


def safe_rows(folder: Path, *numbers: int) -> list[dict[str, object]]:
    """Return rows about new pictures in a folder."""
    for number in numbers:
        write_picture(folder / f"{number}.png", number)
    return [{"image": f"{number}.png", "rating": "Safe", "category": "NA"} for number in numbers]


@pytest.mark.parametrize("whole", [False, True])
def test_where_a_data_set_lies_says_nothing_about_its_side(tmp_path: Path, whole: bool) -> None:
    folder = tmp_path / "dev"
    rows = safe_rows(folder, 0)
    file = write_jsonl(folder / "photos.jsonl", rows)
    done = imported(folder if whole else file, tmp_path / "out")
    assert [sample.split for sample in done.samples] == [None]
    assert (done.report.sides, done.report.sides_by_name) == ({}, 0)


def test_files_tell_the_side_of_their_rows_and_so_do_folders_inside_the_source(tmp_path: Path) -> None:
    train = safe_rows(tmp_path / "set" / "train", 0, 1, 2)
    write_jsonl(tmp_path / "set" / "train" / "data.jsonl", [*train[:2], {**train[2], "split": "test"}])
    write_jsonl(tmp_path / "set" / "val_photos.jsonl", safe_rows(tmp_path / "set", 3))
    write_jsonl(tmp_path / "set" / "more.jsonl", safe_rows(tmp_path / "set", 4))
    done = imported(tmp_path / "set", tmp_path / "out")
    assert [sample.split for sample in done.samples] == [None, "train", "train", "test", "validation"]
    assert done.report.sides == {"train": 2, "validation": 1, "test": 1}
    assert done.report.sides_by_name == 3, "one row names its side itself"
    alone = imported(tmp_path / "set" / "val_photos.jsonl", tmp_path / "alone")
    assert (alone.report.sides, alone.report.sides_by_name) == ({"validation": 1}, 1)


def test_a_side_that_a_sample_brings_along_is_not_told_by_a_name(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", 2, 5, split=Split.TEST, size=48)
    report = imported(tmp_path / "scenes", tmp_path / "out").report
    assert (report.sides, report.sides_by_name) == ({"test": 2}, 0)


def test_sources_that_hold_nothing_say_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder; a dataset of the Hub is hub:"):
        list(Source(str(tmp_path / "gone")).rows())
    with pytest.raises(DataError, match="neither Parquet nor a table"):
        list(Source(str(tmp_path)).rows())
    (tmp_path / "a.txt").touch()
    with pytest.raises(DataError, match="none of .parquet"):
        list(Source(str(tmp_path / "a.txt")).rows())


def test_labels_under_the_default_policy_are_two_labels_whether_rows_name_it_or_not(tmp_path: Path) -> None:
    write_picture(tmp_path / "in" / "a.png", 1)
    default = Policy.load("default")
    safe, unsafe = {"category": NA, "rating": "Safe"}, {"category": WEAPONS, "rating": "Unsafe"}
    named: dict[str, object] = {"image": "a.png", "group": "g", "policy": default.model_dump(mode="json"), **unsafe}
    write_jsonl(tmp_path / "in" / "labels.jsonl", [{"image": "a.png", "group": "g", **safe}, named])
    assert imported(tmp_path / "in", tmp_path / "out").reasons == {"two_labels": 2}
