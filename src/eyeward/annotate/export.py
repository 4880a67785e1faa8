"""The part of a dataset that is kept: only what was judged and found Safe, with the reason for everything removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from eyeward.annotate.arrow import arrow, parquet
from eyeward.annotate.exporting import Form
from eyeward.annotate.exporting.fiftyone import FiftyOneFolder
from eyeward.annotate.exporting.hub_dataset import HubDataset
from eyeward.annotate.exporting.in_store import InStore, store_for
from eyeward.annotate.exporting.kept import Sink, kept_of
from eyeward.annotate.filtering import write_kept
from eyeward.annotate.finished import Finished
from eyeward.annotate.item import Shard
from eyeward.annotate.rows import schema
from eyeward.annotate.sources.tar import TarShard, parts_of
from eyeward.annotate.storage import is_address
from eyeward.errors import MissingExtra, UsageError
from eyeward.verdict import Rating, Status

if TYPE_CHECKING:
    import pyarrow as pa

KEPT_FILE, REMOVED_FILE = "kept.parquet", "removed.parquet"


class Reason(StrEnum):
    """Why an image is not kept; of several the first."""

    error = "error"
    """It was not judged."""
    unsafe = "unsafe"
    review = "review"
    condition = "condition"
    """The condition of the export does not hold."""
    sample = "sample"
    """Another image of the same sample is not kept."""


@dataclass
class Exported:
    """What came of an export."""

    kept: int = 0
    removed: Counter[str] = field(default_factory=Counter)
    """Images by the reason, the first that a row gives."""
    unchecked: int = 0
    """Kept addresses of images: what is behind them now was not compared with what was judged."""


def export(
    run: Finished,
    out: str | Path,
    *,
    keep_review: bool = False,
    policies: Sequence[str] = (),
    where: str | None = None,
    data: bool = True,
    form: Form = Form.same,
    licence: str | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Exported:
    """Write what is kept of a dataset, and the lists of what is kept and what is removed.

    An image is kept when every row about it, or about it under one of `policies` (names), says Safe, or Review with
    `keep_review`; and when `where`, a condition in SQL over the columns, holds for every such row. Without `data` only
    the lists are written. `licence` is that of images of which the dataset says none, for the form `datasets`.

    What leaves is, byte for byte, what was judged: images, videos and links are compared by their sha256. Addresses in
    tables are not fetched again; `unchecked` counts them. The lists get their names when all else is there.

    `out` is a folder, or an address in an object store (`s3://bucket/kept`) for archives and tables: what is kept of
    each shard is sent when it is written, and the lists at the end, so that where they are everything is.

    Raises:
        UsageError: when the place is not empty, a policy was not asked, or the condition or the form makes no sense.
        DataError: when an image that was judged cannot be read any more, or is another one now.
        OSError: when something cannot be written or sent.
        MissingExtra: when there is a condition and no DuckDB.
    """
    asked = {policy.name for policy in run.record.policies}
    unknown = [name for name in policies if name not in asked]
    if unknown:
        raise UsageError(f"The run did not ask about {', '.join(unknown)}; it asked about {', '.join(sorted(asked))}.")
    if not is_address(out) and Path(out).exists() and (not Path(out).is_dir() or any(Path(out).iterdir())):
        raise UsageError(f"{out} is not empty; name a new folder.")
    videos = run.record.sampling is not None
    if videos and form is not Form.same:
        raise UsageError(f"Videos are not written as {form}; leave --format out.")
    if licence is not None and form is not Form.datasets:
        raise UsageError(f"A licence is stated in the form {Form.datasets} only; leave --licence out.")
    holds = None if where is None else _Condition(where, schema(videos, run.record.statistics))
    if not is_address(out):
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            sink = _sink(run, folder, form, licence, stack) if data else None
            return _write(run, folder, sink, keep_review, frozenset(policies or asked), holds, progress)
    store = store_for(out, run.source.shards if data else (), form)
    with TemporaryDirectory(prefix="eyeward-export-") as lists:
        sink = InStore(store) if data else None
        found = _write(run, Path(lists), sink, keep_review, frozenset(policies or asked), holds, progress)
        for name in (REMOVED_FILE, KEPT_FILE):
            store.send(name, Path(lists) / name)
    return found


def _write(
    run: Finished,
    lists: Path,
    sink: Sink | None,
    keep_review: bool,
    policies: frozenset[str],
    holds: _Condition | None,
    progress: Callable[[], None],
) -> Exported:
    """Write the lists into a folder, and give what is kept to the sink."""
    columns = schema(run.record.sampling is not None, run.record.statistics)
    removed_columns = columns.append(arrow().field("reason", arrow().string()))
    found = Exported()
    with (
        parquet().ParquetWriter(_draft(lists, KEPT_FILE), columns, compression="zstd") as kept_rows,
        parquet().ParquetWriter(_draft(lists, REMOVED_FILE), removed_columns, compression="zstd") as removed_rows,
    ):
        for shard, answers in run.shards():
            with parquet().ParquetFile(answers) as read:
                table = read.read()
            reasons = _reasons(table, keep_review, policies, holds)
            places = table["index"].to_pylist()
            removed: dict[int, Reason] = {}
            for place, reason in zip(places, reasons, strict=True):
                if reason is not None:
                    removed.setdefault(place, reason)
            if isinstance(shard, TarShard):
                _remove_siblings(places, table["key"].to_pylist(), removed)
            kept = set(places) - removed.keys()
            if kept:
                kept_table = table.filter(arrow().array([place in kept for place in places]))
                kept_rows.write_table(kept_table)
                if sink is not None:
                    found.unchecked += sink.add(shard, kept, kept_table)
            if removed:
                told_of = zip(places, reasons, strict=True)
                says_why = arrow().array([_told(reason, removed.get(place)) for place, reason in told_of], "string")
                told = table.append_column(removed_columns.field("reason"), says_why)
                removed_rows.write_table(told.filter(arrow().array([place in removed for place in places])))
            found.kept += len(kept)
            found.removed.update(reason.value for reason in removed.values())
            progress()
        if sink is not None:
            sink.finish()
    for name in (REMOVED_FILE, KEPT_FILE):
        _draft(lists, name).replace(lists / name)
    return found


def _draft(folder: Path, name: str) -> Path:
    """Return where a list is written until everything is there."""
    return folder / f".{name}.unfinished"


def _sink(run: Finished, out: Path, form: Form, licence: str | None, stack: ExitStack) -> Sink:
    if form is Form.fiftyone:
        return FiftyOneFolder(out, run.record.policies, stack)
    return HubDataset(out, run.record, licence) if form is Form.datasets else _Same(out)


class _Same:
    """Writes shards as they are, without what is removed."""

    def __init__(self, out: Path) -> None:
        self._out = out

    def add(self, shard: Shard, kept: set[int], rows: pa.Table) -> int:
        return write_kept(shard, kept_of(rows), self._out)

    def finish(self) -> None:
        pass


def _reasons(
    table: pa.Table, keep_review: bool, policies: frozenset[str], holds: _Condition | None
) -> list[Reason | None]:
    """Return for each row why its image is not kept, or None; rows about other policies say nothing."""
    held = [True] * table.num_rows if holds is None else holds.of(table)
    return [
        None if policy not in policies else _reason(status, rating, keep_review, condition)
        for policy, status, rating, condition in zip(
            table["policy_name"].to_pylist(),
            table["status"].to_pylist(),
            table["rating"].to_pylist(),
            held,
            strict=True,
        )
    ]


def _reason(status: str, rating: str | None, keep_review: bool, condition: bool) -> Reason | None:
    """Keep nothing but what is known to be kept."""
    if status != Status.ok or rating is None:
        return Reason.error
    if rating == Rating.Review and not keep_review:
        return Reason.review
    if rating not in (Rating.Safe, Rating.Review):
        return Reason.unsafe
    return None if condition else Reason.condition


def _remove_siblings(places: Sequence[int], keys: Sequence[str], removed: dict[int, Reason]) -> None:
    """Remove images of samples that lose one: a sample with several has their full names for keys, side by side."""
    samples: dict[tuple[str, int], set[int]] = {}
    before, number = "", 0
    for place, key in zip(places, keys, strict=True):
        sample, extension = parts_of(key)
        if not extension:
            continue
        number += sample != before
        before = sample
        samples.setdefault((sample, number), set()).add(place)
    for siblings in samples.values():
        if not siblings.isdisjoint(removed):
            for place in siblings:
                removed.setdefault(place, Reason.sample)


def _told(reason: Reason | None, of_image: Reason | None) -> str | None:
    """Return what a row of a removed image says: its own reason, or that of its sample."""
    if reason is None and of_image is Reason.sample:
        return Reason.sample.value
    return None if reason is None else reason.value


class _Condition:
    """A condition in SQL over the rows of a shard."""

    def __init__(self, text: str, columns: pa.Schema) -> None:
        try:
            import duckdb
        except ModuleNotFoundError as missing:
            raise MissingExtra("annotate", "A condition (--where)") from missing
        self._text = text
        self._duckdb: Any = duckdb
        self.of(columns.empty_table())

    def of(self, table: pa.Table) -> list[bool]:
        """Return for each row whether it holds; what is not known does not.

        Raises:
            UsageError: when the condition makes no sense.
        """
        with self._duckdb.connect() as base:
            base.register("shard_rows", table)
            try:
                found = base.execute(f"SELECT coalesce(({self._text})::BOOLEAN, false) FROM shard_rows").fetchall()
            except self._duckdb.Error as problem:
                raise UsageError(f"The condition {self._text!r} makes no sense: {problem}") from problem
        if len(found) != table.num_rows:
            raise UsageError(f"The condition {self._text!r} is no condition on a row.")
        return [bool(holds) for (holds,) in found]
