"""Lines of the log: those of requests a moment later and many at once, all of them in order, none lost at an end."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from eyeward.serve import logs
from eyeward.serve.logs import HeldLines
from tests.serve.world import patiently

ROOT = Path(__file__).parents[2]
WRITER = """
import sys
from eyeward.serve import logs

logs.HELD_SECONDS = 3600.0
logs.write_to()
logs.log("starting")
for number in range(2500):
    logs.log("request", held=True, number=number)
{end}
"""


class Stream(io.StringIO):
    """Counts how often it is written to, and waits where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.writers: set[str] = set()
        self.hold: threading.Event | None = None

    def write(self, text: str) -> int:
        if self.hold is not None:
            assert self.hold.wait(60.0)
        self.writes += 1
        self.writers.add(threading.current_thread().name)
        return super().write(text)

    @property
    def numbers(self) -> list[Any]:
        return [json.loads(line).get("number", json.loads(line)["event"]) for line in self.getvalue().splitlines()]


@pytest.fixture
def stream() -> Stream:
    return Stream()


@pytest.fixture
def lines(stream: Stream) -> HeldLines:
    return HeldLines(stream)


def line(event: str, level: int = logging.INFO, held: bool = False, **fields: object) -> logging.LogRecord:
    more = {"fields": fields, "held": held}
    return logs.LOGGER.makeRecord("eyeward.serve", level, "", 0, event, (), None, extra=more)


def test_lines_of_requests_are_written_together_by_another_thread(stream: Stream, lines: HeldLines) -> None:
    for number in range(300):
        lines.handle(line("request", held=True, number=number))
    patiently(lambda: len(stream.numbers) == 300)
    assert stream.numbers == list(range(300))
    assert stream.writers == {"eyeward-log"}
    assert stream.writes < 100


def test_another_line_is_written_at_once_behind_those_that_were_held(
    stream: Stream, lines: HeldLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "HELD_SECONDS", 3600.0)
    lines.handle(line("request", held=True, number=1))
    assert stream.numbers == []
    lines.handle(line("engine_down"))
    assert stream.numbers == [1, "engine_down"]


def test_no_more_than_so_many_lines_are_held(stream: Stream, lines: HeldLines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "HELD_SECONDS", 3600.0)
    monkeypatch.setattr(logs, "MOST_HELD", 10)
    for number in range(25):
        lines.handle(line("request", held=True, number=number))
    assert stream.numbers == list(range(22))
    lines.close()
    assert stream.numbers == list(range(25))


def test_whoever_answers_does_not_wait_for_a_reader_of_the_log_that_is_slow(stream: Stream, lines: HeldLines) -> None:
    stream.hold = threading.Event()
    lines.handle(line("request", held=True, number=0))
    patiently(lambda: not lines._lines)  # they are on their way, and stuck
    for number in range(1, 100):
        lines.handle(line("request", held=True, number=number))
    stream.hold.set()
    patiently(lambda: len(stream.numbers) == 100)
    assert stream.numbers == list(range(100))


def test_a_signal_in_the_middle_of_a_write_may_log_too(stream: Stream, lines: HeldLines) -> None:
    write = stream.write

    def interrupted(text: str) -> int:
        stream.write = write  # type: ignore[method-assign]
        lines.handle(line("keys_unread"))
        return write(text)

    stream.write = interrupted  # type: ignore[method-assign]
    lines.handle(line("engine_up"))
    assert stream.numbers == ["engine_up", "keys_unread"]


def test_a_stream_that_is_gone_is_no_failure(stream: Stream, lines: HeldLines) -> None:
    stream.close()
    lines.handle(line("engine_up"))


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "raise RuntimeError"])
def test_nothing_is_lost_when_the_process_ends(end: str) -> None:
    process = subprocess.run(
        [sys.executable, "-c", WRITER.format(end=end)],
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        timeout=60.0,
        check=False,
    )
    found = [json.loads(line) for line in process.stderr.decode().splitlines() if line.startswith("{")]
    assert [line["event"] for line in found] == ["starting"] + ["request"] * 2500
    assert [line["number"] for line in found[1:]] == list(range(2500))
