"""Labels leave: as training data, as events for `eyeward data build`, and as the labels of an audit sample."""

from __future__ import annotations

from pathlib import Path

from eyeward.data.report import Report
from eyeward.images.known import KnownHashes
from eyeward.serve.labels.store import LabelStore


def export_samples(store: LabelStore, queue: str, out: Path, known: KnownHashes | None = None) -> Report:
    """Write the settled items of a queue as a folder of samples: `labels.jsonl` and the images.

    Raises:
        UsageError: when the folder is not empty.
    """
    raise NotImplementedError


def export_events(store: LabelStore, queue: str, file: Path) -> int:
    """Write the deciding events of settled items, one a line, as `eyeward data build` reads them; return how many.

    Raises:
        UsageError: when the file is there already.
    """
    raise NotImplementedError


def export_audit(store: LabelStore, queue: str, run: Path, sample: Path, out: Path) -> Report:
    """Write the CSV of an audit sample with the labels of settled items, for `eyeward audit DIR --labels`.

    Raises:
        UsageError: when the sample is not one of the run and the policy, or `out` is there already.
    """
    raise NotImplementedError
