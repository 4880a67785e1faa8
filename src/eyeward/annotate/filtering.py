"""Shards without some of their images: archives, tables, trees of links."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eyeward.annotate.arrow import arrow, parquet
from eyeward.annotate.footage import Footage
from eyeward.annotate.item import Shard
from eyeward.annotate.sources.archive import Member
from eyeward.annotate.sources.files import opened
from eyeward.annotate.sources.folder import FileShard
from eyeward.annotate.sources.parquet import ParquetShard
from eyeward.annotate.sources.tables import Lost, TableShard
from eyeward.annotate.sources.tar import TarShard
from eyeward.errors import DataError, UsageError

_ROWS_AT_ONCE = 256


def write_kept(shard: Shard, kept: Mapping[int, str], folder: Path) -> Path:
    """Write what is kept of a shard, by places of images with their keys; return the file, or the folder of links.

    Raises:
        DataError: when an archive is not read as it was when it was judged.
        UsageError: when no link can be made of a name.
    """
    if isinstance(shard, TarShard):
        return _archive(shard, kept, folder / f"{shard.name}.tar")
    if isinstance(shard, ParquetShard):
        return _table(shard, kept, folder / f"{shard.name}.parquet")
    if isinstance(shard, TableShard):
        return _rows(shard, kept, folder / f"{shard.name}.parquet")
    assert isinstance(shard, FileShard)
    return _links(shard, kept, folder / shard.holds)


def _archive(shard: TarShard, kept: Mapping[int, str], file: Path) -> Path:
    """Write the samples of which every image and video is kept, with all their files as they were."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.unfinished")
    index = written = 0
    with tarfile.open(unfinished, "w", format=tarfile.PAX_FORMAT) as archive:
        for sample in shard.whole_samples():
            keys = [key for key, _ in sample.images()]
            places = range(index, index + len(keys))
            index = places.stop
            if [kept.get(place) for place in places] != keys:
                continue
            written += len(keys)
            for member in sample.members.values():
                _copy(member, archive)
    if written != len(kept):
        raise DataError(
            f"{len(kept)} of its images were kept, and {written} of these are found there now. It has changed, or an "
            "older Eyeward judged it and counted otherwise; judge it again.",
            shard.file,
        )
    unfinished.replace(file)
    return file


def _copy(member: Member, archive: tarfile.TarFile) -> None:
    """Write a file as it was; large ones are copied a piece at a time. Links are left out."""
    header = tarfile.TarInfo(member.name)
    if isinstance(member.content, bytes):
        header.size = len(member.content)
        archive.addfile(header, io.BytesIO(member.content))
    elif isinstance(member.content, Footage):
        header.size = member.content.size or 0
        with member.content.open() as opened_there:
            archive.addfile(header, opened_there)


def _table(shard: ParquetShard, kept: Mapping[int, str], file: Path) -> Path:
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
            if not kept.keys().isdisjoint(range(index, end)):
                for batch in read.iter_batches(_ROWS_AT_ONCE, row_groups=[group]):
                    mask = [number in kept for number in range(index, index + batch.num_rows)]
                    index += batch.num_rows
                    writer.write_batch(batch.filter(arrow().array(mask)))
            index = end
    unfinished.replace(file)
    return file


def _rows(shard: TableShard, kept: Mapping[int, str], file: Path) -> Path:
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


def _links(shard: FileShard, kept: Mapping[int, str], folder: Path) -> Path:
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
