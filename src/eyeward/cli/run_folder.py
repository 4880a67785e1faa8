"""The folder of a run that is read; one that lies in an object store is fetched first."""

from __future__ import annotations

from pathlib import Path

from eyeward.cli.screen import Screen


def folder_of(run: str, screen: Screen) -> Path:
    """Return it, with a bar while answers are fetched."""
    from eyeward.annotate.copies import Copy

    with screen.bar("Looking at the run"):
        copy = Copy(run)
    if not copy.missing:
        return copy.bring()
    with screen.bar("Fetching answers", len(copy.missing)) as advance:
        return copy.bring(advance)
