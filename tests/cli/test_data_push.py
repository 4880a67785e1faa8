"""`eyeward data push`: nothing leaves without --yes, and nothing leaves that may not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from eyeward.cli.main import app
from eyeward.publish import hub
from eyeward.scenes.labels import write_scenes
from tests.publish.repositories import FakeHub, good_dataset, write_card

REPO = "somebody/scenes"


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    fake = FakeHub()
    monkeypatch.setattr(hub, "HuggingFaceHub", lambda: fake)
    return fake


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["data", "push", *map(str, arguments)], terminal_width=200)


@pytest.mark.parametrize("options", [(), ("--dry-run",), ("--public",), ("--json",), ("--dry-run", "--public")])
def test_nothing_leaves_without_yes(tmp_path: Path, there: FakeHub, options: tuple[str, ...]) -> None:
    result = run(good_dataset(tmp_path), REPO, *options)
    assert result.exit_code == 0
    assert "Nothing was sent. With --yes it goes to somebody/scenes" in result.stderr
    assert (there.made, there.received) == ([], {})


def test_a_dry_run_does_not_even_ask_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked() -> FakeHub:
        raise AssertionError("the Hub was asked")

    monkeypatch.setattr(hub, "HuggingFaceHub", asked)
    assert run(good_dataset(tmp_path), REPO, "--dry-run").exit_code == 0


def test_what_would_leave_is_shown_with_sizes_card_and_licence(tmp_path: Path) -> None:
    folder = good_dataset(tmp_path)
    stdout = run(folder, REPO).stdout
    for file in ("README.md", "train.jsonl", "images/0.png", "images/1.png"):
        (line,) = [line for line in stdout.splitlines() if line.split()[:1] == [file]]
        assert line.split()[1] == f"{(folder / file).stat().st_size:,}"
    assert "dataset somebody/scenes: 4 files" in stdout
    assert "Licence on the card: apache-2.0" in stdout
    assert "2 rows; licences: Apache-2.0 2." in stdout


def test_json_names_every_file(tmp_path: Path) -> None:
    folder = good_dataset(tmp_path)
    shown = json.loads(run(folder, REPO, "--json").stdout)
    assert {file["name"]: file["bytes"] for file in shown["files"]} == {
        file.relative_to(folder).as_posix(): file.stat().st_size for file in folder.rglob("*") if file.is_file()
    }
    assert (shown["sent"], shown["refusals"], shown["licences"]) == (None, [], ["apache-2.0"])


@pytest.mark.parametrize("public", [False, True])
def test_with_yes_it_is_sent(tmp_path: Path, there: FakeHub, public: bool) -> None:
    folder = good_dataset(tmp_path)
    result = run(folder, REPO, "--yes", *(["--public"] if public else []))
    assert result.exit_code == 0
    assert there.made[0][2] is not public
    assert there.received["README.md"] == (folder / "README.md").read_bytes()
    assert "Sent: fake://dataset/somebody/scenes" in result.stderr


@pytest.mark.parametrize("options", [(), ("--dry-run",), ("--yes",), ("--yes", "--json")])
def test_what_may_not_leave_stops_everything_and_every_reason_is_said(
    tmp_path: Path, there: FakeHub, options: tuple[str, ...]
) -> None:
    folder = good_dataset(tmp_path)
    write_card(folder, "license: unknown")
    (folder / "load.py").write_text("x", encoding="utf-8")
    result = run(folder, REPO, *options)
    assert result.exit_code == 1
    assert "the licence is unknown" in result.stderr
    assert "load.py is a program" in result.stderr
    assert "Nothing was sent: " in result.stderr
    assert (there.made, there.received) == ([], {})


def test_a_public_repository_is_not_filled_by_accident(tmp_path: Path, there: FakeHub) -> None:
    there.private = False
    result = run(good_dataset(tmp_path), REPO, "--yes")
    assert result.exit_code == 2
    assert "say --public if you mean it" in result.stderr
    assert there.received == {}


def test_an_exported_data_set_goes_all_the_way(tmp_path: Path, there: FakeHub) -> None:
    write_scenes(tmp_path / "scenes", 4, 1, size=40)
    out = tmp_path / "out"
    CliRunner().invoke(app, ["data", "export", str(tmp_path / "scenes"), "--out", str(out), "--format", "parquet"])
    assert run(out, REPO, "--yes").exit_code == 0
    assert set(there.received) == {"README.md", "categories.svg", "data/train-00000-of-00001.parquet"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("{}", "scenes"), "write ORGANISATION/NAME"),
        (("{}/gone", REPO), "is no folder"),
        (("{}", REPO, "--dry-run", "--yes"), "say the opposite"),
    ],
)
def test_wrong_usage_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    good_dataset(tmp_path)
    result = run(*(argument.format(tmp_path) for argument in arguments))
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
