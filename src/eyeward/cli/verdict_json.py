"""Verdicts for programs: a line of JSON each, or one array."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from eyeward.cli.screen import printable_json
from eyeward.verdict import Verdict


class VerdictJson:
    """Prints each verdict as it comes; in an array one later, because only then its comma is known."""

    def __init__(self, console: Console, as_array: bool) -> None:
        """Choose between an array and lines."""
        self._console = console
        self._as_array = as_array
        self._waiting = "["

    def add(self, verdict: Verdict) -> None:
        """Write one verdict."""
        line = printable_json(verdict.model_dump_json(), self._console.encoding)
        if not self._as_array:
            self._write(line)
            return
        self._write(self._waiting if self._waiting == "[" else f"{self._waiting},")
        self._waiting = line

    def finish(self, summary: Text) -> None:
        """Close an array. The summary is for people and is not written."""
        if self._as_array:
            self._write(self._waiting)
            self._write("]")

    def _write(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)
