"""What a run has written, beside the dataset that it answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from eyeward.annotate.item import Shard
from eyeward.annotate.record import RunRecord, read_run
from eyeward.annotate.shard_file import read_proof
from eyeward.annotate.sources import OUTPUT_SUFFIX, Source, open_source
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
        record = read_run(folder)
        if record.sample is not None:
            raise UsageError(f"{folder} answers a sample only; judge the whole dataset into another folder.")
        opened = open_source(
            list(source or record.source),
            record.kind,
            record.images_per_shard,
            record.image_column,
            sampling=record.sampling,
        )
        for shard in opened.shards:
            proof = read_proof(output_of(folder, shard))
            if proof is None or proof.fingerprint != record.fingerprint:
                raise UsageError(f"The shard {shard.name!r} is not answered in {folder}; finish the run first.")
            if proof.input != shard.identity():
                raise UsageError(f"The shard {shard.name!r} has changed since it was answered in {folder}.")
        return cls(folder, record, opened)

    def shards(self) -> Iterator[tuple[Shard, Path]]:
        """Yield the shards with their answers."""
        return ((shard, output_of(self.folder, shard)) for shard in self.source.shards)


def output_of(folder: Path, shard: Shard) -> Path:
    """Return where a shard is answered."""
    return folder / f"{shard.name}{OUTPUT_SUFFIX}"
