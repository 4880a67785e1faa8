"""Runs `eyeward` with the fake guard in a process of its own, on a terminal where that is asked for."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

WITH_FAKE_GUARD = """
import eyeward
from eyeward.cli.main import app
from tests.cli.fake_guard import FakeGuard
eyeward.load_guard = lambda name, device: FakeGuard()
app()
"""


@dataclass(frozen=True)
class Seen:
    """What came out."""

    terminal: str
    """What went to the terminal."""
    piped: str
    """What went to standard output, where that was a pipe."""
    exit_code: int


def command(*arguments: str) -> list[str]:
    """Return the command line of a process that judges with the fake guard; it must start in `ROOT`."""
    return [sys.executable, "-c", WITH_FAKE_GUARD, *arguments]


def environment(**changes: str) -> Mapping[str, str]:
    """Return an environment in which only `changes` say anything about colours and widths."""
    silent = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM", "CLICOLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
    kept = {name: value for name, value in os.environ.items() if name not in silent}
    return {**kept, "TERM": "xterm-256color", **changes}


def run_on_terminal(*arguments: str, width: int = 100, output_is_piped: bool = False, **changes: str) -> Seen:
    """Run with standard error on a terminal, and standard output there too unless it is piped."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    process = subprocess.Popen(
        command(*arguments),
        cwd=ROOT,
        env=environment(**changes),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if output_is_piped else theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while chunk := _read(ours):
        shown += chunk
    os.close(ours)
    piped = process.communicate()[0] or b""
    return Seen(shown.decode().replace("\r\n", "\n"), piped.decode(), process.returncode)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # nobody holds the other end any more
        return b""
