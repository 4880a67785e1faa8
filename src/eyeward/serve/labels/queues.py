"""Makes queues: from what an annotation run says, from a sample of an audit, or from a folder of images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eyeward.images.known import KnownHashes
from eyeward.serve.labels.records import Queue, QueueSettings
from eyeward.serve.labels.store import LabelStore


def queue_from_run(
    store: LabelStore,
    settings: QueueSettings,
    run: Path,
    user: str,
    *,
    against: Sequence[Path] = (),
    earlier: str | None = None,
    source: Sequence[str] | None = None,
    known: KnownHashes | None = None,
) -> Queue:
    """Make a queue of the images that a run has judged under the policy of the settings.

    Args:
        against: runs of other guards over the same images; they count for the order `disagreement`.
        earlier: a queue whose raters' answers count for it, too.
        source: where the dataset lies now, if it was moved.
        known: images on these lists are left out, beside those that the run knew.

    Raises:
        UsageError: when there is no run, it did not ask about the policy, nothing is left, or the name is taken.
    """
    raise NotImplementedError


def queue_from_sample(
    store: LabelStore,
    settings: QueueSettings,
    run: Path,
    sample: Path,
    user: str,
    *,
    source: Sequence[str] | None = None,
    known: KnownHashes | None = None,
) -> Queue:
    """Make a queue of a sample that `eyeward audit sample` drew of a run; `sample` is its CSV.

    Raises:
        UsageError: as `queue_from_run`, or when the sample was drawn from another run or under another policy.
    """
    raise NotImplementedError


def queue_from_folder(
    store: LabelStore, settings: QueueSettings, folder: Path, user: str, *, known: KnownHashes | None = None
) -> Queue:
    """Make a queue of all images in a folder and below; without a guard, every category is unknown.

    Raises:
        UsageError: when there are none, the order wants a guard, or the name is taken.
    """
    raise NotImplementedError
