"""The long form of the self check, for a guard by its name: what `eyeward models check` prints."""

from __future__ import annotations

import time
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING

from eyeward.errors import UsageError
from eyeward.guard.loading import load_subject, packaged_guards
from eyeward.guard.self_check import Finding, Outcome, Subject, long_form, short_form
from eyeward.verdict import ModelRef

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Report:
    """What the checks of a guard found."""

    model: ModelRef
    findings: tuple[Finding, ...]
    seconds: float
    """How long these checks took."""
    seconds_at_load: float
    """How long the short form takes, which runs at every load."""

    @property
    def failed(self) -> int:
        """Count the checks that failed."""
        return sum(finding.outcome is Outcome.failed for finding in self.findings)


def check_guard(
    name: str | PathLike[str],
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    max_tiles: int | None = None,
    against: str | None = None,
) -> Report:
    """Load a guard, run every check, and ask the same of a server at `against` where one is given.

    Raises:
        CheckpointError: when there is no such checkpoint or its parts do not fit together.
        UsageError: when `against` is no address, or no server answers there.
    """
    subject = load_subject(name, device=device, dtype=dtype, max_tiles=max_tiles)
    other: Subject | None = None
    try:
        if against is not None:
            other = _elsewhere(subject, against)
        started = time.perf_counter()
        list(short_form(subject))
        between = time.perf_counter()
        findings = tuple(long_form(subject, None if other is None else other.guard, against))
        ended = time.perf_counter()
    finally:
        subject.close()
        if other is not None:
            other.close()
    return Report(subject.guard.model, findings, ended - between, between - started)


def _elsewhere(subject: Subject, against: str) -> Subject:
    """Load the same guard behind a server, asked as its card says."""
    from eyeward.engine.remote.address import is_address
    from eyeward.guard.remote_loading import load_remote

    if not is_address(against):
        raise UsageError(f"{against!r} is not the address of a server; one looks like http://host:8000/v1#model.")
    place = None if subject.folder is None else str(subject.folder)
    return load_remote(place, against, packaged_guards(), subject.card)
