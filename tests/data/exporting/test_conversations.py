from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyeward.data.exporting.export import Form
from eyeward.data.exporting.turns import card_like, turns_of
from eyeward.data.folder import SampleFolder
from eyeward.data.importing.own import SAMPLE_KEY
from eyeward.data.sample import Sample, Severity, Split
from eyeward.policy import Policy
from eyeward.verdict import NA, Rating
from tests.data.drawn import DEFAULT, samples
from tests.data.exporting.exports import augmented_scenes, by_content, exported, labelled, round_trip
from tests.data.importing.imports import imported

CONVERSATIONS = (Form.llava, Form.llama_factory, Form.ms_swift)
WEAPONS = "O6: Weapons or Substance Abuse"


def sample(number: int, **fields: object) -> Sample:
    given = {"image": f"images/{number}.png", "group": f"g{number}", "category": NA, "rating": Rating.Safe}
    return Sample.model_validate({**given, "rationale": "A dog.", "split": Split.TRAIN, **fields})


def rows(out: Path, side: str = "train") -> list[dict[str, Any]]:
    """Read a file as its trainer would."""
    array = out / f"{side}.json"
    if array.exists():
        found: list[dict[str, Any]] = json.loads(array.read_text(encoding="utf-8"))
        return found
    lines = (out / f"{side}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def said(row: dict[str, Any]) -> tuple[str, str]:
    """Return what is asked and answered, whatever the keys."""
    turns = row.get("conversations") or row["messages"]
    assert [turn.get("from") or turn["role"] for turn in turns] in (["human", "gpt"], ["user", "assistant"])
    asked, answered = (turn.get("value") or turn["content"] for turn in turns)
    return asked, answered


@pytest.mark.parametrize("form", CONVERSATIONS)
@pytest.mark.parametrize("like", ["mini", "published-2025", "published-2024"])
def test_augmented_samples_come_back_the_same_whatever_the_wording(tmp_path: Path, form: Form, like: str) -> None:
    data = augmented_scenes(tmp_path, 8)
    assert any(item.augmented for item in data)
    exported(data, tmp_path / "out", form, like)
    assert round_trip(tmp_path / "out", tmp_path / "again") == by_content(data)


@settings(max_examples=20, deadline=None)
@given(form=st.sampled_from(CONVERSATIONS), drawn=st.lists(samples(), min_size=1, max_size=3))
def test_whatever_a_sample_holds_comes_back(
    tmp_path_factory: pytest.TempPathFactory, form: Form, drawn: list[Sample]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    named = [item.model_copy(update={"image": f"{number}.png"}) for number, item in enumerate(drawn)]
    data = labelled(folder / "in", named)
    exported(data, folder / "out", form)
    assert round_trip(folder / "out", folder / "again") == by_content(data)


@pytest.mark.parametrize("form", CONVERSATIONS)
def test_every_row_asks_and_answers_as_the_guard_does(tmp_path: Path, form: Form) -> None:
    data = augmented_scenes(tmp_path, 8)
    exported(data, tmp_path / "out", form, "published-2025")
    behind = "\n" if form is Form.llava else ""
    card = card_like("published-2025")
    for side in Split:
        there = [item for item in data if item.split is side]
        turns = [turns_of(item, data.policy_of(item), card, behind) for item in there]
        assert [said(row) for row in rows(tmp_path / "out", side)] == [(turn.prompt, turn.answer) for turn in turns]


def test_llava_has_one_image_and_an_id_that_says_nothing(tmp_path: Path) -> None:
    exported(labelled(tmp_path / "in", [sample(0), sample(1)]), tmp_path / "out", Form.llava)
    first, second = rows(tmp_path / "out")
    assert (first["id"], first["image"]) == ("00000000", "images/0.png")
    assert second["id"] == "00000001"
    assert (tmp_path / "out" / "images" / "0.png").read_bytes() == (tmp_path / "in" / "images" / "0.png").read_bytes()


def test_llama_factory_is_told_where_everything_stands(tmp_path: Path) -> None:
    data = labelled(tmp_path / "in", [sample(0), sample(1, split=Split.TEST)])
    exported(data, tmp_path / "out", Form.llama_factory)
    info = json.loads((tmp_path / "out" / "dataset_info.json").read_text(encoding="utf-8"))
    assert set(info) == {"scenes_test", "scenes_train"}
    described = info["scenes_train"]
    assert described["formatting"] == "sharegpt"
    (row,) = [json.loads(line) for line in (tmp_path / "out" / described["file_name"]).read_text().splitlines()]
    turns, images = (row[described["columns"][key]] for key in ("messages", "images"))
    tags = described["tags"]
    assert [turn[tags["role_tag"]] for turn in turns] == [tags["user_tag"], tags["assistant_tag"]]
    assert turns[0][tags["content_tag"]].count("<image>") == len(images) == 1
    assert (tmp_path / "out" / images[0]).is_file()


def test_ms_swift_has_messages_and_images(tmp_path: Path) -> None:
    exported(labelled(tmp_path / "in", [sample(0)]), tmp_path / "out", Form.ms_swift)
    (row,) = rows(tmp_path / "out")
    assert [message["role"] for message in row["messages"]] == ["user", "assistant"]
    assert row["images"] == ["images/0.png"]
    assert row["messages"][0]["content"].count("<image>") == 1


@pytest.mark.parametrize("form", CONVERSATIONS)
def test_rows_have_the_same_keys_and_no_nulls_so_that_readers_guess_one_schema(tmp_path: Path, form: Form) -> None:
    full = sample(1, severity=Severity.GENERALLY_SAFE, annotator="a", source="b", licence="c")
    exported(labelled(tmp_path / "in", [sample(0), full]), tmp_path / "out", form)
    first, second = rows(tmp_path / "out")
    assert list(first) == list(second)
    assert not [key for row in (first, second) for key, value in row.items() if value is None]
    assert (first["licence"], second["licence"]) == ("", "c")
    assert isinstance(first[SAMPLE_KEY], str)


@pytest.mark.parametrize("form", CONVERSATIONS)
def test_datasets_reads_the_rows_as_trainers_let_it(tmp_path: Path, form: Form) -> None:
    several = [
        sample(number, licence="MIT" if number % 2 else None, split=list(Split)[number % 3]) for number in range(9)
    ]
    exported(labelled(tmp_path / "in", several), tmp_path / "out", form)
    program = "import datasets, json, sys; d = datasets.load_dataset(sys.argv[1], cache_dir=sys.argv[2]); " + (
        "print(json.dumps({name: [side.num_rows, sorted(side.column_names)] for name, side in d.items()}))"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-c", program, str(tmp_path / "out"), str(tmp_path / "cache")]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    columns = sorted(rows(tmp_path / "out")[0])
    assert json.loads(said.splitlines()[-1]) == {side.value: [3, columns] for side in Split}


def test_an_image_under_several_policies_is_copied_once(tmp_path: Path) -> None:
    several = [sample(0), sample(0, policy=DEFAULT.sensitive("O2")), sample(0, policy=Policy.load("children"))]
    data = labelled(tmp_path / "in", several)
    done = exported(data, tmp_path / "out", Form.llava)
    assert done.rows.taken == 3
    assert [path.name for path in (tmp_path / "out" / "images").iterdir()] == ["0.png"]


def test_an_answer_without_a_rationale_has_no_key_for_it_and_is_counted(tmp_path: Path) -> None:
    data = labelled(tmp_path / "in", [sample(0), sample(1, rationale=None)])
    done = exported(data, tmp_path / "out", Form.llava)
    answers = [json.loads(said(row)[1]) for row in rows(tmp_path / "out")]
    assert [set(answer) for answer in answers] == [{"rating", "category", "rationale"}, {"rating", "category"}]
    assert done.without_rationale == 1
    assert round_trip(tmp_path / "out", tmp_path / "again") == by_content(data)


@pytest.mark.parametrize("form", CONVERSATIONS)
def test_a_mark_in_the_text_that_a_trainer_would_replace_is_named_and_left_out(tmp_path: Path, form: Form) -> None:
    data = labelled(tmp_path / "in", [sample(0), sample(1, rationale="It says <image>."), sample(2)])
    done = exported(data, tmp_path / "out", form)
    assert {item.reason: item.rows for item in done.rows.discarded} == {"mark_in_text": 1}
    assert "images/1.png: '<image>' stands in" in done.rows.discarded[0].examples[0]
    assert len(rows(tmp_path / "out")) == 2
    assert not (tmp_path / "out" / "images" / "1.png").exists()


def spoil(out: Path, change: Any) -> None:
    found = rows(out)
    change(found[0])
    (out / "train.json").write_text(json.dumps(found), encoding="utf-8")


def exported_and(tmp_path: Path, change: Any) -> tuple[SampleFolder, Sample]:
    """Export a sample of which the turns say less than all, change the row, and import it."""
    full = sample(0, category=WEAPONS, rating="Unsafe", categories=(WEAPONS,), decided_by="a rule", licence="CC0-1.0")
    exported(labelled(tmp_path / "in", [full]), tmp_path / "out", Form.llava)
    spoil(tmp_path / "out", change)
    done = imported(tmp_path / "out", tmp_path / "again")
    (back,) = done.samples
    return done.folder, back


def test_a_reply_that_somebody_corrected_counts_and_what_stood_beside_it_does_not(tmp_path: Path) -> None:
    def correct(row: dict[str, Any]) -> None:
        row["conversations"][1]["value"] = json.dumps({"rating": "Safe", "category": NA, "rationale": "A toy."})

    _, back = exported_and(tmp_path, correct)
    assert (back.rating, back.category, back.rationale) == (Rating.Safe, NA, "A toy.")
    assert (back.categories, back.decided_by) == ((), None)
    assert (back.licence, back.split) == ("CC0-1.0", Split.TRAIN)


def test_a_prompt_that_somebody_changed_counts(tmp_path: Path) -> None:
    def change(row: dict[str, Any]) -> None:
        row["conversations"][0]["value"] = turns_of(sample(0), DEFAULT.sensitive("O2"), card_like("mini")).prompt

    folder, back = exported_and(tmp_path, change)
    assert folder.policy_of(back).category("O2").stance == "sensitive"
    assert back.changes


def test_a_field_beside_the_turns_that_somebody_changed_counts(tmp_path: Path) -> None:
    _, back = exported_and(tmp_path, lambda row: row.update(licence="MIT", split="test"))
    assert (back.licence, back.split, back.decided_by) == ("MIT", Split.TEST, None)


def test_images_may_move_and_rows_be_numbered_anew(tmp_path: Path) -> None:
    def move(row: dict[str, Any]) -> None:
        row.update(id="7", image="/mnt/elsewhere/images/0.png")

    _, back = exported_and(tmp_path, move)
    assert back.decided_by == "a rule"


def test_what_stands_beside_turns_and_is_no_sample_is_named(tmp_path: Path) -> None:
    exported(labelled(tmp_path / "in", [sample(0)]), tmp_path / "out", Form.llava)

    def empty(row: dict[str, Any]) -> None:
        row[SAMPLE_KEY] = json.dumps({**json.loads(row[SAMPLE_KEY]), "sample": {}})

    spoil(tmp_path / "out", empty)
    assert list(imported(tmp_path / "out", tmp_path / "again").reasons) == ["no_image"]


def test_conversations_of_others_in_messages_are_read_too(tmp_path: Path) -> None:
    exported(labelled(tmp_path / "in", [sample(0)]), tmp_path / "out", Form.ms_swift)
    (row,) = rows(tmp_path / "out")
    plain = {"messages": row["messages"], "images": row["images"]}
    (tmp_path / "out" / "train.jsonl").write_text(json.dumps(plain) + "\n", encoding="utf-8")
    (back,) = imported(tmp_path / "out", tmp_path / "again").samples
    assert (back.rating, back.category, back.rationale, back.split) == (Rating.Safe, NA, "A dog.", Split.TRAIN)
