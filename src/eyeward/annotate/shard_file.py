"""The file of a shard: there is none, or a whole one. Its footer proves what it answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from eyeward.annotate.arrow import arrow, parquet
from eyeward.annotate.item import Item
from eyeward.annotate.looks import NO_LOOK, Look
from eyeward.annotate.rows import Row, row_of, schema, table_of
from eyeward.annotate.storage import Draft, Storage
from eyeward.errors import EyewardError, UsageError
from eyeward.verdict import Verdict

FOOTER_KEY = b"eyeward"
ROWS_AT_ONCE = 4096
"""Rows of a row group; so many lie in memory."""
_FOOTER_BYTES = 1 << 16
"""Of the end of a file: most footers are shorter."""
_MAGIC = b"PAR1"


class Step(StrEnum):
    """Moments on the way of a shard; tests end the process there."""

    before_write = "before_write"
    partly_written = "partly_written"
    temporary_written = "temporary_written"
    renamed = "renamed"
    before_ledger = "before_ledger"
    ledger_written = "ledger_written"


Reached = Callable[[Step, str], None]
"""Is told of a step and the shard."""


class Overtaken(EyewardError):
    """Another process works at the shard, or has written it."""


class Counts(BaseModel):
    """What came of a shard, for summaries that read no rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: int
    rows: int
    ratings: dict[str, int]
    """By rating; those without one under `error`."""
    errors: dict[str, int]
    """By type."""
    repeated_keys: int
    """Images whose key another image of the shard has, too; `index` tells them apart."""


class Proof(BaseModel):
    """What stands in the footer: which input was answered, by what, and what came of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shard: str
    fingerprint: str
    input: str
    """Identity of the input shard."""
    sample: int | None
    """Images that were drawn from the shard; None is all of them."""
    counts: Counts


def read_proof(storage: Storage, name: str) -> Proof | None:
    """Return the proof of a finished file; None where there is no file.

    Raises:
        UsageError: when there is one that is none of ours, or no whole one.
    """
    file = f"{storage}/{name}"
    end = storage.read(name, _FOOTER_BYTES)
    if end is None:
        return None
    size = int.from_bytes(end[-8:-4], "little") + 8
    if size > len(end) == _FOOTER_BYTES and end.endswith(_MAGIC):
        end = storage.read(name, size) or b""
    try:
        footer = parquet().read_metadata(arrow().BufferReader(end))
    except (OSError, arrow().lib.ArrowException) as problem:
        raise UsageError(
            f"{file} is no whole Parquet file: {problem}. Take it away, or name a new folder."
        ) from problem
    try:
        proof = Proof.model_validate_json((footer.metadata or {})[FOOTER_KEY])
    except (KeyError, ValidationError) as problem:
        raise UsageError(f"{file} was not written by this command. Take it away, or name a new folder.") from problem
    if proof.counts.rows != footer.num_rows:
        raise UsageError(f"{file} has {footer.num_rows} rows and promises {proof.counts.rows}. Take it away.")
    return proof


class ShardFile:
    """A file on its way: under a temporary name until `finish`, gone when it is left before."""

    def __init__(
        self, draft: Draft, shard: str, reached: Reached, videos: bool = False, statistics: bool = False
    ) -> None:
        """Take the draft that it is to be.

        Of `videos` there is more to tell; `statistics` are columns with numbers about each image.
        """
        self._draft = draft
        self._shard = shard
        self._reached = reached
        self._videos = videos
        self._statistics = statistics
        self._schema = schema(videos, statistics)
        self._rows: list[Row] = []
        self._counted = 0
        self._images = 0
        self._last: int | None = None
        self._ratings: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._keys: set[str] = set()

    def __enter__(self) -> Self:
        """Open it; an interrupt meanwhile leaves nothing behind."""
        self._reached(Step.before_write, self._shard)
        with ExitStack() as undone:
            undone.callback(self._draft.discard)
            self._sink = _Sink(self._draft)
            undone.callback(self._sink.close)
            self._writer: Any = parquet().ParquetWriter(self._sink, self._schema, compression="zstd")
            undone.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take away what is not whole."""
        if self._writer.is_open:
            self._sink.give_up()
            self._writer.close()
        self._sink.close()
        self._draft.discard()

    def add(self, item: Item, verdict: Verdict, look: Look = NO_LOOK) -> None:
        """Add a row; all rows of an image one after the other."""
        if item.index != self._last:
            self._last = item.index
            self._images += 1
            self._keys.add(item.key)
        self._ratings["error" if verdict.rating is None else verdict.rating.value] += 1
        if verdict.error is not None:
            self._errors[verdict.error.type.value] += 1
        self._rows.append(row_of(self._shard, item, verdict, look, self._videos, self._statistics))
        if len(self._rows) >= ROWS_AT_ONCE:
            self._flush()

    @property
    def counts(self) -> Counts:
        """What has come so far."""
        return Counts(
            images=self._images,
            rows=self._counted + len(self._rows),
            ratings=dict(sorted(self._ratings.items())),
            errors=dict(sorted(self._errors.items())),
            repeated_keys=self._images - len(self._keys),
        )

    def finish(self, proof: Proof, is_held: Callable[[], bool]) -> None:
        """Write the rest and the proof, make it last, and give the file its name if the shard is still held."""
        self._flush()
        self._writer.add_key_value_metadata({FOOTER_KEY: proof.model_dump_json()})
        self._writer.close()
        self._sink.make_last()
        self._reached(Step.temporary_written, self._shard)
        if not (is_held() and self._draft.publish()):
            raise Overtaken(f"Another process has taken {self._shard} over; this one was silent for too long.")
        self._reached(Step.renamed, self._shard)

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(table_of(self._rows, self._schema), row_group_size=ROWS_AT_ONCE)
            self._counted += len(self._rows)
            self._rows = []
            self._sink.check()
            self._reached(Step.partly_written, self._shard)


class _Sink:
    """Where Parquet goes. After a failure it takes everything and keeps nothing, so that the writer can be closed."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._output = draft.open()
        self._given_up = False
        self._failure: OSError | None = None
        self.closed = False

    def write(self, data: Any) -> int:
        """Write, or note why it was not possible."""
        if not self._given_up:
            try:
                self._output.write(data)
            except OSError as problem:
                self._given_up, self._failure = True, problem
        return len(data)

    def tell(self) -> int:
        """Return the place, as the writer wants to know it."""
        return self._output.tell()

    def flush(self) -> None:
        """Do nothing; `make_last` does it once."""

    def check(self) -> None:
        """Raise what went wrong."""
        if self._failure is not None:
            raise self._failure

    def make_last(self) -> None:
        """Make sure that it is on the disk."""
        self.check()
        self._draft.make_last()

    def give_up(self) -> None:
        """Write no more."""
        self._given_up = True

    def close(self) -> None:
        """Close the file; what is still buffered may not fit any more."""
        if not self.closed:
            self.closed = True
            with suppress(OSError):
                self._output.close()
