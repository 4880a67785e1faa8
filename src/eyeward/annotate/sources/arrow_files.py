"""Arrow files: what `datasets` saves to disk, and what it keeps in its cache."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eyeward.annotate.arrow import arrow, ipc
from eyeward.annotate.sources.files import exists, is_url, opened
from eyeward.annotate.sources.tables import ROWS_AT_ONCE, Lost, Reading, TableShard, table_errors
from eyeward.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".arrow",)
_STATE, _SPLITS = "state.json", "dataset_dict.json"
"""What `save_to_disk` writes beside the files of a dataset, and above its splits."""
_MARK = b"ARROW1"


@dataclass(frozen=True)
class ArrowShard(TableShard):
    """One file, of the stream or of the file format. Where it breaks off is an error."""

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Open it; a local file is mapped, so that only what is looked at is read."""
        with ExitStack() as stack:
            stream = stack.enter_context(opened(self.file))
            is_file = stream.read(len(_MARK)) == _MARK
            stream.seek(0)
            source = stream if is_url(self.file) else stack.enter_context(arrow().memory_map(self.file))
            yield _Batches(stack.enter_context(ipc().open_file(source) if is_file else ipc().open_stream(source)))


class _Batches:
    """The batches of a file."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    @property
    def schema(self) -> pa.Schema:
        return self._reader.schema

    def parts(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch | Lost]:
        batches = self._batches()
        while True:
            try:
                batch = next(batches, None)
            except table_errors() as problem:
                yield Lost(1, problem)  # how many rows are behind it is not known
                return
            if batch is None:
                return
            chosen = batch.select(list(columns))
            try:
                chosen.validate(full=True)
            except table_errors() as problem:
                yield Lost(batch.num_rows, problem)
                continue
            for start in range(0, batch.num_rows, ROWS_AT_ONCE):
                yield chosen.slice(start, ROWS_AT_ONCE)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        if hasattr(self._reader, "num_record_batches"):
            return (self._reader.get_batch(number) for number in range(self._reader.num_record_batches))
        return iter(self._reader)


def is_saved(folder: str) -> bool:
    """Whether `datasets` saved a dataset, or several splits of one, in a folder."""
    return any(exists(f"{folder.rstrip('/')}/{name}") for name in (_STATE, _SPLITS))


def files_of_saved(folder: str) -> list[str]:
    """Return the files of a dataset that was saved, split after split, in their order; others beside them are not its.

    Raises:
        UsageError: when what stands beside them makes no sense.
    """
    below = folder.rstrip("/")
    try:
        if exists(f"{below}/{_SPLITS}"):
            splits = [str(split) for split in _read(f"{below}/{_SPLITS}")["splits"]]
            return [file for split in splits for file in files_of_saved(f"{below}/{_plain(split)}")]
        return [f"{below}/{_plain(str(file['filename']))}" for file in _read(f"{below}/{_STATE}")["_data_files"]]
    except (KeyError, TypeError, ValueError) as problem:
        raise UsageError(
            f"{folder!r} is no dataset that `datasets` saved: {_STATE} or {_SPLITS} makes no sense. Save it again."
        ) from problem


def _read(file: str) -> Any:
    with opened(file) as stream:
        return json.loads(stream.read())


def _plain(name: str) -> str:
    if not name or "/" in name or name in (".", ".."):
        raise ValueError(name)
    return name
