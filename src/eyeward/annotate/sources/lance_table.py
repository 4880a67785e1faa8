"""Lance datasets: their fragments are the shards, of the version that is there when they are looked at."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from eyeward.annotate.sources.files import exists
from eyeward.annotate.sources.tables import ROWS_AT_ONCE, Lost, Reading, TableShard
from eyeward.errors import DataError, MissingExtra

if TYPE_CHECKING:
    import pyarrow as pa

    from eyeward.images.fetch import Fetcher

SUFFIX = ".lance"
_VERSIONS = "_versions"
_ERRORS = (OSError, ValueError, RuntimeError)
"""What Lance raises."""


@dataclass(frozen=True)
class LanceShard(TableShard):
    """A fragment; rows that were deleted are not in it."""

    fragment: int = 0
    version: int | None = None

    def identity(self) -> str:
        """Tell it from others by its files, which are never written again, and by what was deleted."""
        try:
            about = self._fragment().metadata.to_json()
        except _ERRORS as problem:
            raise DataError(f"It cannot be read: {_said(problem)}.", self.file) from problem
        text = about if isinstance(about, str) else json.dumps(about, sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()[:32]
        return digest + ("" if self.image_column is None else f"-{self.image_column}")

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Open it."""
        try:
            fragment = self._fragment()
        except _ERRORS as problem:
            raise DataError(f"It cannot be read: {_said(problem)}.", self.file) from problem
        yield _Fragment(fragment)

    def _fragment(self) -> Any:
        found = _dataset(self.file, self.version).get_fragment(self.fragment)
        if found is None:
            raise ValueError(f"the fragment {self.fragment} is gone")
        return found


class _Fragment:
    """A fragment that is open."""

    def __init__(self, fragment: Any) -> None:
        self._fragment = fragment

    @property
    def schema(self) -> pa.Schema:
        return self._fragment.schema

    def parts(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch | Lost]:
        left = self._fragment.count_rows()
        try:
            for batch in self._fragment.to_batches(columns=list(columns), batch_size=ROWS_AT_ONCE):
                left -= batch.num_rows
                yield batch
        except _ERRORS as problem:
            yield Lost(left, ValueError(_said(problem)))


def is_lance(name: str) -> bool:
    """Whether a folder is a Lance dataset."""
    return name.rstrip("/").lower().endswith(SUFFIX) or exists(f"{name.rstrip('/')}/{_VERSIONS}")


def lance_shards(
    name: str, file: str, image_column: str | None = None, fetcher: Fetcher | None = None
) -> list[LanceShard]:
    """Return the fragments of a dataset in their order.

    Raises:
        DataError: when it cannot be read.
        MissingExtra: without Lance.
    """
    try:
        version = int(_lance().dataset(file).version)
        numbers = [int(fragment.fragment_id) for fragment in _dataset(file, version).get_fragments()]
    except _ERRORS as problem:
        raise DataError(f"It cannot be read: {_said(problem)}.", file) from problem
    return [LanceShard(f"{name}-{number:06}", file, image_column, fetcher, number, version) for number in numbers]


@lru_cache(8)
def _dataset(file: str, version: int | None) -> Any:
    return _lance().dataset(file, version=version)


def _lance() -> Any:
    try:
        return import_module("lance")
    except ModuleNotFoundError as missing:
        raise MissingExtra("lance", "Reading Lance") from missing


def _said(problem: Exception) -> str:
    return " ".join(str(problem).split())[:200].rstrip(".")
