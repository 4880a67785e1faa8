"""Shards without some of their images: archives, tables, trees of links. What leaves is what was judged."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from eyeward.annotate.arrow import arrow, parquet
from eyeward.annotate.exporting.kept import THEN, Kept, exchanged, sha256_where_it_lies
from eyeward.annotate.item import Item, Shard
from eyeward.annotate.sources.archive import Member
from eyeward.annotate.sources.folder import FileShard
from eyeward.annotate.sources.parquet import Groups
from eyeward.annotate.sources.tables import Lost, Reading, TableShard, image_column, is_text
from eyeward.annotate.sources.tar import TarShard
from eyeward.errors import DataError, UsageError
from eyeward.images import sha256_of_bytes
from eyeward.verdict import Failure

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_AT_ONCE, _BYTES_AT_ONCE = 256, 64 << 20


def write_kept(shard: Shard, kept: Mapping[int, Kept], folder: Path) -> int:
    """Write what is kept of a shard, by places of images; return how many could not be compared with what was judged.

    Those are addresses in tables: what is behind them is not looked at again. All else is compared, byte for byte.

    Raises:
        DataError: when something is not what was judged, is gone, or cannot be read whole.
        UsageError: when no link can be made of a name.
    """
    if isinstance(shard, TarShard):
        return _archive(shard, kept, folder / f"{shard.name}.tar")
    if isinstance(shard, TableShard):
        return _table(shard, kept, folder / f"{shard.name}.parquet")
    assert isinstance(shard, FileShard)
    return _links(shard, kept, folder / shard.holds)


def _archive(shard: TarShard, kept: Mapping[int, Kept], file: Path) -> int:
    """Write the samples of which every image and video is kept, with all their files as they were."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.unfinished")
    index = written = 0
    with tarfile.open(unfinished, "w", format=tarfile.PAX_FORMAT) as archive:
        for sample in shard.whole_samples():
            keys = [key for key, _ in sample.images()]
            places = range(index, index + len(keys))
            index = places.stop
            pictures = sample.pictures()
            found = [kept[place] for place in places if place in kept]
            if not pictures or [one.key for one in found] != keys:
                continue
            written += len(keys)
            judged = {member.name: one for member, one in zip(pictures, found, strict=True)}
            for member in sample.members.values():
                digest = _copy(member, archive)
                if member.name in judged and digest != judged[member.name].sha256:
                    raise exchanged(judged[member.name].key, shard)
    _check_count(written, kept, shard.file)
    unfinished.replace(file)
    return 0


class _Digested:
    """A file that is read once, and of whose bytes there is a digest in the end."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        piece = self._stream.read(size)
        self.digest.update(piece)
        return piece


def _copy(member: Member, archive: tarfile.TarFile) -> str | None:
    """Write a file as it was and return its sha256; large ones are copied a piece at a time. Links are left out."""
    content = member.content
    if isinstance(content, Failure):
        return None
    header = tarfile.TarInfo(member.name)
    header.size = len(content) if isinstance(content, bytes) else content.size or 0
    with io.BytesIO(content) if isinstance(content, bytes) else content.open() as stream:
        digested = _Digested(stream)
        archive.addfile(header, digested)
    return digested.digest.hexdigest()


def _table(shard: TableShard, kept: Mapping[int, Kept], file: Path) -> int:
    """Write the rows that are kept as Parquet, with all their columns."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.unfinished")
    with ExitStack() as stack:
        reading = shard.read_in(stack)
        if isinstance(reading, Item):
            assert isinstance(reading.image, Failure)
            raise _damaged(shard, reading.image)
        picked = _Picked(shard, reading.schema, kept)
        writer = stack.enter_context(parquet().ParquetWriter(unfinished, reading.schema, compression="zstd"))
        waiting: list[pa.RecordBatch] = []
        for part in _parts(reading, kept):
            rows = picked.of(part)
            if rows is not None:
                waiting.append(rows)
            if sum(r.num_rows for r in waiting) >= _ROWS_AT_ONCE or sum(r.nbytes for r in waiting) >= _BYTES_AT_ONCE:
                writer.write_table(arrow().Table.from_batches(waiting, reading.schema))
                waiting = []
        writer.write_table(arrow().Table.from_batches(waiting, reading.schema))
    _check_count(picked.count, kept, shard.file)
    unfinished.replace(file)
    return picked.count if picked.are_addresses else 0


def _parts(reading: Reading, kept: Mapping[int, Kept]) -> Iterator[pa.RecordBatch | Lost | int]:
    """Yield all rows, some at a time; of row groups of which nothing is kept only how many there are."""
    if not isinstance(reading, Groups):
        yield from reading.parts(reading.schema.names)
        return
    start = 0
    for group, rows in enumerate(reading.sizes()):
        if kept.keys().isdisjoint(range(start, start + rows)):
            yield rows
        else:
            yield from reading.group(group)
        start += rows


class _Picked:
    """The rows of a table that are kept, in their order, each compared with the image that was judged."""

    def __init__(self, shard: TableShard, columns: pa.Schema, kept: Mapping[int, Kept]) -> None:
        self._shard = shard
        self._kept = kept
        self._image = image_column(columns, shard.image_column, shard.file)
        self._next = 0
        self.are_addresses = is_text(columns.field(self._image).type)
        self.count = 0

    def of(self, part: pa.RecordBatch | Lost | int) -> pa.RecordBatch | None:
        """Return the rows that are kept of the next ones; None where none are."""
        rows = part if isinstance(part, int) else part.rows if isinstance(part, Lost) else part.num_rows
        places = range(self._next, self._next + rows)
        self._next = places.stop
        wanted = [place for place in places if place in self._kept]
        if not wanted or isinstance(part, int):
            return None
        if isinstance(part, Lost):
            raise _damaged(self._shard, self._shard.damage(part.problem))
        chosen = part.filter(arrow().array([place in self._kept for place in places]))
        if not self.are_addresses:
            for place, held in zip(wanted, chosen.column(self._image), strict=True):
                self._compare(place, held)
        self.count += len(wanted)
        return chosen

    def _compare(self, place: int, held: Any) -> None:
        kept = self._kept[place]
        try:
            found = self._shard.image_of(place, held.as_py())
        except UnicodeDecodeError:  # a path that is no text; such rows are errors when they are judged
            raise exchanged(kept.key, self._shard) from None
        if isinstance(found, Failure):
            raise DataError(f"{found.message} {THEN}")
        digest = sha256_of_bytes(found) if isinstance(found, bytes) else sha256_where_it_lies(found)
        if digest != kept.sha256:
            raise exchanged(kept.key, self._shard)


def _damaged(shard: TableShard, failure: Failure) -> DataError:
    """Return the error of a table of which some column cannot be read beside images that could be."""
    return DataError(
        f"{failure.message} Rows that are kept cannot be read whole. Mend the file, or leave it out: "
        f"--where \"shard <> '{shard.name}'\".",
        shard.file,
    )


def _links(shard: FileShard, kept: Mapping[int, Kept], folder: Path) -> int:
    """Link to the files that are kept, under the names that they have below their own folder."""
    for index, name in enumerate(shard.files):
        if index in kept:
            target = (shard.folder / name).absolute()
            link = folder / (name if not os.path.isabs(name) else name.lstrip("/"))  # noqa: PTH117 a text, not a path
            if ".." in link.relative_to(folder).parts:
                raise UsageError(f"{name!r} leads out of the folder of its list; no link can be made of it.")
            if sha256_where_it_lies(target) != kept[index].sha256:
                raise exchanged(kept[index].key, shard)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(target)
    return 0


def _check_count(written: int, kept: Mapping[int, Kept], file: str) -> None:
    if written != len(kept):
        raise DataError(
            f"{len(kept)} of its images were kept, and {written} of these are found there now. It has changed, or an "
            "older Eyeward judged it and counted otherwise; judge it again.",
            file,
        )
