"""What a source is, told by what lies there, and its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from eyeward.data.folder import LABELS_FILE
from eyeward.data.importing.columns import Columns
from eyeward.data.importing.hub import HUB_MARK, download
from eyeward.data.importing.label_studio import looks_like_task, rows_of_task
from eyeward.data.importing.llava import Conversations, looks_like_conversations
from eyeward.data.importing.own import looks_like_export, read_own, row_of_export
from eyeward.data.importing.parquet import read_arrow, read_parquet
from eyeward.data.importing.row import Discard, Records, Rows, Unread, with_defaults
from eyeward.data.importing.tables import TABLE_SUFFIXES, read_table
from eyeward.errors import DataError

_KINDS = ((".parquet",), (".arrow",), TABLE_SUFFIXES)
"""Files with rows; of a folder the first kind is read that is there."""
_NOT_DATA = frozenset(("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "import.json"))


@dataclass(frozen=True)
class Source:
    """Labelled data of somebody: a file, a folder, or `hub:ORGANISATION/NAME`."""

    name: str
    images: Path | None = None
    """Where paths of images start from; None is the folder of the file that names them."""
    columns: Columns | None = None
    """How to read tables; None recognises conversations and tasks, and guesses the columns of everything else."""
    verbatim: bool = False
    """Keep the exact prompts of conversations in their policies."""
    source: str | None = None
    """What stands under `source` where a row says nothing."""
    licence: str | None = None
    revision: str | None = None
    """Of a dataset on the Hub."""

    def rows(self) -> Rows:
        """Return the rows, read as they are asked for; what there is to read is looked up now.

        Raises:
            DataError: when there is nothing to read.
        """
        on_hub = self.name.startswith(HUB_MARK)
        path = download(self.name.removeprefix(HUB_MARK), self.revision) if on_hub else Path(self.name)
        default = self.source or (self.name if on_hub else None)
        own = path.parent if path.name == LABELS_FILE else path
        if self.columns is None and (own / LABELS_FILE).is_file():
            return self._filled_in(read_own(own, self.images or own), default)
        files = tuple(files_of(path))
        return self._filled_in(chain(self._of_files(files, path), _left_aside(path, files)), default)

    def _filled_in(self, rows: Rows, source: str | None) -> Rows:
        for row in rows:
            yield row if isinstance(row, Unread) else with_defaults(row, source, self.licence)

    def _of_files(self, files: tuple[Path, ...], source: Path) -> Rows:
        for file in files:
            yield from self._rows_of(_read(file, source), self.images or file.parent)

    def _rows_of(self, records: Records, images: Path) -> Rows:
        columns, conversations = self.columns or Columns(), Conversations(self.verbatim)
        for record in records:
            if isinstance(record, Unread):
                yield record
            elif self.columns is None and looks_like_conversations(record.values):
                yield conversations.row(record, images)
            elif self.columns is None and looks_like_export(record.values):
                yield row_of_export(record, images)
            elif self.columns is None and looks_like_task(record.values):
                yield from rows_of_task(record, images)
            else:
                yield columns.row(record, images)


def files_of(path: Path) -> Iterator[Path]:
    """Yield the files with rows of a source in the order of their names: Parquet before Arrow before tables.

    Raises:
        DataError: when there are none.
    """
    if path.is_file():
        if path.suffix.lower() not in (".parquet", ".arrow", *TABLE_SUFFIXES):
            raise DataError(f"It is none of .parquet, .arrow, {', '.join(TABLE_SUFFIXES)}.", path)
        yield path
        return
    if not path.is_dir():
        raise DataError("There is no such file or folder; a dataset of the Hub is hub:ORGANISATION/NAME.", path)
    kinds = _kinds_of(path)
    if not kinds:
        raise DataError(f"There is neither Parquet nor a table in it ({', '.join(TABLE_SUFFIXES)}).", path)
    yield from kinds[0]


def _kinds_of(folder: Path) -> list[list[Path]]:
    """Return the files with rows of a folder, those of one kind together; only the first kind is read."""
    there = [file for file in sorted(folder.rglob("*")) if _is_data(file)]
    kinds = ([file for file in there if file.suffix.lower() in suffixes] for suffixes in _KINDS)
    return [files for files in kinds if files]


def _left_aside(path: Path, read: Sequence[Path]) -> Iterator[Unread]:
    """Name the files of a folder that may hold rows as well, but are of another kind than those that are read."""
    for file in chain.from_iterable(_kinds_of(path)[1:] if path.is_dir() else ()):
        name = file.relative_to(path).as_posix()
        message = f"{name} was not read, since {read[0].suffix} files are there; import it by itself if it has rows."
        yield Unread(name, Discard.file_left_aside, message, rows=0)


def _is_data(file: Path) -> bool:
    return file.name not in _NOT_DATA and not file.name.startswith((".", "cache-"))


def _read(file: Path, source: Path) -> Records:
    suffix = file.suffix.lower()
    read = read_parquet if suffix == ".parquet" else read_arrow if suffix == ".arrow" else read_table
    return read(file, source)
