"""What a run has written, beside the dataset that it answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from eyeward.annotate.item import Shard
from eyeward.annotate.record import RunRecord, read_run
from eyeward.annotate.shard_file import read_proof
from eyeward.annotate.sources import Source, open_source
from eyeward.annotate.storage import storage_at
from eyeward.annotate.tasks import answer_to
from eyeward.errors import UsageError


@dataclass(frozen=True)
class Finished:
    """A run of which all shards are done, and its dataset as it was then."""

    folder: Path
    record: RunRecord
    source: Source

    @classmethod
    def open(cls, folder: Path, source: Sequence[str] | None = None) -> Self:
        """Open a run; `source` says where the dataset lies now, if it was moved.

        Raises:
            UsageError: when there is no run, when it is not done, or when the dataset has changed since.
        """
        storage = storage_at(folder)
        record = read_run(storage)
        if record.sample is not None:
            raise UsageError(f"{folder} answers a sample only; judge the whole dataset into another folder.")
        opened = dataset_of(record, source)
        for shard in opened.shards:
            proof = read_proof(storage, answer_to(shard))
            if proof is None or proof.fingerprint != record.fingerprint:
                raise UsageError(f"The shard {shard.name!r} is not answered in {folder}; finish the run first.")
            if proof.input != shard.identity():
                raise UsageError(f"The shard {shard.name!r} has changed since it was answered in {folder}.")
        return cls(folder, record, opened)

    def shards(self) -> Iterator[tuple[Shard, Path]]:
        """Yield the shards with their answers."""
        return ((shard, self.folder / answer_to(shard)) for shard in self.source.shards)


def dataset_of(record: RunRecord, source: Sequence[str] | None = None) -> Source:
    """Open the dataset that a run answers, or another place of it."""
    return open_source(
        list(source or record.source),
        record.kind,
        record.images_per_shard,
        record.image_column,
        sampling=record.sampling,
    )
