"""`eyeward evaluate --suite …`, `eyeward models diff` and `eyeward monitor` with a guard behind a server, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from eyeward.cli.main import app
from eyeward.data.sample import Split
from eyeward.evaluate.run import read_run_outcomes
from eyeward.evaluate.suites.robustness import ALL_BUT_PIXELS, AttackReport
from eyeward.scenes.labels import write_scenes
from eyeward.verdict import Rating
from tests.engine.remote.asking import sent
from tests.engine.remote.fake_server import FakeServer, Trouble
from tests.evaluate.worlds import data, row


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments), "--resamples", "100"])


def pair(folder: Path) -> Path:
    """Write a bright image, which is unsafe, and a dark one, which is safe."""
    rows = [row("bright.png", Rating.Unsafe), row("dark.png", Rating.Safe)]
    return data(folder, {"bright.png": 230, "dark.png": 20}, rows)


def test_a_guard_behind_a_server_is_attacked_but_for_its_gradients(server: FakeServer, tmp_path: Path) -> None:
    out = tmp_path / "out"
    suite = ("--suite", "attacks", "--attacked", "1", "--model", server.address, "--out", out)
    result = run("evaluate", pair(tmp_path / "d"), *suite)
    assert result.exit_code == 0, result.output
    assert f"{server.address} was not attacked through its gradients: it runs elsewhere" in result.stdout
    report = AttackReport.read(out)
    (found,) = report.guards
    assert (report.images, report.unsafe, found.guard) == (1, 1, server.address)
    assert {"benign", "evasion", "text", "policy", "own category", ALL_BUT_PIXELS} == found.robust_recall.keys()
    by_attack = {attack.attack: attack for attack in found.attacks}
    assert by_attack["flip"].held.hits == by_attack["jpeg"].held.hits == 1
    assert by_attack["darker"].smallest_flip is not None  # what the server sees is the changed picture
    assert by_attack["policy: others exempt"].held.hits == 1
    outcomes = read_run_outcomes(out)[server.address]
    assert outcomes[0].verdict.model.engine.startswith("remote") and len(outcomes) > 150
    again = run("evaluate", tmp_path / "d", *suite)
    assert "0 questions judged" in again.stderr


def test_a_guard_behind_a_server_is_asked_under_every_pack_and_can_be_monitored(
    server: FakeServer, tmp_path: Path
) -> None:
    write_scenes(tmp_path / "s", 2, 5, split=Split.TEST, size=64)
    out = tmp_path / "out"
    result = run("evaluate", tmp_path / "s", "--suite", "cultures", "--model", server.address, "--out", out)
    assert result.exit_code == 0, result.output
    written = json.loads((out / "cultures.json").read_text())
    assert [guard["guard"] for guard in written["guards"]] == [server.address] and len(written["packs"]) > 10
    assert "Gap between" in result.stdout
    watched = CliRunner().invoke(
        app, ["monitor", str(out), "--reference", str(out), "--policy", "default", "--out", str(tmp_path / "m")]
    )
    assert watched.exit_code == 0, watched.output


def test_two_servers_are_compared_before_one_follows_the_other(server: FakeServer, tmp_path: Path) -> None:
    with FakeServer() as follower:
        result = run("models", "diff", server.address, follower.address, pair(tmp_path / "d"), "--out", tmp_path / "o")
    assert result.exit_code == 0, result.output
    assert f"{follower.address} may take the place of {server.address}" in result.stdout
    assert json.loads((tmp_path / "o" / "diff.json").read_text())["unseen"].keys() == {"recall", "specificity"}


def test_a_server_that_gives_no_answer_to_an_unsafe_image_does_not_follow(server: FakeServer, tmp_path: Path) -> None:
    bright = sent(230)
    with FakeServer(trouble=lambda image, times: Trouble.bad_request if image == bright else None) as follower:
        result = run("models", "diff", server.address, follower.address, pair(tmp_path / "d"), "--out", tmp_path / "o")
    assert result.exit_code == 1, result.output
    assert "Refused: recall may be lower by more than 0.010" in result.stdout
    assert f"Refused: 1 of 2 questions got no answer from {follower.address}" in result.stdout
