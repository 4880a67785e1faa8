"""A sample for people to label: drawn by strata, written as CSV, with what the labels will be worth beside it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from eyeward.annotate.audit.frame import Drawn, Frame, Place
from eyeward.annotate.audit.strata import Stratum, allocate, cut
from eyeward.annotate.item import Shard, as_text
from eyeward.annotate.query import connected
from eyeward.annotate.record import RunRecord, read_run
from eyeward.annotate.sources import IMAGES_PER_SHARD, open_source
from eyeward.annotate.sources.folder import FileShard
from eyeward.annotate.sources.parquet import ParquetShard
from eyeward.annotate.sources.tar import TarShard
from eyeward.errors import DataError, MissingExtra, UsageError, described
from eyeward.policy import Policy

COLUMNS = ("key", "shard", "index", "path", "stratum", "weight", "label", "category")
_COMMANDS = ("=", "+", "-", "@", "\t", "\r", "'")
"""How a cell begins that a spreadsheet would run, or take an apostrophe away from."""


class Sample(BaseModel):
    """What was drawn from which run, and how: the estimates are made from this and from the labels alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: str
    policy_hash: str
    fingerprint: str
    """Of the run."""
    seed: int
    strata: tuple[Stratum, ...]
    known: int
    """Images that are Unsafe because their hash is known; nobody is asked about them."""
    not_rated: int
    """Images without a rating; no estimate speaks of them."""
    places: tuple[tuple[str, int, int], ...]
    """Shard, index and number of the stratum of each drawn image, in the order of the CSV."""

    @property
    def labels(self) -> int:
        """Return how many images are to be labelled."""
        return len(self.places)


def draw_sample(
    folder: Path, labels: int, policy: str | None = None, seed: int = 0
) -> tuple[Sample, list[Drawn], RunRecord]:
    """Draw images of a run for labels under one of its policies; the same seed draws the same.

    Raises:
        UsageError: when there is no run, no such policy, or nothing to draw from.
        MissingExtra: when there is no DuckDB.
    """
    record = read_run(folder)
    asked = chosen(record, policy)
    frame = Frame(connected(folder), asked.hash)
    known, not_rated = frame.left_out()
    rough = cut(frame.histograms())
    if not rough:
        raise UsageError(f"No image in {folder} has a rating under {asked.name!r} that a label could correct.")
    counted = frame.counted(rough)
    exact = [s.model_copy(update={"rows": counted[s.number][0]}) for s in rough if s.number in counted]
    strata = allocate(exact, labels)
    drawn = frame.draw(strata, seed)
    sample = Sample(
        policy=asked.name,
        policy_hash=asked.hash,
        fingerprint=record.fingerprint,
        seed=seed,
        strata=strata,
        known=known,
        not_rated=not_rated,
        places=tuple((one.place.shard, one.place.index, one.stratum) for one in drawn),
    )
    return sample, drawn, record


def chosen(record: RunRecord, name: str | None) -> Policy:
    """Return a policy of a run by its name; without one, the only one.

    Raises:
        UsageError: when it is not clear which, or the run did not ask about it.
    """
    names = [policy.name for policy in record.policies]
    if name is None and len(names) > 1:
        raise UsageError(f"The run asked about {', '.join(names)}; say which: --policy {names[0]}.")
    found = [policy for policy in record.policies if name in (None, policy.name)]
    if not found:
        raise UsageError(f"The run did not ask about {name}; it asked about {', '.join(names)}.")
    return found[0]


def write_sample(file: Path, sample: Sample, drawn: Sequence[Drawn], record: RunRecord) -> None:
    """Write the CSV for the labels, and beside it what they need; what the guard said is in neither.

    Raises:
        UsageError: when the file is there already: it may hold labels.
    """
    if file.exists():
        raise UsageError(f"{file} is there already and may hold labels; name another file.")
    file.parent.mkdir(parents=True, exist_ok=True)
    weights = {stratum.number: stratum.weight for stratum in sample.strata}
    shards = _shards(record)
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for one in drawn:
            shard, index = one.place.shard, one.place.index
            path = _path(shards.get(shard), index)
            texts = (harmless(one.key), harmless(shard), index, harmless(path))
            writer.writerow((*texts, one.stratum, f"{weights[one.stratum]:.6g}", "", ""))
    beside(file).write_text(sample.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_sample(file: Path) -> Sample:
    """Read what lies beside a CSV.

    Raises:
        UsageError: when it is not there, or not what was written.
    """
    try:
        return Sample.model_validate_json(beside(file).read_bytes())
    except OSError as problem:
        raise UsageError(
            f"{beside(file)} cannot be read ({problem.strerror}); `eyeward audit sample` wrote it beside the CSV, and "
            "without it labels are worth nothing. Put it back."
        ) from problem
    except ValidationError as problem:
        raise UsageError(f"{beside(file)} is not what was written: {described(problem)}.") from problem


def harmless(text: str) -> str:
    """Return foreign text as a cell that no spreadsheet runs."""
    return f"'{text}" if text.startswith(_COMMANDS) else text


def as_it_was(cell: str) -> str:
    """Undo `harmless`."""
    return cell.removeprefix("'")


def beside(file: Path) -> Path:
    """Return where the strata of a sample are written."""
    return file.with_name(f"{file.stem}.strata.json")


def _shards(record: RunRecord) -> dict[str, Shard]:
    """Return the shards by name, as they lie there now; none where the dataset cannot be looked at."""
    try:
        names, images = list(record.source), record.images_per_shard or IMAGES_PER_SHARD
        return {shard.name: shard for shard in open_source(names, record.kind, images, record.image_column).shards}
    except (DataError, MissingExtra, OSError, UsageError):
        return {}


def _path(shard: Shard | None, index: int) -> str:
    if isinstance(shard, FileShard) and index < len(shard.files):
        return as_text(str(shard.folder / shard.files[index]))
    return as_text(shard.file) if isinstance(shard, TarShard | ParquetShard) else ""


def places_of(sample: Sample) -> dict[Place, int]:
    """Return the stratum of each drawn image."""
    return {Place(shard, index): stratum for shard, index, stratum in sample.places}
