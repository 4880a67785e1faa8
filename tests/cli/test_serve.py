"""`eyeward serve`: what is refused before anything is loaded."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eyeward.cli.main import app
from eyeward.serve.pages.site import PageOptions
from eyeward.serve.run import ServeOptions

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def _loggers_as_they_were() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("eyeward.serve", "uvicorn")]
    before = [(logger.handlers, logger.propagate, logger.level) for logger in loggers]
    yield
    for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "0.0.0.0"], "Give --keys"),
        (["--deadline", "0"], "above zero"),
        (["--deadline", "nan"], "above zero"),
        (["--image-mb", "-1"], "above zero"),
        (["--threshold", "7", "--port", "0"], "between 0 and 1"),
        (["--keys", "missing.yaml"], "cannot be read as a file of keys"),
        (["--policy", "missing"], "no pack of that name"),
        (["--known-hashes", "missing.txt"], "cannot be read as a list of hashes"),
        (["--fetch-host", "https://x"], "is no host"),
        (["--runs", "missing"], "is no folder"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(arguments: list[str], said: str) -> None:
    result = RUNNER.invoke(app, ["serve", *arguments])
    assert result.exit_code == 2, result.output
    assert said in result.output


def test_without_its_packages_the_extra_is_named() -> None:
    program = "import sys\nsys.modules['fastapi'] = None\nfrom eyeward.cli.main import app\napp(['serve'])\n"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert answer.returncode == 2
    assert "pip install 'eyeward[serve]'" in answer.stderr


def test_there_are_pages_unless_they_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[ServeOptions] = []
    monkeypatch.setattr("eyeward.serve.run.serve", asked.append)
    for arguments in ([], ["--runs", str(tmp_path), "--runs", "elsewhere"], ["--no-pages"]):
        assert RUNNER.invoke(app, ["serve", *arguments]).exit_code == 0
    assert [options.pages for options in asked] == [PageOptions(), PageOptions((tmp_path, Path("elsewhere"))), None]
