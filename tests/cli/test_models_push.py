"""`eyeward models push`: a guard leaves as a whole, with its card and licence, or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from eyeward.cli.main import app
from eyeward.publish import hub
from eyeward.publish.hub import RepoKind
from tests.publish.repositories import FakeHub, good_model

REPO = "somebody/little"


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    fake = FakeHub()
    monkeypatch.setattr(hub, "HuggingFaceHub", lambda: fake)
    return fake


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["models", "push", *map(str, arguments)], terminal_width=200)


def test_a_dry_run_shows_weights_card_and_licence_and_sends_nothing(tmp_path: Path, there: FakeHub) -> None:
    result = run(good_model(tmp_path), REPO, "--dry-run")
    assert result.exit_code == 0
    for shown in (
        "model.safetensors",
        "eyeward.json",
        "model somebody/little: 7 files",
        "apache-2.0",
        "1 probe images",
    ):
        assert shown in result.stdout
    assert (there.made, there.received) == ([], {})


def test_with_yes_every_file_is_sent_to_a_private_repository(tmp_path: Path, there: FakeHub) -> None:
    folder = good_model(tmp_path)
    assert run(folder, REPO, "--yes").exit_code == 0
    assert there.made == [(REPO, RepoKind.model, True)]
    assert there.received["model.safetensors"] == (folder / "model.safetensors").read_bytes()
    assert len(there.received) == 7


def test_weights_that_can_run_code_stay_here(tmp_path: Path, there: FakeHub) -> None:
    folder = good_model(tmp_path)
    (folder / "pytorch_model.bin").write_bytes(b"x")
    result = run(folder, REPO, "--yes", "--json")
    assert result.exit_code == 1
    (refusal,) = json.loads(result.stdout)["refusals"]
    assert refusal["place"] == "pytorch_model.bin"
    assert there.received == {}


def test_a_folder_that_is_no_guard_is_refused_with_every_reason(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    result = run(tmp_path, REPO)
    assert result.exit_code == 1
    for missing in ("README.md", "config.json", "model.safetensors", "eyeward.json"):
        assert f"{missing} is missing" in result.stderr
