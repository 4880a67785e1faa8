"""Parquet files with images: Hugging Face's structs of bytes and path, plain bytes, or addresses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eyeward.annotate.arrow import parquet
from eyeward.annotate.sources.files import opened
from eyeward.annotate.sources.tables import ROWS_AT_ONCE, Lost, Reading, TableShard, table_errors

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".parquet",)
_BUFFER = 1 << 20


@dataclass(frozen=True)
class ParquetShard(TableShard):
    """One file. A damaged row group is as many errors as it has rows."""

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Open it."""
        with (
            opened(self.file) as stream,
            parquet().ParquetFile(stream, buffer_size=_BUFFER, pre_buffer=False) as file,
        ):
            yield Groups(file)


class Groups:
    """The row groups of a file."""

    def __init__(self, file: Any) -> None:
        self._file = file

    @property
    def schema(self) -> pa.Schema:
        return self._file.schema_arrow

    def sizes(self) -> list[int]:
        """Return how many rows each has."""
        return [self._file.metadata.row_group(group).num_rows for group in range(self._file.num_row_groups)]

    def parts(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch | Lost]:
        for group in range(self._file.num_row_groups):
            yield from self.group(group, columns)

    def group(self, group: int, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch | Lost]:
        """Yield the rows of one, with these columns, or with all."""
        left = self._file.metadata.row_group(group).num_rows
        chosen = None if columns is None else list(columns)
        try:
            for batch in self._file.iter_batches(ROWS_AT_ONCE, row_groups=[group], columns=chosen):
                left -= batch.num_rows
                yield batch
        except table_errors() as problem:
            yield Lost(left, problem)
