"""`eyeward models check`: everything that is checked before anyone relies on a guard."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from eyeward.cli.screen import Screen, counted, one_line

if TYPE_CHECKING:
    from eyeward.guard.checking import Report

CHECK_FAILED = 1
"""Exit code when a check failed."""


def check(
    name: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A guard that ships, a folder, a Hub id, or the address of a server."),
    ],
    against: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Ask the same of a server (http://host:8000/v1#model), and say whether it agrees."
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="Where the weights run: auto, cpu, cuda, cuda:1, …")] = "auto",
    max_tiles: Annotated[
        int | None, typer.Option(metavar="N", help="Check it with images cut into at most N tiles.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Check a guard: chat template, labels, image tokens, context, head, known answers, another engine.

    The exit code is 1 when a check fails, 2 when the guard cannot be loaded at all.
    """
    from eyeward.guard.checking import check_guard

    with Screen().bar(f"Checking {one_line(name)}"):
        report = check_guard(name, device=device, max_tiles=max_tiles, against=against)
    if as_json:
        typer.echo(json.dumps(_as_json(report), indent=2))
    else:
        for finding in report.findings:
            typer.echo(f"{finding.check:<20}{finding.outcome.value:<16}{one_line(finding.detail)}")
        typer.echo(_summary(report))
    if report.failed:
        raise typer.Exit(CHECK_FAILED)


def _as_json(report: Report) -> dict[str, object]:
    return {
        **report.model.model_dump(mode="json"),
        "passed": not report.failed,
        "seconds": report.seconds,
        "seconds_at_load": report.seconds_at_load,
        "findings": [asdict(finding) for finding in report.findings],
    }


def _summary(report: Report) -> str:
    model = report.model
    said = f"{counted(report.failed, 'check')} failed" if report.failed else "nothing failed"
    revision = f" {model.revision[:12]}" if model.revision else ""
    return one_line(
        f"{model.name}{revision} ({model.engine}): {said}; {report.seconds:.1f} s, at every load "
        f"{report.seconds_at_load:.1f} s"
    )
