"""Runs in folders: annotations, evaluations and what watches them, told by the files that they leave.

Nothing of a request ever becomes a path: what is asked for is looked up among the runs that were found here.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from eyeward.images.reading import printable

DEEPEST = 4
"""Levels of folders below the one that is named."""
MOST_FOLDERS, MOST_FILES = 2_000, 20_000
"""Folders that are looked into, and files that are looked at in one of them."""
LARGEST_SUMMARY = 32 << 20
"""Bytes of a file with figures."""
LOOK_AGAIN_SECONDS = 5.0
PAGES = ("report.html", "monitor.html")
_MARKS = (*PAGES, "audit.json", "metrics.json", "monitor.json", "run.json")


class Kind(StrEnum):
    """What made a run."""

    annotation = "annotation"
    evaluation = "evaluation"
    monitor = "monitor"
    other = "other"


class _Open(BaseModel):
    """Reads of a file what is shown here; the rest is for the report."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Model(_Open):
    name: str
    revision: str | None = None


class _Count(_Open):
    count: int
    share: float


class _PolicyAudit(_Open):
    policy: str
    rows: int
    ratings: dict[str, _Count]


class _Audit(_Open):
    source: tuple[str, ...]
    model: _Model
    images: int
    policies: tuple[_PolicyAudit, ...]


class _Estimate(_Open):
    value: float | None
    low: float | None = None
    high: float | None = None


class _Tables(_Open):
    overall: dict[str, _Estimate]


class _GuardMetrics(_Open):
    guard: str
    outcomes: dict[str, int]
    tables: _Tables


class _Metrics(_Open):
    data: str
    questions: int
    images: int
    guards: tuple[_GuardMetrics, ...]


class _Alarm(_Open):
    window: str
    sentence: str


class _Watch(_Open):
    watched: tuple[dict[str, Any], ...]
    alarms: tuple[_Alarm, ...]


class _Policy(_Open):
    name: str
    version: int


class _GuardRecord(_Open):
    model: _Model


class _AnnotationRun(_Open):
    source: tuple[str, ...]
    guard: _GuardRecord
    policies: tuple[_Policy, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Figures of a run."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class FoundRun:
    """A folder with a run in it."""

    id: str
    """What it is called in addresses: the number of the folder that was named, and the way from there."""
    name: str
    folder: Path
    kind: Kind
    changed: datetime
    facts: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]
    pages: tuple[str, ...]
    """Names of reports in it."""


Record = TypeVar("Record", bound=BaseModel)


class RunShelf:
    """Looks for runs, not more often than every few seconds. Safe to use from several threads."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Take the folders that were named."""
        self._folders = tuple(folders)
        self._lock = threading.Lock()
        self._looked = -LOOK_AGAIN_SECONDS
        self._runs: dict[str, FoundRun] = {}

    def runs(self) -> list[FoundRun]:
        """Return all runs, the latest first."""
        with self._lock:
            if time.monotonic() - self._looked >= LOOK_AGAIN_SECONDS:
                self._runs = {run.id: run for run in self._look()}
                self._looked = time.monotonic()
            return sorted(self._runs.values(), key=lambda run: (run.changed, run.id), reverse=True)

    def run(self, id: str) -> FoundRun | None:
        """Return a run by what it is called; None where there is none."""
        return next((run for run in self.runs() if run.id == id), None)

    def _look(self) -> Iterator[FoundRun]:
        for number, root in enumerate(self._folders, start=1):
            for folder, names in islice(_folders(root), MOST_FOLDERS):
                if any(name in names for name in _MARKS):
                    way = folder.relative_to(root).as_posix()
                    yield _described(f"{number}" if way == "." else f"{number}/{way}", root, folder, names)


def _folders(root: Path) -> Iterator[tuple[Path, frozenset[str]]]:
    """Yield folders with the names of their files; links are not followed."""
    waiting = [(root, 0)]
    while waiting:
        folder, depth = waiting.pop(0)
        files, below = set(), []
        try:
            with os.scandir(folder) as entries:
                for entry in islice(entries, MOST_FILES):
                    if entry.is_file(follow_symlinks=False):
                        files.add(entry.name)
                    elif entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                        below.append(entry.name)
        except OSError:
            continue
        yield folder, frozenset(files)
        if depth < DEEPEST:
            waiting += [(folder / name, depth + 1) for name in sorted(below)]


def _described(id: str, root: Path, folder: Path, names: frozenset[str]) -> FoundRun:
    facts: list[tuple[str, str]] = []
    tables: list[Table] = []
    kind = Kind.other
    annotation = _read(_AnnotationRun, folder, "run.json", names)
    audit = _read(_Audit, folder, "audit.json", names)
    metrics = _read(_Metrics, folder, "metrics.json", names)
    watch = _read(_Watch, folder, "monitor.json", names)
    if annotation is not None or audit is not None:
        kind = Kind.annotation
        facts += _of_annotation(annotation, audit, names)
        tables += [] if audit is None else [_table_of_audit(audit)]
    if metrics is not None:
        kind = Kind.evaluation
        facts += [("data", metrics.data), ("questions", f"{metrics.questions:,}"), ("images", f"{metrics.images:,}")]
        tables.append(_table_of_metrics(metrics))
    if watch is not None:
        kind = Kind.monitor
        facts += [("windows", f"{len(watch.watched):,}"), ("alarms", f"{len(watch.alarms):,}")]
        tables += [Table(("window", "alarm"), tuple((a.window, a.sentence) for a in watch.alarms[-10:]))]
    unread = [
        name
        for name, found in (("audit.json", audit), ("metrics.json", metrics), ("monitor.json", watch))
        if name in names and found is None
    ]
    if unread:
        facts.append(("cannot be read", ", ".join(unread)))
    marks = [folder / name for name in _MARKS if name in names]
    changed = max((file.stat().st_mtime for file in marks if file.exists()), default=0.0)
    return FoundRun(
        id=printable(id),
        name=printable(root.resolve().name if folder == root else folder.relative_to(root).as_posix()),
        folder=folder,
        kind=kind,
        changed=datetime.fromtimestamp(changed, UTC),
        facts=tuple(facts),
        tables=tuple(tables),
        pages=tuple(name for name in PAGES if name in names),
    )


def _of_annotation(
    run: _AnnotationRun | None, audit: _Audit | None, names: frozenset[str]
) -> Iterator[tuple[str, str]]:
    source = audit.source if audit is not None else () if run is None else run.source
    model = audit.model if audit is not None else None if run is None else run.guard.model
    yield "source", ", ".join(source[:3]) + (" …" if len(source) > 3 else "")
    if model is not None:
        yield "guard", model.name + (f", revision {model.revision}" if model.revision else "")
    if run is not None:
        yield "policies", ", ".join(f"{policy.name} v{policy.version}" for policy in run.policies)
    if audit is not None:
        yield "images", f"{audit.images:,}"
    else:
        shards = sum(name.endswith(".safety.parquet") for name in names)
        yield "shards done in this folder", f"{shards:,}; `eyeward audit` counts them and writes a report"


def _table_of_audit(audit: _Audit) -> Table:
    ratings = list(dict.fromkeys(rating for policy in audit.policies for rating in policy.ratings))
    rows = tuple(
        (
            policy.policy,
            f"{policy.rows:,}",
            *(
                f"{policy.ratings[rating].count:,} ({policy.ratings[rating].share:.1%})"
                if rating in policy.ratings
                else ""
                for rating in ratings
            ),
        )
        for policy in audit.policies
    )
    return Table(("policy", "rows", *ratings), rows)


def _table_of_metrics(metrics: _Metrics) -> Table:
    shown = ("balanced_accuracy", "recall", "specificity", "auprc", "review_share")
    names = [name for name in shown if any(name in guard.tables.overall for guard in metrics.guards)]
    rows = tuple(
        (guard.guard, *(_estimate(guard.tables.overall.get(name)) for name in names)) for guard in metrics.guards
    )
    return Table(("guard", *(name.replace("_", " ") for name in names)), rows)


def _estimate(estimate: _Estimate | None) -> str:
    if estimate is None or estimate.value is None:
        return ""
    interval = "" if estimate.low is None or estimate.high is None else f" ({estimate.low:.3f}–{estimate.high:.3f})"
    return f"{estimate.value:.3f}{interval}"


def _read(record: type[Record], folder: Path, name: str, names: frozenset[str]) -> Record | None:
    """Read a file of figures; None where it is not there, or says something else."""
    if name not in names:
        return None
    file = folder / name
    try:
        if file.stat().st_size > LARGEST_SUMMARY:
            return None
        return record.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None
