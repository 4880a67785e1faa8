"""`eyeward models export`: a guard as a folder for a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from eyeward.guard.exporting import SERVE_FILE, Target, export_guard


def export(
    name: Annotated[
        str, typer.Argument(metavar="MODEL", help="A guard that ships, a folder, or a Hub id, which is fetched.")
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write; new, or empty.")],
    target: Annotated[Target, typer.Option("--for", help="The server that will read it.")],
) -> None:
    """Write a guard as a folder that vLLM or SGLang serves, and print the lines that start the server and ask it."""
    exported = export_guard(name, folder, target)
    typer.echo(f"Wrote {exported.folder}; its {SERVE_FILE} holds these lines.\n\nServe it:\n  {exported.serve}\n")
    typer.echo("Ask it:\n" + "".join(f"  {line}\n" for line in (exported.ask, exported.python) if line), nl=False)
    for remark in exported.remarks:
        typer.echo(f"\n{remark}")
