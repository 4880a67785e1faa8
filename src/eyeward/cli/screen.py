"""What may be written to a terminal: consoles that respect NO_COLOR and pipes, text that cannot command anything."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class Screen:
    """Standard output, standard error, and a bar on the latter while somebody watches.

    When both go to a terminal the bar is drawn by the console that writes the output, which keeps it below the rows.
    """

    def __init__(self) -> None:
        """Look at the streams as they are now."""
        self.out = _console(stderr=False)
        self._err = _console(stderr=True)
        self.watched = _is_terminal(sys.stderr)
        self._shared = self.watched and _is_terminal(sys.stdout)

    @contextmanager
    def bar(self, what: str, total: int | None = None) -> Iterator[Callable[[], None]]:
        """Show a bar, gone at the end, and give the function that advances it; `total` None where nobody knows."""
        if not self.watched:
            yield lambda: None
            return
        columns = (TextColumn("{task.description}", markup=False), BarColumn())
        counting: list[ProgressColumn] = (
            [MofNCompleteColumn(), TimeRemainingColumn()] if total is not None else [TimeElapsedColumn()]
        )
        with Progress(
            *columns,
            *counting,
            console=self.out if self._shared else self._err,
            transient=True,
            redirect_stdout=False,  # what others print stays where they print it
            redirect_stderr=False,
        ) as progress:
            task = progress.add_task(what, total=total)
            yield lambda: progress.advance(task)

    def say(self, sentence: str) -> None:
        """Write a sentence for people on standard error; not while there is a bar."""
        self._err.print(Text(sentence), soft_wrap=True)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave a closed pipe to the command; rich would exit with 1, which means that an image is Unsafe."""
        raise  # rich calls this where it has caught the error


def _console(stderr: bool) -> Console:
    """Return a console; rich colours terminals only, and nothing where NO_COLOR is set (no-color.org)."""
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")  # a name that a terminal cannot write must not end the run
    return _Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def visible(text: str) -> str:
    """Return foreign text with everything escaped that a terminal would obey or hide; it stays on one line."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def one_line(text: str) -> str:
    """Return running text with its line breaks and tabs turned to blanks, and as in `visible`."""
    return visible(" ".join(text.split()))


def printable_json(line: str, encoding: str) -> str:
    """Return the same JSON, one line of it, with escapes for what is not printable or not in an encoding."""
    everything = encoding.lower().replace("_", "-") in ("utf-8", "utf8")
    return "".join(c if c.isprintable() and (everything or c.isascii()) else json.dumps(c)[1:-1] for c in line)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it belongs there."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
