"""Rows of tables as items, whatever file they come from: where the image is, what it is called, what else is known."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Container, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

from eyeward.annotate.arrow import arrow
from eyeward.annotate.item import Item, as_text
from eyeward.annotate.sources.fetching import fetched
from eyeward.annotate.sources.files import identity_of, is_url, unreadable
from eyeward.errors import DataError, ErrorType, UsageError
from eyeward.verdict import Failure

if TYPE_CHECKING:
    import pyarrow as pa

    from eyeward.images.fetch import Fetcher

KEY_COLUMNS = ("key", "__key__", "id", "SAMPLE_ID", "image_id")
"""Columns that keys are taken from, the first that is there; else the path of the image, else the number of the row."""
_BINARY_NAMES = ("image", "img", "jpg", "jpeg", "png", "webp", "bytes", "content")
"""Columns of plain bytes that are taken for images without being named."""
URL_COLUMNS = ("url", "URL", "image_url")
"""Columns of addresses, looked for where there are no images."""
ROWS_AT_ONCE = 32
"""Images are large: a batch of them is what lies in memory."""


@dataclass(frozen=True)
class Lost:
    """Rows that are there and cannot be read."""

    rows: int
    problem: Exception


class Reading(Protocol):
    """A table that is open."""

    @property
    def schema(self) -> pa.Schema:
        """Its columns."""
        ...

    def parts(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch | Lost]:
        """Yield all rows with these columns, some at a time, in their order."""
        ...


@dataclass(frozen=True)
class TableShard(ABC):
    """A table, or a part of one, of which every row is an item."""

    name: str
    file: str
    """Or the folder in which it lies."""
    image_column: str | None = None
    fetcher: Fetcher | None = None
    """For addresses; None fetches nothing."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[Reading]:
        """Open it.

        Raises:
            DataError: when it cannot be opened now.
        """

    def identity(self) -> str:
        """Tell it from others by size and content, and by the column that is read."""
        return identity_of(self.file) + ("" if self.image_column is None else f"-{self.image_column}")

    def keys(self) -> Iterator[str]:
        """Yield the keys of its rows."""
        with ExitStack() as stack:
            reading = self.read_in(stack)
            if isinstance(reading, Item):
                yield reading.key
                return
            for item, _ in self._rows(reading, image_column(reading.schema, self.image_column, self.file), False):
                yield item.key

    def items(self, columns: bool = False, only: Container[int] | None = None) -> Iterator[Item]:
        """Yield an item for each row; rows that are damaged are errors."""
        with ExitStack() as stack:
            reading = self.read_in(stack)
            if isinstance(reading, Item):
                yield reading
                return
            image = image_column(reading.schema, self.image_column, self.file)
            rows = self._rows(reading, image, columns)
            if only is not None:
                rows = ((item, url) for item, url in rows if item.index in only)
            if not is_text(reading.schema.field(image).type):
                yield from (item for item, _ in rows)
            elif self.fetcher is None:
                raise UsageError(
                    f"{self.file} holds addresses of images ({image}); name the hosts to ask: --fetch-host."
                )
            else:
                yield from fetched(rows, self.fetcher)

    def read_in(self, stack: ExitStack) -> Reading | Item:
        """Open it until the stack is closed; where it is damaged it is one item that says so.

        Raises:
            DataError: when it cannot be opened now.
        """
        try:
            return stack.enter_context(self.reading())
        except table_errors() as problem:
            return Item(0, self.name, self.damage(problem))

    def _rows(self, reading: Reading, image: str, columns: bool) -> Iterator[tuple[Item, str | None]]:
        """Yield the items, those with an address with it and without an image."""
        names = reading.schema.names
        key = next((name for name in KEY_COLUMNS if name in names and name != image), None)
        number = 0
        for part in reading.parts(names if columns else [image, *([] if key is None else [key])]):
            found: Sequence[dict[str, Any] | Exception]
            found = [part.problem] * part.rows if isinstance(part, Lost) else _as_rows(part, (image, key))
            for row in found:
                if isinstance(row, Exception):
                    yield Item(number, str(number), self.damage(row)), None
                else:
                    yield self._item(number, row, image, key)
                number += 1

    def _item(self, number: int, row: dict[str, Any], image: str, key: str | None) -> tuple[Item, str | None]:
        held = row.pop(image)
        named = row.get(key) if key is not None else None
        path = held.get("path") if isinstance(held, dict) else None
        spelled = named if named is not None else path if path is not None else number
        url = held if isinstance(held, str) and held else None
        found = b"" if url is not None else self.image_of(number, held)
        return Item(number, as_text(str(spelled)), found, row), url

    def image_of(self, number: int, held: object) -> bytes | Path | Failure:
        """Return the image of a row by what its column holds; no address."""
        content, path = (held.get("bytes"), held.get("path")) if isinstance(held, dict) else (held, None)
        if isinstance(content, bytes):
            return content
        where = f"{self.name}: row {number}"
        if not isinstance(path, str) or not path:
            return Failure(type=ErrorType.not_found, message=f"{where} holds no image.")
        if is_url(self.file) or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or "\0" in path:
            message = f"{where} holds no image but a path; only one below the folder of a local file is followed."
            return Failure(type=ErrorType.not_found, message=message)
        return Path(self.file).parent / path

    def damage(self, problem: Exception) -> Failure:
        """Return what damaged rows are; what is not in the file but in the way to it is raised.

        Raises:
            DataError: for such.
        """
        if isinstance(problem, OSError) and (problem.errno is not None or type(problem) is not OSError):
            raise unreadable(self.file, problem) from problem
        said = " ".join(str(problem).split())[:200].rstrip(".")
        return Failure(type=ErrorType.unreadable, message=f"{self.name} is damaged: {said}.")


def _as_rows(part: pa.RecordBatch, needed: Container[str | None]) -> list[dict[str, Any] | Exception]:
    """Return rows as they are in Python. Text that is none makes an error of its row alone, or, not needed, is None."""
    try:
        return list(part.to_pylist())
    except UnicodeDecodeError:
        return [_as_row(part.slice(number, 1), needed) for number in range(part.num_rows)]


def _as_row(part: pa.RecordBatch, needed: Container[str | None]) -> dict[str, Any] | Exception:
    row: dict[str, Any] = {}
    for name in part.schema.names:
        try:
            (row[name],) = part.column(name).to_pylist()
        except UnicodeDecodeError as problem:
            if name in needed:
                return problem
            row[name] = None
    return row


def image_column(schema: pa.Schema, wanted: str | None, file: str) -> str:
    """Return the column with the images: the one that is named, else the only one that can be it.

    What `datasets` notes of the columns comes first: sounds and videos lie in structs like those of images.

    Raises:
        DataError: when it is not there.
        UsageError: when there are several.
    """
    if wanted is not None:
        if wanted not in schema.names:
            raise DataError(f"It has no column {wanted!r}; it has {', '.join(schema.names)}.", file)
        return wanted
    features = _features(schema)
    found = [name for name, kind in features.items() if kind == "Image" and name in schema.names]
    found = found or [
        field.name for field in schema if _is_image_struct(field.type) and features.get(field.name) is None
    ]
    found = found or [field.name for field in schema if _is_bytes(field.type) and field.name in _BINARY_NAMES]
    found = found or [name for name in URL_COLUMNS if name in schema.names and is_text(schema.field(name).type)][:1]
    if not found:
        raise DataError(
            f"It has no column with images; it has {', '.join(schema.names)}. Name it: --image-column.", file
        )
    if len(found) > 1:
        raise UsageError(f"{file} has several columns with images: {', '.join(found)}. Name one: --image-column.")
    return str(found[0])


def table_errors() -> tuple[type[Exception], ...]:
    """Return what readers of tables raise."""
    return (arrow().lib.ArrowException, OSError)


def _features(schema: pa.Schema) -> dict[str, str | None]:
    """Return the kinds of columns as `datasets` notes them in the schema."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {
            name: feature.get("_type") if isinstance(feature, dict) else "List" for name, feature in features.items()
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}


def _is_image_struct(type: pa.DataType) -> bool:
    return arrow().types.is_struct(type) and {"bytes", "path"} <= {field.name for field in type}


def _is_bytes(type: pa.DataType) -> bool:
    types = arrow().types
    return bool(types.is_binary(type) or types.is_large_binary(type))


def is_text(type: pa.DataType) -> bool:
    """Whether a column of images holds addresses of them."""
    types = arrow().types
    return bool(types.is_string(type) or types.is_large_string(type))
