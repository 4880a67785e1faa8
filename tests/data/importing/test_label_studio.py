from __future__ import annotations

import json
import xml.etree.ElementTree as xml
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from eyeward.data.folder import SampleFolder
from eyeward.data.importing.label_studio import config_for, rows_of_task, tasks
from eyeward.data.importing.row import Record, Row
from eyeward.data.sample import Sample
from eyeward.policy import Category, Policy
from eyeward.scenes.labels import write_scenes
from eyeward.verdict import NA, Rating
from tests.data.drawn import DEFAULT, samples, write_picture
from tests.data.importing.imports import imported

WEAPONS = "O6: Weapons or Substance Abuse"


def annotation(who: object = 1, cancelled: bool = False, /, **answers: str) -> dict[str, object]:
    results = [
        {"from_name": name, "to_name": "image", "type": "choices", "value": {"choices": [word]}}
        for name, word in answers.items()
    ]
    return {"completed_by": who, "was_cancelled": cancelled, "result": results}


def task(image: str, *annotations: dict[str, object]) -> dict[str, object]:
    return {"id": 1, "data": {"image": image}, "annotations": list(annotations), "predictions": []}


def test_annotations_come_in_with_who_made_them(tmp_path: Path) -> None:
    for number in range(6):
        write_picture(tmp_path / f"{number}.png", number)
    unsafe = {"rating": "Unsafe", "category": WEAPONS, "severity": "highly_unsafe"}
    rows = [
        task("/data/local-files/?d=0.png", annotation({"email": "a@example.org"}, **unsafe)),
        task("1.png", annotation(7, **unsafe), annotation(8, rating="Safe", category=NA)),
        task("2.png", annotation(7, **unsafe), annotation(8, **unsafe)),
        task("3.png", annotation(1, True)),
        task("4.png"),
        task("5.png", annotation()),
        {"data": {}, "annotations": []},
    ]
    (tmp_path / "tasks.json").write_text(json.dumps(rows), encoding="utf-8")
    done = imported(tmp_path / "tasks.json", tmp_path / "out")
    assert [sample.annotator for sample in done.samples] == ["a@example.org", "7"]
    expected = {"two_labels": 2, "no_label": 2, "same_label_again": 1, "cancelled": 1, "no_image": 1}
    assert done.reasons == expected


@given(st.lists(samples(), max_size=4))
def test_labels_that_go_out_as_annotations_come_back_the_same(written: list[Sample]) -> None:
    for sample, exported in zip(written, tasks(written, annotated=True), strict=True):
        record = Record("task", json.loads(json.dumps(exported)))
        (row,) = rows_of_task(record, Path("folder"))
        assert isinstance(row, Row)
        assert row.image == Path("folder") / sample.image
        assert (row.rating, row.category, row.severity) == (sample.rating, sample.category, sample.severity)
        assert (row.rationale, row.group, row.split) == (sample.rationale, sample.group, sample.split)
        assert row.annotator == sample.annotator


def test_labels_go_out_as_predictions_and_are_no_labels_until_somebody_agrees(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", 3, 1, size=40)
    exported = list(tasks(SampleFolder(tmp_path / "scenes"), prefix="/data/local-files/?d="))
    assert [set(task) for task in exported] == [{"data", "predictions"}] * 3
    for item in exported:
        item["annotations"] = []
    (tmp_path / "scenes" / "tasks.json").write_text(json.dumps(exported), encoding="utf-8")
    done = imported(tmp_path / "scenes" / "tasks.json", tmp_path / "out")
    assert done.reasons == {"no_label": 3}


def test_the_interface_has_every_category_of_the_policy_and_is_xml() -> None:
    odd = Policy(name="odd", categories=(Category(id="X1", name='Swords & "knives" <3', should_not=("x",)),))
    for policy in (DEFAULT, odd):
        root = xml.fromstring(config_for(policy))
        choices = {block.get("name"): [c.get("value") for c in block] for block in root.iter("Choices")}
        assert choices["category"] == [*policy.labels, NA]
        assert choices["rating"] == [Rating.Safe, Rating.Unsafe]
        assert [area.get("name") for area in root.iter("TextArea")] == ["rationale"]
