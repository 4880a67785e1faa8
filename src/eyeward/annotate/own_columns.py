"""The columns that a dataset itself has, put aside shard by shard, from where SQL reads what a question needs."""

from __future__ import annotations

import json
import shutil
import tempfile
import weakref
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from eyeward.annotate.arrow import arrow, parquet
from eyeward.annotate.item import Item, Shard
from eyeward.annotate.rows import schema
from eyeward.annotate.sources.tables import Lost, TableShard, image_column
from eyeward.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_ASIDE, _BYTES_ASIDE = 10_000, 32 << 20
"""So much lies in memory, and then in a file."""


class _Part(NamedTuple):
    """Some rows of a shard, one after the other."""

    rows: int
    columns: Mapping[str, pa.Array | pa.ChunkedArray]


class OwnColumns:
    """All columns but the images, beside `shard` and `index`; names that verdicts have begin with `source_`.

    They lie in the folder for temporary files (`TMPDIR`), as long as this is held. Memory has a part of one shard.
    """

    def __init__(self, shards: Iterable[Shard], only: Collection[str] | None = None) -> None:
        """Read a dataset through; of the columns `only` those that are named, in any case.

        Raises:
            DataError: when a shard cannot be read now, or there is no room for its columns.
            UsageError: when it is not clear which column holds the images.
        """
        self.folder = Path(tempfile.mkdtemp(prefix="eyeward-columns-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.names: dict[str, None] = {}
        """All that there are, put aside or not."""
        self._wanted = None if only is None else {name.lower() for name in only}
        self._types: dict[str, set[pa.DataType]] = {}
        """By names in small letters: SQL knows no others."""
        self._files: list[tuple[Path, pa.Schema]] = []
        for shard in shards:
            index = 0
            for part in self._parts(shard):
                self._put_aside(shard.name, index, part)
                index += part.rows
        if not self._files:
            self._put_aside("", 0, _Part(0, {}))

    def lacks(self, name: str) -> bool:
        """Whether neither the dataset nor a verdict has such a column."""
        return name.lower() not in {known.lower() for known in (*self.names, *schema(True, True).names)}

    @property
    def sql(self) -> str:
        """A question for all rows. A column that is of several types is text."""
        texts = {name for name, types in self._types.items() if not _fit_together(types)}
        parts = []
        as_texts = [(_of_types(columns, texts), path) for path, columns in self._files]
        for casts, files in groupby(sorted(as_texts), lambda file: file[0]):
            changed = ", ".join(
                f"CAST({quoted} AS VARCHAR) AS {quoted}" for quoted in (_name(name) for name, _ in casts)
            )
            listed = ", ".join(in_quotes(str(path)) for _, path in files)
            parts.append(
                f"SELECT * {f'REPLACE ({changed}) ' if changed else ''}"
                f"FROM read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"
            )
        absent = [name for name in self.names if self._is_wanted(name) and name.lower() not in self._types]
        empty = "".join(f", NULL::VARCHAR AS {_name(name)}" for name in absent)
        return f"SELECT *{empty} FROM ({' UNION ALL BY NAME '.join(parts)})"

    def _parts(self, shard: Shard) -> Iterator[_Part]:
        return self._of_table(shard) if isinstance(shard, TableShard) else self._of_items(shard)

    def _of_table(self, shard: TableShard) -> Iterator[_Part]:
        """Read a table; columns are null in rows that cannot be read."""
        pa = arrow()
        with ExitStack() as stack:
            reading = shard.read_in(stack)
            if isinstance(reading, Item):  # damaged as a whole, which is one row
                yield _Part(1, {})
                return
            image = image_column(reading.schema, shard.image_column, shard.file)
            others = [field.with_nullable(True) for field in reading.schema if field.name != image]
            self._meet(field.name for field in others)
            columns = pa.schema([field for field in others if self._is_wanted(_free(field.name))])
            waiting: list[Any] = []
            rows = size = 0
            for part in reading.parts(columns.names or [field.name for field in others][:1] or [image]):
                count = part.rows if isinstance(part, Lost) else part.num_rows
                if isinstance(part, Lost):
                    shard.damage(part.problem)
                    arrays = [pa.nulls(count, field.type) for field in columns]
                else:
                    arrays = [part.column(name) for name in columns.names]
                waiting.append(pa.RecordBatch.from_arrays(arrays, schema=columns))
                rows, size = rows + count, size + waiting[-1].nbytes
                if rows >= _ROWS_ASIDE or size >= _BYTES_ASIDE:
                    yield _of_batches(rows, waiting, columns)
                    waiting, rows, size = [], 0, 0
            if rows:
                yield _of_batches(rows, waiting, columns)

    def _of_items(self, shard: Shard) -> Iterator[_Part]:
        """Read what other sources know of their items."""
        waiting: list[dict[str, object]] = []
        size = 0
        for item in shard.items(columns=True):
            self._meet(item.columns)
            known = {_clean(name): value for name, value in item.columns.items()}
            waiting.append({name: value for name, value in known.items() if self._is_wanted(_free(name))})
            size += sum(len(value) for value in waiting[-1].values() if isinstance(value, str))
            if len(waiting) >= _ROWS_ASIDE or size >= _BYTES_ASIDE:
                yield _of_dicts(waiting)
                waiting, size = [], 0
        if waiting:
            yield _of_dicts(waiting)

    def _meet(self, names: Iterable[str]) -> None:
        for name in names:
            self.names.setdefault(_free(_clean(name)))

    def _is_wanted(self, name: str) -> bool:
        return self._wanted is None or name.lower() in self._wanted

    def _put_aside(self, shard: str, index: int, part: _Part) -> None:
        pa = arrow()
        columns = {name: column for name, column in part.columns.items() if not pa.types.is_null(column.type)}
        place = {
            "shard": pa.array([shard] * part.rows, "string"),
            "index": pa.array(range(index, index + part.rows), "int64"),
        }
        table = pa.table(place | columns)
        path = self.folder / f"{len(self._files):08}.parquet"
        try:
            parquet().write_table(table, path, compression="zstd")
        except OSError as problem:
            raise DataError(
                "The columns of the dataset cannot be put aside among the temporary files: "
                f"{problem.strerror or problem}. Make room there, or name another folder (TMPDIR)."
            ) from problem
        except pa.lib.ArrowException as problem:
            raise DataError(f"The columns of the shard {shard!r} cannot be put aside: {problem}.") from problem
        self._files.append((path, table.schema))
        for field in table.schema:
            self._types.setdefault(field.name.lower(), set()).add(field.type)


def in_quotes(text: str) -> str:
    """Return text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _of_types(columns: pa.Schema, texts: Collection[str]) -> tuple[tuple[str, str], ...]:
    """Return the columns of a file that have to become text, with their types: files of one type are read together."""
    return tuple((field.name, str(field.type)) for field in columns if field.name.lower() in texts)


def _fit_together(types: Collection[pa.DataType]) -> bool:
    pa = arrow()
    try:
        pa.unify_schemas([pa.schema([("column", type)]) for type in types], promote_options="permissive")
    except pa.lib.ArrowException:
        return False
    return True


def _of_batches(rows: int, batches: Sequence[pa.RecordBatch], columns: pa.Schema) -> _Part:
    table = arrow().Table.from_batches(batches, columns)
    return _Part(rows, {_free(_clean(name)): table[name] for name in columns.names})


def _of_dicts(known: Sequence[Mapping[str, object]]) -> _Part:
    names = dict.fromkeys(name for columns in known for name in columns)
    return _Part(len(known), {_free(name): _column([columns.get(name) for columns in known]) for name in names})


def _free(name: str) -> str:
    return f"source_{name}" if name in schema(statistics=True).names else name


def _column(values: Sequence[object]) -> Any:
    """Return values as a column: as they are where they fit together, else as text; what has parts as JSON."""
    plain = [
        value if value is None or isinstance(value, str | int | float | bool) else json.dumps(value) for value in values
    ]
    try:
        return arrow().array(plain)
    except (arrow().lib.ArrowException, OverflowError, UnicodeEncodeError):
        return arrow().array([None if value is None else _clean(str(value)) for value in plain], "string")


def _clean(text: str) -> str:
    """Return text as Unicode: lone surrogates become escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
