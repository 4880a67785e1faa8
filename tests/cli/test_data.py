from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eyeward.cli.main import app
from eyeward.data.folder import SampleFolder
from eyeward.scenes.labels import write_scenes
from tests.data.drawn import write_picture


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["data", *map(str, arguments)], terminal_width=200)
    return result.exit_code, result.stdout, result.stderr


def rows(folder: Path) -> Path:
    """Write a table with two good rows and three bad ones, one of them a dead link."""
    for number in range(3):
        write_picture(folder / f"{number}.png", number)
    lines = ["image,rating,category", "0.png,Unsafe,O6", "1.png,Safe,NA", "2.png,Unsafe,NA", "gone.png,Safe,NA"]
    lines.append("https://images.example.org/a.png,Safe,NA")
    (folder / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "rows.csv"


def test_import_says_what_it_took_and_why_not_the_rest(tmp_path: Path) -> None:
    code, stdout, stderr = run("import", rows(tmp_path / "in"), "--out", tmp_path / "out", "--licence", "CC0-1.0")
    assert (code, stderr) == (0, "")
    assert stdout.startswith("2 samples of 5 rows in")
    for reason in ("unsafe_without_category", "not_found", "fetch_refused"):
        assert reason in stdout
    assert "fetching is off" in " ".join(stdout.split())
    assert {sample.licence for sample in SampleFolder(tmp_path / "out")} == {"CC0-1.0"}


def test_import_says_which_sides_were_told_by_names_of_files(tmp_path: Path) -> None:
    for number in range(3):
        write_picture(tmp_path / "in" / f"{number}.png", number)
    lines = ["image,rating,category,split", "0.png,Safe,NA,", "1.png,Safe,NA,", "2.png,Safe,NA,test"]
    (tmp_path / "in" / "train.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _, stdout, _ = run("import", tmp_path / "in", "--out", tmp_path / "out")
    assert "\nSides: train 2, test 1; 2 told by the names of files.\n" in stdout
    (tmp_path / "in" / "train.csv").write_text("\n".join(lines[:3]) + "\n", encoding="utf-8")
    _, stdout, _ = run("import", tmp_path / "in", "--out", tmp_path / "again")
    assert "\nSides: train 2, told by the names of files.\n" in stdout
    _, stdout, _ = run("import", tmp_path / "again", "--out", tmp_path / "third")
    assert "\nSides: train 2.\n" in stdout, "its rows say so themselves"


def test_import_in_json_is_the_report_that_stands_in_the_folder(tmp_path: Path) -> None:
    code, stdout, _ = run("import", rows(tmp_path / "in"), "--out", tmp_path / "out", "--json")
    assert code == 0
    report = json.loads(stdout)
    assert report == json.loads((tmp_path / "out" / "import.json").read_text(encoding="utf-8"))
    assert (report["rows"], report["taken"]) == (5, 2)


def test_a_host_has_to_be_allowed_by_its_name(tmp_path: Path) -> None:
    _, stdout, _ = run(
        *("import", rows(tmp_path / "in"), "--out", tmp_path / "out", "--allow-host", "other.example.org", "--json")
    )
    (refused,) = [item for item in json.loads(stdout)["discarded"] if item["reason"] == "fetch_refused"]
    assert "is not among those that are allowed" in refused["examples"][0]
    code, _, stderr = run("import", rows(tmp_path / "b"), "--out", tmp_path / "c", "--allow-host", "https://a.org")
    assert code == 2
    assert "is no host" in stderr


def test_build_splits_what_was_imported_and_shows_it(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", 40, 1, size=40)
    code, stdout, stderr = run(
        *("build", tmp_path / "scenes", "--out", tmp_path / "out", "--resplit", "--test", 0.25, "--validation", 0.1)
    )
    assert (code, stderr) == (0, "")
    assert "40 samples of 40 rows in" in stdout
    assert "moderately" in stdout
    sides = [sample.split for sample in SampleFolder(tmp_path / "out")]
    assert 8 <= sum(side == "test" for side in sides) <= 12


def test_build_keeps_the_sides_of_scenes_unless_told(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", 10, 1, size=40)
    run("build", tmp_path / "scenes", "--out", tmp_path / "out")
    assert {sample.split for sample in SampleFolder(tmp_path / "out")} == {"train"}


def test_the_preset_of_the_paper_says_what_is_missing(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", 10, 1, size=40)
    code, stdout, _ = run(
        *("build", tmp_path / "scenes", "--out", tmp_path / "out", "--resplit", "--preset", "paper", "--json")
    )
    assert code == 0
    report = json.loads(stdout)
    assert report["plan"]["test"] == {"share": None, "images": 374, "unsafe_each": 5}
    assert report["missing"]["test"]
    code, _, stderr = run(
        *("build", tmp_path / "scenes", "--out", tmp_path / "again", "--resplit", "--preset", "paper")
    )
    assert code == 0
    assert "Nothing is left for training" in stderr
    assert "test lacks " in stderr


def test_build_can_augment_and_says_what_it_left_out(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", 10, 1, size=40)
    code, stdout, _ = run("build", tmp_path / "scenes", "--out", tmp_path / "out", "--augment", "eyeward")
    assert code == 0
    assert "samples under changed policies; variants left out: does_not_apply" in stdout
    assert "Changes: " in stdout
    assert any(sample.augmented for sample in SampleFolder(tmp_path / "out"))
    code, _, stderr = run("build", tmp_path / "scenes", "--out", tmp_path / "no", "--augment", "none")
    assert code == 2
    assert "name a preset" in stderr


def test_labels_go_to_label_studio_and_come_back(tmp_path: Path) -> None:
    written = write_scenes(tmp_path / "scenes", 4, 1, size=40)
    tasks = tmp_path / "scenes" / "tasks.json"
    code, stdout, _ = run("export", tmp_path / "scenes", "--out", tasks, "--as-annotations")
    assert code == 0
    assert stdout.startswith("4 tasks in")
    assert "<Choices" in tasks.with_suffix(".xml").read_text(encoding="utf-8")
    run("import", tasks, "--out", tmp_path / "back")
    back = {sample.group: (sample.rating, sample.category) for sample in SampleFolder(tmp_path / "back")}
    assert back == {sample.group: (sample.rating, sample.category) for sample in written}
    code, _, stderr = run("export", tmp_path / "scenes", "--out", tasks)
    assert code == 2
    assert "is not overwritten" in stderr


def test_stats_count_the_same_as_the_folder_holds(tmp_path: Path) -> None:
    written = write_scenes(tmp_path / "scenes", 12, 1, size=40)
    code, stdout, _ = run("stats", tmp_path / "scenes", "--json")
    found = json.loads(stdout)
    assert code == 0
    assert found["samples"] == found["images"] == 12
    assert sum(sum(row.values()) for row in found["cells"].values()) == 12
    assert found["ratings"]["Unsafe"] == sum(sample.rating == "Unsafe" for sample in written)
    code, stdout, _ = run("stats", tmp_path / "scenes")
    assert "12 samples; 12 images" in stdout
    assert "Apache-2.0 (12)" in stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("stats", "{}"), "no labels.jsonl"),
        (("build", "{}", "--out", "{}/out"), "no labels.jsonl"),
        (("import", "{}/gone", "--out", "{}/out"), "no such file or folder"),
        (("import", "{}", "--out", "{}/out"), "neither Parquet nor a table"),
        (("import", "{}", "--out", "{}/out", "--columns", "none"), "write one, or name one that ships"),
        (("import", "{}", "--out", "{}/out", "--policy", "none"), "none"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    code, stdout, stderr = run(*(argument.format(tmp_path) for argument in arguments))
    assert (code, stdout) == (2, "")
    assert words in stderr
    assert len(stderr.splitlines()) == 1
    assert not (tmp_path / "out" / "labels.jsonl").exists()


def test_the_folder_that_is_written_may_stand_in_the_one_that_is_read(tmp_path: Path) -> None:
    rows(tmp_path)
    _, stdout, _ = run("import", tmp_path, "--out", tmp_path / "out", "--json")
    assert json.loads(stdout)["rows"] == 5


def test_decisions_of_reviewers_are_applied_in_a_build(tmp_path: Path) -> None:
    run("import", rows(tmp_path / "in"), "--out", tmp_path / "a")
    safe = next(sample for sample in SampleFolder(tmp_path / "a") if sample.rating == "Safe")
    event = {"time": "2026-01-01T00:00:00Z", "user": "anna", "old": None, "revealed": False, "ms": 1, "id": "e1"}
    event |= {"image_sha256": Path(safe.image).stem, "field": "rationale", "new": "Nothing is to be seen."}
    file = tmp_path / "events.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in (event, event)), encoding="utf-8")
    code, stdout, _ = run("build", tmp_path / "a", "--out", tmp_path / "b", "--events", file)
    assert code == 0
    assert "1 of 2 decisions of reviewers applied." in stdout
    assert "repeated" in stdout
    assert "Nothing is to be seen." in {sample.rationale for sample in SampleFolder(tmp_path / "b")}
    file.write_text("{}\n", encoding="utf-8")
    code, _, stderr = run("build", tmp_path / "a", "--out", tmp_path / "c", "--events", file)
    assert code == 2
    assert "events.jsonl:1: " in stderr
    assert not (tmp_path / "c").exists()
