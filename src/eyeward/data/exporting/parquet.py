"""Parquet as `datasets` reads it: images inside as `{bytes, path}`, some files a side, none larger than wanted.

Rows are written a group at a time, so that neither the number of images nor of files counts for memory.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eyeward.data.exporting.sink import Item, SideSize
from eyeward.data.importing.own import COLUMNS, JSON_COLUMNS
from eyeward.errors import MissingExtra

FOLDER = "data"
SHARD_BYTES = 500_000_000
"""About as large a file becomes at most; what `datasets` does by itself."""
_GROUP_BYTES = 32 << 20
_GROUP_ROWS = 100
"""A group of rows is read at once by viewers; 100 is what `datasets` writes for images."""
_LISTS = ("categories",)


class ParquetSink:
    """Writes `data/SIDE-00000-of-00002.parquet`."""

    def __init__(self, out: Path, shard_bytes: int = SHARD_BYTES, group_bytes: int = _GROUP_BYTES) -> None:
        """Make the folder.

        Raises:
            MissingExtra: without pyarrow.
        """
        self._arrow, self._parquet = _pyarrow()
        self._folder = out / FOLDER
        self._shard_bytes = shard_bytes
        self._group_bytes = min(group_bytes, shard_bytes)
        self._sides: dict[str, _Side] = {}
        self._schema = _schema(self._arrow)
        self._folder.mkdir()

    def write(self, item: Item) -> None:
        """Take a sample with the bytes of its image."""
        row = _row(item)
        side = self._sides.get(item.side)
        if side is None:
            side = self._sides[item.side] = _Side(self, item.side)
        side.add(row)

    def finish(self) -> dict[str, SideSize]:
        """Close the files, and give them the names that say how many there are."""
        return {name: side.finish() for name, side in self._sides.items()}


class _Side:
    """The files of one side, one of them open."""

    def __init__(self, sink: ParquetSink, name: str) -> None:
        self._sink = sink
        self._name = name
        self._rows: list[dict[str, object]] = []
        self._waiting = self._in_shard = self._bytes = self._samples = 0
        self._shards: list[Path] = []
        self._writer: Any = None

    def add(self, row: dict[str, object]) -> None:
        size = _size(row)
        if self._rows and self._waiting + size > self._sink._group_bytes:
            self._write_group()
        if self._in_shard and self._in_shard + self._waiting + size > self._sink._shard_bytes:
            self._close_shard()
        self._rows.append(row)
        self._waiting += size
        if len(self._rows) >= _GROUP_ROWS:
            self._write_group()

    def finish(self) -> SideSize:
        self._close_shard()
        files = []
        for number, shard in enumerate(self._shards):
            name = f"{self._name}-{number:05d}-of-{len(self._shards):05d}.parquet"
            shard.rename(shard.with_name(name))
            files.append(f"{FOLDER}/{name}")
        return SideSize(samples=self._samples, bytes=self._bytes, files=tuple(files))

    def _write_group(self) -> None:
        if not self._rows:
            return
        table = self._sink._arrow.Table.from_pylist(self._rows, schema=self._sink._schema)
        if self._writer is None:
            shard = self._sink._folder / f".{self._name}-{len(self._shards):05d}.unfinished"
            self._shards.append(shard)
            words = [name for name in COLUMNS if name not in ("image", *_LISTS)]
            self._writer = self._sink._parquet.ParquetWriter(
                shard, self._sink._schema, use_dictionary=words, write_page_index=True
            )
        self._writer.write_table(table)
        self._samples += len(self._rows)
        self._bytes += table.nbytes
        self._in_shard += self._waiting
        self._rows, self._waiting = [], 0

    def _close_shard(self) -> None:
        self._write_group()
        if self._writer is not None:
            self._writer.close()
        self._writer, self._in_shard = None, 0


def features() -> dict[str, dict[str, object]]:
    """Return the columns as `datasets` describes them, in the words that its older versions know, too."""
    text: dict[str, object] = {"dtype": "string", "_type": "Value"}
    described: dict[str, dict[str, object]] = {name: dict(text) for name in COLUMNS}
    described["image"] = {"_type": "Image"}
    for name in _LISTS:
        described[name] = {"feature": dict(text), "_type": "Sequence"}
    return described


def features_in_yaml() -> list[dict[str, object]]:
    """Return the columns as the front matter of a card describes them."""
    return [
        {"name": name, "sequence": "string"}
        if name in _LISTS
        else {"name": name, "dtype": "image" if name == "image" else "string"}
        for name in COLUMNS
    ]


def _schema(arrow: Any) -> Any:
    text = arrow.string()
    kinds = {name: arrow.list_(text) if name in _LISTS else text for name in COLUMNS}
    kinds["image"] = arrow.struct([("bytes", arrow.binary()), ("path", text)])
    noted = json.dumps({"info": {"features": features()}})
    return arrow.schema([(name, kinds[name]) for name in COLUMNS], metadata={"huggingface": noted})


def _row(item: Item) -> dict[str, object]:
    fields: Mapping[str, object] = item.inline.model_dump(mode="json")
    row = {name: _as_text(fields[name]) if name in JSON_COLUMNS else fields[name] for name in COLUMNS}
    row["image"] = {"bytes": item.read(), "path": item.sample.image}
    return row


def _as_text(value: object) -> str | None:
    """Return JSON, None for what a sample has nothing of."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if value else None


def _size(row: Mapping[str, object]) -> int:
    image = row["image"]
    inside = len(image["bytes"]) if isinstance(image, dict) else 0
    return inside + sum(len(value) for value in row.values() if isinstance(value, str))


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as missing:
        raise MissingExtra("data", "Writing Parquet") from missing
    return pyarrow, pyarrow.parquet
