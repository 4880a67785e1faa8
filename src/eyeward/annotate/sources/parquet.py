"""Parquet files with images: Hugging Face's structs of bytes and path, plain bytes, or addresses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from eyeward.annotate.arrow import arrow, parquet
from eyeward.annotate.item import Item, as_text
from eyeward.annotate.sources.fetching import fetched
from eyeward.annotate.sources.files import identity_of, is_url, opened, unreadable
from eyeward.errors import DataError, ErrorType, UsageError
from eyeward.verdict import Failure

if TYPE_CHECKING:
    import pyarrow

    from eyeward.images.fetch import Fetcher

SUFFIXES = (".parquet",)
KEY_COLUMNS = ("key", "__key__", "id", "SAMPLE_ID", "image_id")
"""Columns that keys are taken from, the first that is there; else the path of the image, else the number of the row."""
_BINARY_NAMES = ("image", "img", "jpg", "jpeg", "png", "webp", "bytes", "content")
"""Columns of plain bytes that are taken for images without being named."""
URL_COLUMNS = ("url", "URL", "image_url")
"""Columns of addresses, looked for where there are no images."""
_ROWS_AT_ONCE = 32
"""Images are large: a batch of them is what lies in memory."""
_BUFFER = 1 << 20


@dataclass(frozen=True)
class ParquetShard:
    """One file."""

    name: str
    file: str
    image_column: str | None = None
    fetcher: Fetcher | None = None
    """For addresses; None fetches nothing."""

    def identity(self) -> str:
        """Tell it from others by size and content, and by the column that is read."""
        return identity_of(self.file) + ("" if self.image_column is None else f"-{self.image_column}")

    def items(self, columns: bool = False) -> Iterator[Item]:
        """Yield an item for each row; a damaged row group gives as many errors as it has rows."""
        with opened(self.file) as stream:
            try:
                file = parquet().ParquetFile(stream, buffer_size=_BUFFER, pre_buffer=False)
            except _errors() as problem:
                yield Item(0, self.name, self._damage(problem))
                return
            with file:
                image = image_column(file.schema_arrow, self.image_column, self.file)
                rows = self._rows(file, image, columns)
                if not _is_text(file.schema_arrow.field(image).type):
                    yield from (item for item, _ in rows)
                elif self.fetcher is None:
                    raise UsageError(
                        f"{self.file} holds addresses of images ({image}); name the hosts to ask: --fetch-host."
                    )
                else:
                    yield from fetched(rows, self.fetcher)

    def _rows(self, file: Any, image: str, columns: bool) -> Iterator[tuple[Item, str | None]]:
        """Yield the items, those with an address with it and without an image."""
        schema = file.schema_arrow
        key = next((name for name in KEY_COLUMNS if name in schema.names and name != image), None)
        read = schema.names if columns else [image, *([] if key is None else [key])]
        number = 0
        for group in range(file.num_row_groups):
            end = number + file.metadata.row_group(group).num_rows
            try:
                for batch in file.iter_batches(_ROWS_AT_ONCE, row_groups=[group], columns=read):
                    for row in batch.to_pylist():
                        yield self._item(number, row, image, key)
                        number += 1
            except _errors() as problem:
                damage = self._damage(problem)
                for lost in range(number, end):
                    yield Item(lost, str(lost), damage), None
            number = end

    def _item(self, number: int, row: dict[str, Any], image: str, key: str | None) -> tuple[Item, str | None]:
        held = row.pop(image)
        named = row.get(key) if key is not None else None
        path = held.get("path") if isinstance(held, dict) else None
        spelled = named if named is not None else path if path is not None else number
        url = held if isinstance(held, str) and held else None
        found = b"" if url is not None else self._image(number, held, path)
        return Item(number, as_text(str(spelled)), found, row), url

    def _image(self, number: int, held: object, path: object) -> bytes | Path | Failure:
        content = held.get("bytes") if isinstance(held, dict) else held
        if isinstance(content, bytes):
            return content
        where = f"{self.name}: row {number}"
        if not isinstance(path, str) or not path:
            return Failure(type=ErrorType.not_found, message=f"{where} holds no image.")
        if is_url(self.file) or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or "\0" in path:
            message = f"{where} holds no image but a path; only one below the folder of a local file is followed."
            return Failure(type=ErrorType.not_found, message=message)
        return Path(self.file).parent / path

    def _damage(self, problem: Exception) -> Failure:
        if isinstance(problem, OSError) and problem.errno is not None:
            raise unreadable(self.file, problem) from problem
        said = " ".join(str(problem).split())[:200].rstrip(".")
        return Failure(type=ErrorType.unreadable, message=f"{self.name} is damaged: {said}.")


def image_column(schema: pyarrow.Schema, wanted: str | None, file: str) -> str:
    """Return the column with the images: the one that is named, else the only one that can be it.

    Raises:
        DataError: when it is not there.
        UsageError: when there are several.
    """
    if wanted is not None:
        if wanted not in schema.names:
            raise DataError(f"It has no column {wanted!r}; it has {', '.join(schema.names)}.", file)
        return wanted
    found = [field.name for field in schema if _is_image_struct(field.type)]
    found = found or [name for name in _declared(schema) if name in schema.names]
    found = found or [field.name for field in schema if _is_bytes(field.type) and field.name in _BINARY_NAMES]
    found = found or [name for name in URL_COLUMNS if name in schema.names and _is_text(schema.field(name).type)][:1]
    if not found:
        raise DataError(
            f"It has no column with images; it has {', '.join(schema.names)}. Name it: --image-column.", file
        )
    if len(found) > 1:
        raise UsageError(f"{file} has several columns with images: {', '.join(found)}. Name one: --image-column.")
    return str(found[0])


def _is_image_struct(type: pyarrow.DataType) -> bool:
    return arrow().types.is_struct(type) and {"bytes", "path"} <= {field.name for field in type}


def _is_bytes(type: pyarrow.DataType) -> bool:
    types = arrow().types
    return bool(types.is_binary(type) or types.is_large_binary(type))


def _is_text(type: pyarrow.DataType) -> bool:
    types = arrow().types
    return bool(types.is_string(type) or types.is_large_string(type))


def _declared(schema: pyarrow.Schema) -> list[str]:
    """Return the columns that `datasets` notes in the schema as images."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return [name for name, feature in features.items() if feature.get("_type") == "Image"]
    except (AttributeError, KeyError, TypeError, ValueError):
        return []


def _errors() -> tuple[type[Exception], ...]:
    return (arrow().lib.ArrowException, OSError)
