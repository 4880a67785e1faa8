"""A data set leaves only when every image has a licence that its card names."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from eyeward.data.exporting.export import Export, Form
from eyeward.data.folder import SampleFolder
from eyeward.data.publishing import plan_dataset
from eyeward.publish.hub import RepoKind
from eyeward.scenes.labels import write_scenes
from tests.data.drawn import encoded, picture, write_picture
from tests.publish.repositories import good_dataset, write_card, write_rows

REPO = "somebody/scenes"


def refusals(folder: Path) -> list[str]:
    return [str(refusal) for refusal in plan_dataset(folder, REPO).refusals]


def table(folder: Path, *licences: str | None, **columns: list[object]) -> None:
    images = [{"bytes": encoded(picture(number, 16)), "path": f"{number}.png"} for number in range(len(licences))]
    rows = pyarrow.table({"image": images, "licence": pyarrow.array(licences, pyarrow.string()), **columns})
    (folder / "data").mkdir(parents=True)
    pyarrow.parquet.write_table(rows, folder / "data" / "train-00000-of-00001.parquet")


@pytest.mark.parametrize("form", list(Form))
def test_what_an_export_wrote_may_leave(tmp_path: Path, form: Form) -> None:
    write_scenes(tmp_path / "scenes", 5, 1, size=40)
    Export(form).run(SampleFolder(tmp_path / "scenes"), tmp_path / "out")
    plan = plan_dataset(tmp_path / "out", REPO)
    assert plan.refusals == ()
    assert (plan.kind, plan.card.licences) == (RepoKind.dataset, ("apache-2.0",))
    assert plan.facts == ("5 rows; licences: Apache-2.0 5.",)


def test_the_folder_that_eyeward_works_on_is_not_what_is_published(tmp_path: Path) -> None:
    write_scenes(tmp_path, 3, 1, size=40)
    (tmp_path / "discarded.jsonl").write_text('{"row": {"image": "secret.png"}}\n', encoding="utf-8")
    found = refusals(tmp_path)
    assert any("labels.jsonl" in line and "eyeward data export" in line for line in found)
    assert any("discarded.jsonl is a report" in line for line in found)
    assert any("README.md is missing" in line for line in found)


@pytest.mark.parametrize("unstated", [None, "", "unknown", " "])
def test_images_whose_licence_is_not_stated_are_refused_and_counted(tmp_path: Path, unstated: str | None) -> None:
    write_card(tmp_path)
    table(tmp_path, "Apache-2.0", unstated, unstated, unstated)
    (line,) = refusals(tmp_path)
    assert line.startswith("data/train-00000-of-00001.parquet, row 2 and 2 more, states no licence for its image")


def test_a_table_without_the_column_states_none(tmp_path: Path) -> None:
    write_card(tmp_path)
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a", "b"]}), tmp_path / "a.parquet")
    (line,) = refusals(tmp_path)
    assert "row 1 and 1 more, states no licence" in line


def test_a_licence_that_the_card_does_not_name_is_refused(tmp_path: Path) -> None:
    write_card(tmp_path, "license: apache-2.0")
    table(tmp_path, "Apache 2.0", "CC BY-NC 4.0", "somebody's own")
    found = refusals(tmp_path)
    assert len(found) == 2
    assert "row 2 is under 'CC BY-NC 4.0', which the card does not name" in found[0]
    assert 'is under "somebody\'s own"' in found[1]


def test_several_licences_may_stand_on_the_card_and_others_with_their_text(tmp_path: Path) -> None:
    write_card(tmp_path / "a", "license: [apache-2.0, cc-by-nc-4.0]")
    table(tmp_path / "a", "Apache-2.0", "CC BY-NC 4.0")
    write_card(tmp_path / "b", "license: other\nlicense_name: mixed\nlicense_link: https://example.org")
    table(tmp_path / "b", "Apache-2.0", "somebody's own")
    assert refusals(tmp_path / "a") == refusals(tmp_path / "b") == []


def test_an_image_that_no_row_names_has_no_licence(tmp_path: Path) -> None:
    folder = good_dataset(tmp_path)
    write_picture(folder / "images" / "2.png", 2, 16)
    write_picture(folder / "images" / "3.png", 3, 16)
    (line,) = refusals(folder)
    assert line.startswith("images/2.png and 1 more, is named by no row, so its licence is not stated")


def test_a_picture_of_the_card_is_part_of_the_card(tmp_path: Path) -> None:
    folder = good_dataset(tmp_path)
    write_picture(folder / "overview.png", 2, 16)
    write_card(folder, body="![overview](overview.png)\n")
    assert refusals(folder) == []


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("/data/run/0.png", "names an image outside of the folder"),
        ("../0.png", "names an image outside of the folder"),
        ("C:\\pictures\\0.png", "names an image outside of the folder"),
        ("https://example.org/0.png", "names an image by its address"),
        ("images/gone.png", "names an image that is not here"),
    ],
)
def test_rows_name_images_of_the_folder_only(tmp_path: Path, image: str, words: str) -> None:
    write_card(tmp_path)
    write_rows(tmp_path, {"image": image, "licence": "Apache-2.0"})
    (line,) = refusals(tmp_path)
    assert words in line


def test_an_absolute_path_in_a_table_is_refused_though_the_image_is_inside(tmp_path: Path) -> None:
    write_card(tmp_path)
    images: list[object] = [{"bytes": encoded(picture(1, 16)), "path": "/srv/pictures/0.png"}]
    table(tmp_path, "Apache-2.0", image=images)
    (line,) = refusals(tmp_path)
    assert "names an image outside of the folder" in line


def test_files_that_do_not_belong_to_data_are_refused(tmp_path: Path) -> None:
    folder = good_dataset(tmp_path)
    (folder / "load.py").write_text("print()", encoding="utf-8")
    (folder / "rows.pkl").write_bytes(b"x")
    assert [line.split()[0] for line in refusals(folder)] == ["load.py", "rows.pkl"]


def test_rows_that_cannot_be_read_and_tables_without_rows_are_refused(tmp_path: Path) -> None:
    folder = good_dataset(tmp_path / "a")
    (folder / "test.jsonl").write_text("{broken\n", encoding="utf-8")
    (folder / "validation.jsonl").write_text("\n", encoding="utf-8")
    assert [line.partition(";")[0] for line in refusals(folder)] == [
        "test.jsonl, row 1 cannot be read",
        "validation.jsonl, row 1 holds no rows",
    ]
    write_card(tmp_path / "b")
    (line,) = refusals(tmp_path / "b")
    assert "holds no rows; run `eyeward data export`" in line


def test_a_broken_table_is_refused(tmp_path: Path) -> None:
    write_card(tmp_path)
    table(tmp_path, "Apache-2.0")
    file = tmp_path / "data" / "train-00000-of-00001.parquet"
    shutil.copyfile(file, tmp_path / "copy")
    file.write_bytes((tmp_path / "copy").read_bytes()[:-20])
    (tmp_path / "copy").unlink()
    found = refusals(tmp_path)
    assert any("cannot be read" in line for line in found)
    assert any("is cut" in line for line in found)


def test_the_licence_of_conversations_is_read_from_their_rows(tmp_path: Path) -> None:
    write_card(tmp_path)
    write_picture(tmp_path / "0.png", 0, 16)
    rows = [{"image": "0.png", "conversations": [], "licence": ""}]
    (tmp_path / "train.json").write_text(json.dumps(rows), encoding="utf-8")
    (line,) = refusals(tmp_path)
    assert "states no licence" in line
