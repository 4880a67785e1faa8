"""Questions in SQL to what a run has written, and to the columns that the dataset itself has."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eyeward.annotate.answers import Answers
from eyeward.annotate.finished import Finished
from eyeward.annotate.own_columns import OwnColumns, in_quotes
from eyeward.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    import duckdb

_ROWS_AT_ONCE = 1000
VERDICTS, SOURCE, ANNOTATED = "verdicts", "source", "annotated"


@dataclass(frozen=True)
class Answer:
    """Rows of an answer, read as they are asked for."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


def answer(folder: Path, sql: str, source: Sequence[str] | None = None, only: Collection[str] | None = None) -> Answer:
    """Answer a question over `verdicts`, `source` (the dataset's own columns, without images) and `annotated` (both).

    `source` says where the dataset lies now, if it was moved; it is opened only when the question names it, and read
    through once. `only` names the own columns that the question needs, where that is known; None is all.

    Raises:
        UsageError: when there is no run, the question makes no sense, or the dataset has not what it needs.
        DataError: when the dataset cannot be read now.
        MissingExtra: when there is no DuckDB.
    """
    base = connected(folder)
    import duckdb

    own: OwnColumns | None = None
    try:
        if [statement.type for statement in base.extract_statements(sql)] != [duckdb.StatementType.SELECT]:
            raise UsageError("That is no question; write one SELECT.")
        if re.search(rf"\b({SOURCE}|{ANNOTATED})\b", sql, re.IGNORECASE):
            own = OwnColumns(Finished.open(folder, source).source.shards, only)
            for name in only or ():
                if own.lacks(name):
                    raise UsageError(f"The dataset has no column {name!r}; it has {', '.join(own.names) or 'none'}.")
            base.execute(f"SET temp_directory = {in_quotes(str(own.folder / 'spilled'))}")
            base.execute(f"CREATE VIEW {SOURCE} AS {own.sql}")
            base.execute(f'CREATE VIEW {ANNOTATED} AS SELECT * FROM {VERDICTS} JOIN {SOURCE} USING (shard, "index")')
        found = base.execute(sql)
    except duckdb.Error as problem:
        raise UsageError(f"The question cannot be answered: {problem}") from problem
    return Answer(tuple(str(column[0]) for column in found.description or ()), _rows(found, own))


def connected(folder: Path) -> duckdb.DuckDBPyConnection:
    """Return a database in which `verdicts` are the rows of all finished shards.

    Raises:
        UsageError: when there is no run, or nothing of it is finished.
        MissingExtra: when there is no DuckDB.
    """
    try:
        import duckdb
    except ModuleNotFoundError as missing:
        raise MissingExtra("annotate", "Asking in SQL") from missing
    base = duckdb.connect()
    view(base, VERDICTS, folder)
    return base


def view(base: duckdb.DuckDBPyConnection, name: str, folder: Path) -> None:
    """Give a database the rows of all finished shards of a run under a name.

    Raises:
        UsageError: when there is no run, nothing of it is finished, or there is a file of another run.
    """
    files = [str(folder / name) for name in Answers.of(folder).names]
    if not files:
        raise UsageError(f"No shard is finished in {folder}; there is nothing to ask about.")
    listed = ", ".join(map(in_quotes, files))
    base.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{listed}], hive_partitioning = false)")


def _rows(found: duckdb.DuckDBPyConnection, own: OwnColumns | None) -> Iterator[tuple[Any, ...]]:
    """Yield the rows. What they are read from stays as long as somebody may ask for more: `own` is held here."""
    while rows := found.fetchmany(_ROWS_AT_ONCE):
        yield from rows
