"""Shards without some of their images: archives, tables, trees of links."""

from __future__ import annotations

import io
import os
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from eyeward.annotate.arrow import arrow, parquet
from eyeward.annotate.item import Shard
from eyeward.annotate.sources.files import opened
from eyeward.annotate.sources.folder import FileShard
from eyeward.annotate.sources.parquet import ParquetShard
from eyeward.annotate.sources.tables import Lost, TableShard
from eyeward.annotate.sources.tar import TarShard
from eyeward.errors import UsageError

_LARGEST_MEMBER = 1 << 31
_ROWS_AT_ONCE = 256


def write_kept(shard: Shard, kept: set[int], folder: Path) -> Path:
    """Write what is kept of a shard, by places of images, into a folder; return the file, or the folder of links."""
    if isinstance(shard, TarShard):
        return _archive(shard, kept, folder / f"{shard.name}.tar")
    if isinstance(shard, ParquetShard):
        return _table(shard, kept, folder / f"{shard.name}.parquet")
    if isinstance(shard, TableShard):
        return _rows(shard, kept, folder / f"{shard.name}.parquet")
    assert isinstance(shard, FileShard)
    return _links(shard, kept, folder / shard.holds)


def _archive(shard: TarShard, kept: set[int], file: Path) -> Path:
    """Write the samples of which every image is kept, with all their files as they were."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.unfinished")
    index = 0
    with tarfile.open(unfinished, "w", format=tarfile.PAX_FORMAT) as archive:
        for sample in replace(shard, largest=_LARGEST_MEMBER).samples():
            places = range(index, index + sum(1 for _ in sample.images()))
            index = places.stop
            if not kept.issuperset(places):
                continue
            for member in sample.members.values():
                if isinstance(member.content, bytes):
                    header = tarfile.TarInfo(member.name)
                    header.size = len(member.content)
                    archive.addfile(header, io.BytesIO(member.content))
    unfinished.replace(file)
    return file


def _table(shard: ParquetShard, kept: set[int], file: Path) -> Path:
    """Write the rows that are kept, with all their columns; damaged row groups hold none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.unfinished")
    with (
        opened(shard.file) as stream,
        parquet().ParquetFile(stream, pre_buffer=False) as read,
        parquet().ParquetWriter(unfinished, read.schema_arrow, compression="zstd") as writer,
    ):
        index = 0
        for group in range(read.num_row_groups):
            end = index + read.metadata.row_group(group).num_rows
            if not kept.isdisjoint(range(index, end)):
                for batch in read.iter_batches(_ROWS_AT_ONCE, row_groups=[group]):
                    mask = [number in kept for number in range(index, index + batch.num_rows)]
                    index += batch.num_rows
                    writer.write_batch(batch.filter(arrow().array(mask)))
            index = end
    unfinished.replace(file)
    return file


def _rows(shard: TableShard, kept: set[int], file: Path) -> Path:
    """Write the rows that are kept of a table that is no Parquet as Parquet, with all their columns."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.unfinished")
    with (
        shard.reading() as reading,
        parquet().ParquetWriter(unfinished, reading.schema, compression="zstd") as writer,
    ):
        index = 0
        waiting: list[Any] = []
        for part in reading.parts(reading.schema.names):
            rows = part.rows if isinstance(part, Lost) else part.num_rows
            mask = [number in kept for number in range(index, index + rows)]
            index += rows
            if not isinstance(part, Lost) and any(mask):
                waiting.append(part.filter(arrow().array(mask)))
            if sum(part.num_rows for part in waiting) >= _ROWS_AT_ONCE:
                writer.write_table(arrow().Table.from_batches(waiting, reading.schema))
                waiting = []
        writer.write_table(arrow().Table.from_batches(waiting, reading.schema))
    unfinished.replace(file)
    return file


def _links(shard: FileShard, kept: set[int], folder: Path) -> Path:
    """Link to the files that are kept, under the names that they have below their own folder."""
    for index, name in enumerate(shard.files):
        if index in kept:
            target = (shard.folder / name).absolute()
            link = folder / (name if not os.path.isabs(name) else name.lstrip("/"))  # noqa: PTH117 a text, not a path
            if ".." in link.relative_to(folder).parts:
                raise UsageError(f"{name!r} leads out of the folder of its list; no link can be made of it.")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(target)
    return folder
