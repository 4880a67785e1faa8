"""Parquet files, and Arrow files as `datasets` saves them, as records; images are bytes inside or paths beside."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eyeward.data.importing.row import Discard, Record, Records, Unread, side_of_file
from eyeward.data.importing.tables import broken
from eyeward.errors import MissingExtra

if TYPE_CHECKING:
    import pyarrow

_ROWS_AT_ONCE = 64
"""Images are large: a batch of them is what lies in memory."""


def read_parquet(file: Path, source: Path | None = None) -> Records:
    """Yield the records of a Parquet file of a source; a damaged row group costs its rows, which are counted."""
    parquet = _pyarrow("parquet")
    side = side_of_file(file, source)
    number = 0
    try:
        with parquet.ParquetFile(file) as opened:
            for group in range(opened.num_row_groups):
                rows = opened.metadata.row_group(group).num_rows
                end = number + rows
                try:
                    for batch in opened.iter_batches(_ROWS_AT_ONCE, row_groups=[group]):
                        for record in _records(file, batch, number, side):
                            number += 1
                            yield record
                except _errors() as problem:
                    yield broken(file, number, problem, rows=end - number)
                number = end
    except _errors() as problem:
        yield broken(file, number, problem)


def read_columns(file: Path, columns: Collection[str]) -> Records:
    """Yield the records of a Parquet file with those of its columns that are named, fields of structs by `a.b`."""
    parquet = _pyarrow("parquet")
    number = 0
    try:
        with parquet.ParquetFile(file) as opened:
            leaves = [opened.schema.column(place).path for place in range(len(opened.schema))]
            wanted = [leaf for leaf in leaves if leaf in columns]
            for batch in opened.iter_batches(columns=wanted):
                for values in batch.to_pylist():
                    number += 1
                    yield Record(f"{file.name}: row {number}", values)
    except _errors() as problem:
        yield broken(file, number, problem)


def read_arrow(file: Path, source: Path | None = None) -> Records:
    """Yield the records of an Arrow file of a source, of the stream or of the file format."""
    ipc = _pyarrow("ipc")
    side = side_of_file(file, source)
    number = 0
    try:
        with file.open("rb") as stream:
            is_file = stream.read(6) == b"ARROW1"
            stream.seek(0)
            for batch in _batches(ipc.open_file(stream)) if is_file else ipc.open_stream(stream):
                for start in range(0, batch.num_rows, _ROWS_AT_ONCE):
                    for record in _records(file, batch.slice(start, _ROWS_AT_ONCE), number, side):
                        number += 1
                        yield record
    except _errors() as problem:
        yield broken(file, number, problem)


def _batches(opened: pyarrow.RecordBatchFileReader) -> Iterator[pyarrow.RecordBatch]:
    return (opened.get_batch(number) for number in range(opened.num_record_batches))


def _records(file: Path, batch: pyarrow.RecordBatch, before: int, side: str | None) -> Iterator[Record | Unread]:
    names = _class_names(batch.schema)
    for offset, read in enumerate(batch.to_pylist(), start=1):
        values = {column: _named(value, names.get(column)) for column, value in read.items()}
        place = f"{file.name}: row {before + offset}"
        if not values:
            yield Unread(place, Discard.unreadable_row, f"{place} has no columns.")
        else:
            yield Record(place, values, side)


def _class_names(schema: pyarrow.Schema) -> dict[str, list[str]]:
    """Return the words behind columns that hold numbers of classes, as `datasets` notes them in the schema."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {
            name: [str(word) for word in feature["names"]]
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (KeyError, TypeError, ValueError):
        return {}


def _named(value: object, names: list[str] | None) -> object:
    return names[value] if names and isinstance(value, int) and 0 <= value < len(names) else value


def _errors() -> tuple[type[Exception], ...]:
    lib = _pyarrow("lib")
    return (lib.ArrowException, OSError, ValueError)


def _pyarrow(part: str) -> Any:
    from importlib import import_module

    try:
        return import_module(f"pyarrow.{part}")
    except ModuleNotFoundError as missing:
        raise MissingExtra("data", "Reading Parquet") from missing
