"""Runs: what annotations and evaluations found, in figures, with their reports shut into a sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from eyeward.serve.keys import Role
from eyeward.serve.pages.found_runs import FoundRun, RunShelf
from eyeward.serve.pages.frame import Frame, Part, Tab
from eyeward.serve.refusals import NotThere, TooLarge

ROLES = (Role.policy_owner,)
"""Not those who review: a report shows what the guard said of images that they are to rate without knowing."""
TAB = Tab("/runs", "Runs", ROLES)
LARGEST_REPORT = 128 << 20
REPORT_POLICY = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""A report holds its own styles and pictures, and nothing else: no script, no form, no way to this site's cookie."""


def runs(frame: Frame, folders: Sequence[Path]) -> Part:
    """Return the pages of runs below some folders."""
    shelf = RunShelf(folders)

    async def overview(request: Request) -> Response:
        return frame.page(request, "runs.html", runs=await asyncio.to_thread(shelf.runs), given=bool(folders))

    async def show(request: Request) -> Response:
        return frame.page(request, "run.html", run=await _found(shelf, request.path_params["id"]))

    async def report(request: Request) -> Response:
        run = await _found(shelf, request.path_params["id"])
        name = request.path_params["page"]
        if name not in run.pages:
            raise NotThere("This run has no such report.")
        content = await asyncio.to_thread(_content, run.folder / name)
        return Response(content, headers={"Content-Security-Policy": REPORT_POLICY}, media_type="text/html")

    return Part(
        routes=(
            frame.route(TAB.path, overview, ROLES),
            frame.route("/runs/report/{page}/{id:path}", report, ROLES),
            frame.route("/runs/run/{id:path}", show, ROLES),
        ),
        tab=TAB,
    )


async def _found(shelf: RunShelf, id: str) -> FoundRun:
    run = await asyncio.to_thread(shelf.run, id)
    if run is None:
        raise NotThere("There is no such run; it may have been moved since the list was made.")
    return run


def _content(file: Path) -> bytes:
    """Read a report that was found.

    Raises:
        NotThere: when it is gone, or a link was put in its place.
        TooLarge: when it is too long for a browser.
    """
    try:
        if file.is_symlink():
            raise NotThere("This run has no such report.")
        if file.stat().st_size > LARGEST_REPORT:
            raise TooLarge(f"The report is larger than {LARGEST_REPORT:,} bytes; open the file itself.")
        return file.read_bytes()
    except OSError:
        raise NotThere("The report is gone; it may have been moved since the list was made.") from None
