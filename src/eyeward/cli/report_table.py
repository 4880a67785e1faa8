"""Rows that were left out, and why, for people."""

from __future__ import annotations

from rich import box
from rich.table import Table
from rich.text import Text

from eyeward.cli.screen import Screen, visible
from eyeward.data.report import Report


def print_discarded(screen: Screen, report: Report) -> None:
    """Print each reason with its rows and the first of them, nothing where there is none."""
    if not report.discarded:
        return
    table = Table("discarded", "rows", "first of them", box=box.SIMPLE_HEAD)
    table.columns[1].justify = "right"
    for item in report.discarded:
        rows = f"{item.rows:,}" if item.rows else "?"
        table.add_row(item.reason, rows, Text(visible(item.examples[0])))
    screen.out.print(table)
    for sentence in report.lost:
        screen.say(f"Nobody knows how many rows are lost: {visible(sentence)}")
