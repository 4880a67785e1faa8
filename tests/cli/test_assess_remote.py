"""`eyeward assess` against a server."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from eyeward.cli.main import app
from tests.engine.remote.asking import picture, sent
from tests.engine.remote.fake_server import FakeServer, Trouble


def test_images_are_judged_by_a_server(tmp_path: Path) -> None:
    picture(20).save(tmp_path / "a.png")
    picture(230).save(tmp_path / "b.png")
    with FakeServer() as server:
        result = CliRunner().invoke(app, ["assess", str(tmp_path), "--model", server.address, "--format", "jsonl"])
    verdicts = [json.loads(line) for line in result.stdout.splitlines()]
    assert [verdict["rating"] for verdict in verdicts] == ["Safe", "Unsafe"]
    assert result.exit_code == 0


def test_a_server_that_fails_gives_errors_and_exit_code_3(tmp_path: Path) -> None:
    picture(20).save(tmp_path / "a.png")
    dark = sent(20)
    with FakeServer(trouble=lambda image, times: Trouble.bad_request if image == dark else None) as server:
        result = CliRunner().invoke(app, ["assess", str(tmp_path), "--model", server.address, "--format", "jsonl"])
    (verdict,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert (verdict["status"], verdict["rating"], result.exit_code) == ("error", None, 3)


def test_a_server_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    picture(20).save(tmp_path / "a.png")
    with FakeServer() as server:
        address = server.address
    result = CliRunner().invoke(app, ["assess", str(tmp_path), "--model", address])
    assert result.exit_code != 0
    assert "does not answer" in f"{result.stderr}{result.exception}"
