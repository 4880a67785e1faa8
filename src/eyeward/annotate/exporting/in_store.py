"""The kept part of a dataset in an object store: written here, shard by shard, and sent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from eyeward.annotate.exporting import Form
from eyeward.annotate.exporting.kept import kept_of
from eyeward.annotate.filtering import write_kept
from eyeward.annotate.item import Shard
from eyeward.annotate.sources.folder import FileShard
from eyeward.annotate.storage import storage_at
from eyeward.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from eyeward.annotate.object_store import ObjectFolder


class InStore:
    """Archives and tables as the dataset has them, without what is removed; here lies one of them at a time."""

    def __init__(self, store: ObjectFolder) -> None:
        """Take where they go."""
        self._store = store

    def add(self, shard: Shard, kept: set[int], rows: pa.Table) -> int:
        """Write what is kept of a shard, send it, and take it away here."""
        with TemporaryDirectory(prefix="eyeward-export-") as folder:
            unchecked = write_kept(shard, kept_of(rows), Path(folder))
            for file in sorted(Path(folder).rglob("*")):
                if file.is_file():
                    self._store.send(file.relative_to(folder).as_posix(), file)
        return unchecked

    def finish(self) -> None:
        """Leave it: everything is sent."""


def store_for(place: str | Path, shards: Sequence[Shard], form: Form) -> ObjectFolder:
    """Return the store at an address, if what is to be written there can be: it holds files, and no links to others.

    Raises:
        UsageError: when it cannot be, or something is there.
    """
    if form is not Form.same:
        raise UsageError(f"The form {form} is made in a folder of this machine; name one, and copy it when it is done.")
    if any(isinstance(shard, FileShard) for shard in shards):
        raise UsageError(
            "Of loose files links are kept, and a store has no links to files elsewhere. Name a folder, or have the "
            "lists alone written to the store (--lists-only); kept.parquet names the files."
        )
    from eyeward.annotate.object_store import ObjectFolder

    store = storage_at(place)
    assert isinstance(store, ObjectFolder)
    if not store.is_empty:
        raise UsageError(f"{store} is not empty; name a new place.")
    return store
