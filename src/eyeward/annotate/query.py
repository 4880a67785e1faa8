"""Questions in SQL to what a run has written, and to the columns that the dataset itself has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eyeward.annotate.answers import Answers
from eyeward.annotate.arrow import arrow, parquet
from eyeward.annotate.finished import Finished
from eyeward.annotate.item import Shard
from eyeward.annotate.rows import schema
from eyeward.annotate.sources.files import opened
from eyeward.annotate.sources.parquet import ParquetShard
from eyeward.annotate.sources.tables import Lost, TableShard, image_column
from eyeward.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_ROWS_AT_ONCE = 1000
VERDICTS, SOURCE, ANNOTATED = "verdicts", "source", "annotated"


@dataclass(frozen=True)
class Answer:
    """Rows of an answer, read as they are asked for."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


def answer(folder: Path, sql: str, source: Sequence[str] | None = None) -> Answer:
    """Answer a question over `verdicts`, `source` (the dataset's own columns, without images) and `annotated` (both).

    `source` says where the dataset lies now, if it was moved; it is opened only when the question names it.

    Raises:
        UsageError: when there is no run or the question makes no sense.
        MissingExtra: when there is no DuckDB.
    """
    base = connected(folder)
    import duckdb

    try:
        if [statement.type for statement in base.extract_statements(sql)] != [duckdb.StatementType.SELECT]:
            raise UsageError("That is no question; write one SELECT.")
        if re.search(rf"\b({SOURCE}|{ANNOTATED})\b", sql, re.IGNORECASE):
            base.register(SOURCE, _own_columns(Finished.open(folder, source)))
            base.execute(f'CREATE VIEW {ANNOTATED} AS SELECT * FROM {VERDICTS} JOIN {SOURCE} USING (shard, "index")')
        found = base.execute(sql)
    except duckdb.Error as problem:
        raise UsageError(f"The question cannot be answered: {problem}") from problem
    return Answer(tuple(str(column[0]) for column in found.description or ()), _rows(found))


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
    listed = ", ".join(_quoted(file) for file in files)
    base.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{listed}], hive_partitioning = false)")


def _rows(found: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while rows := found.fetchmany(_ROWS_AT_ONCE):
        yield from rows


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _own_columns(run: Finished) -> pa.Table:
    """Return the columns of a dataset beside `shard` and `index`; names that verdicts have begin with `source_`."""
    tables = [_own_columns_of(shard) for shard in run.source.shards]
    pa = arrow()
    try:
        joined = pa.concat_tables(tables, promote_options="permissive")
    except pa.lib.ArrowException:  # columns of one name and several types
        joined = pa.concat_tables([_as_text(table) for table in tables], promote_options="permissive")
    return joined


def _own_columns_of(shard: Shard) -> pa.Table:
    pa = arrow()
    if isinstance(shard, ParquetShard):
        with opened(shard.file) as stream:
            found = parquet().ParquetFile(stream).schema_arrow
            image = image_column(found, shard.image_column, shard.file)
            table = parquet().read_table(stream, columns=[name for name in found.names if name != image])
            table = table.replace_schema_metadata(None)
            count = parquet().ParquetFile(stream).metadata.num_rows
        indices = pa.array(range(count), "int64")
    elif isinstance(shard, TableShard):
        table, count = _own_columns_of_table(shard)
        indices = pa.array(range(count), "int64")
    else:
        known = [item.columns for item in shard.items(columns=True)]
        names = list(dict.fromkeys(name for columns in known for name in columns))
        table = pa.table({name: _column([columns.get(name) for columns in known]) for name in names})
        indices = pa.array(range(len(known)), "int64")
    columns = {_free(name): table[name] for name in table.schema.names}
    return pa.table({"shard": pa.array([shard.name] * len(indices), "string"), "index": indices, **columns})


def _own_columns_of_table(shard: TableShard) -> tuple[pa.Table, int]:
    """Return the columns besides the images, null in rows that cannot be read, and the number of rows."""
    pa = arrow()
    parts = []
    count = 0
    with shard.reading() as reading:
        image = image_column(reading.schema, shard.image_column, shard.file)
        columns = pa.schema([field.with_nullable(True) for field in reading.schema if field.name != image])
        for part in reading.parts(columns.names or [image]):
            count += part.rows if isinstance(part, Lost) else part.num_rows
            if isinstance(part, Lost):
                arrays = [pa.nulls(part.rows, field.type) for field in columns]
            else:
                arrays = [part.column(name) for name in columns.names]
            parts.append(pa.Table.from_arrays(arrays, schema=columns))
    return pa.concat_tables(parts) if parts else columns.empty_table(), count


def _free(name: str) -> str:
    return f"source_{name}" if name in schema(statistics=True).names else name


def _column(values: list[object]) -> Any:
    """Return values as a column: as they are where they fit together, else as text; what has parts as JSON."""
    plain = [
        value if value is None or isinstance(value, str | int | float | bool) else json.dumps(value) for value in values
    ]
    try:
        return arrow().array(plain)
    except (arrow().lib.ArrowException, OverflowError):
        return arrow().array([_text(value) for value in plain], "string")


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _as_text(table: pa.Table) -> Any:
    pa = arrow()
    fixed = ("shard", "index")
    columns = {name: table[name] for name in fixed}
    for name in table.schema.names:
        if name not in fixed:
            columns[name] = pa.array([_text(value) for value in table[name].to_pylist()], "string")
    return pa.table(columns)
