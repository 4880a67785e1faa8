"""`eyeward query`: questions in SQL to what was annotated."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any

import typer
from rich.table import Column, Table
from rich.text import Text

from eyeward.cli.run_folder import folder_of
from eyeward.cli.screen import Screen, printable_json, visible

_MOST_IN_TABLE = 200
"""Rows that a person looks at; `--format jsonl` gives all."""


class Format(StrEnum):
    """How rows are written."""

    table = "table"
    jsonl = "jsonl"
    csv = "csv"


def query(
    run: Annotated[
        str, typer.Argument(metavar="DIR", show_default=False, help="Folder or s3://… of `eyeward annotate`.")
    ],
    sql: Annotated[
        str,
        typer.Argument(
            metavar="SQL",
            show_default=False,
            help="Over the views verdicts, source (the dataset's own columns) and annotated (both): "
            "'select category, count(*) from verdicts group by 1 order by 2 desc'.",
        ),
    ],
    format: Annotated[Format, typer.Option(help="A table for people, a line of JSON for each row, or CSV.")] = (
        Format.table
    ),
    source: Annotated[
        list[str] | None, typer.Option(help="Where the dataset lies now, if it was moved; may be given again.")
    ] = None,
) -> None:
    """Answer a question in SQL (extra annotate)."""
    from eyeward.annotate.query import answer

    screen = Screen()
    folder = folder_of(run, screen)
    with screen.bar("Asking"):
        found = answer(folder, sql, source)
    if format is Format.table:
        _table(screen, found.columns, list(islice(found.rows, _MOST_IN_TABLE + 1)))
        return
    writer = csv.writer(sys.stdout)
    if format is Format.csv:
        writer.writerow(found.columns)
    for row in found.rows:
        if format is Format.csv:
            writer.writerow(row)
        else:
            text = json.dumps(dict(zip(found.columns, row, strict=True)), ensure_ascii=False, default=str)
            sys.stdout.write(printable_json(text, sys.stdout.encoding or "utf-8") + "\n")


def _table(screen: Screen, columns: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
    table = Table(*(Column(Text(visible(column))) for column in columns))
    for row in rows[:_MOST_IN_TABLE]:
        table.add_row(*(Text(_shown(value)) for value in row))
    screen.out.print(table)
    if len(rows) > _MOST_IN_TABLE:
        screen.say(f"These are the first {_MOST_IN_TABLE} rows; --format jsonl writes all.")


def _shown(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else visible(str(value))
