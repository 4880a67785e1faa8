"""`eyeward audit`: what a run says of a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from eyeward.cli.screen import Screen, counted, visible


def audit(
    run: Annotated[Path, typer.Argument(metavar="DIR", show_default=False, help="Folder of `eyeward annotate`.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for audit.json and report.html; default: that of the run.")
    ] = None,
) -> None:
    """Write audit.json and report.html: ratings, categories, thresholds, errors, doubtful cases (extra annotate)."""
    from eyeward.annotate.audit import FILE_NAME
    from eyeward.annotate.audit import audit as count
    from eyeward.annotate.audit_page import FILE_NAME as PAGE
    from eyeward.annotate.audit_page import audit_page

    screen = Screen()
    with screen.bar("Counting"):
        found = count(run)
    folder = out or run
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE_NAME).write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (folder / PAGE).write_text(audit_page(found), encoding="utf-8")
    screen.say(
        f"{counted(found.images, 'image')} under {len(found.policies)} policies; written to {visible(str(folder))}: "
        f"{FILE_NAME}, {PAGE}."
    )
