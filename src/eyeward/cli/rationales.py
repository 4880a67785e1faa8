"""`eyeward rationales`: a reason for every label of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from eyeward.cli.screen import Screen, counted, one_line, visible
from eyeward.data.rationales.report import RationaleReport
from eyeward.data.report import Discarded
from eyeward.errors import UsageError

UNSETTLED = 3
"""Exit code of a run in which teachers did not answer about some samples."""


def rationales(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", show_default=False, help="A folder with labels.jsonl.")],
    out: Annotated[Path, typer.Option(help="A new folder for the same with reasons; one that was stopped goes on.")],
    teacher: Annotated[
        list[str] | None,
        typer.Option(metavar="GUARD", help="Who writes, as for `eyeward assess`; may be given again for retries."),
    ] = None,
    from_rules: Annotated[
        bool,
        typer.Option("--from-rules", help="Say what follows from the label where no teacher wrote anything good."),
    ] = False,
    retries: Annotated[
        int, typer.Option(min=0, max=8, metavar="K", help="Ask again, otherwise, where something is wrong.")
    ] = 2,
    rewrite: Annotated[
        bool, typer.Option("--rewrite", help="Replace reasons that are there, not only those with faults.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Take the first N samples only.")] = None,
    device: Annotated[str, typer.Option(help="Where the weights run: auto, cpu, cuda, cuda:1, …")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Write why each image has its label: by a teacher that is given the label, or from the rules alone.

    Labels never change. What a teacher writes is checked, and asked for otherwise where something is wrong.

    Exit codes: 0 when teachers answered, or none was asked; 2 for wrong usage;
    3 when teachers did not answer about some samples: the same command asks again;
    4 when the output could not be written.
    """
    import eyeward
    from eyeward.data.rationales.writing import Rationales
    from eyeward.scenes.relabelling import reason_by_scene

    names = teacher or []
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"--teacher {twice} is given twice; name each guard once.")
    screen = Screen()
    guards = []
    for name in names:
        with screen.bar(f"Loading {one_line(name)}"):
            guards.append(eyeward.load_guard(name, device=device))
    run = Rationales(
        folder,
        out,
        guards,
        retries=retries,
        from_rules=from_rules,
        rewrite=rewrite,
        limit=limit,
        describe=reason_by_scene,
    )
    with screen.bar("Writing reasons", run.samples) as advance:
        report = run.run(advance)
    if as_json:
        typer.echo(report.model_dump_json(indent=2))
    else:
        _print(screen, report, out)
    if report.unsettled:
        what = counted(report.unsettled, "sample")
        screen.say(f"No teacher answered about {what}; the same command asks about them again.")
        raise typer.Exit(UNSETTLED)


def _print(screen: Screen, report: RationaleReport, out: Path) -> None:
    words = {"teacher": "by a teacher", "rules": "from rules", "scene": "from scenes", "before": "completed"}
    parts = [f"{number:,} {words[writer]}" for writer, number in report.written.items()]
    parts += [f"{report.kept:,} kept"] * bool(report.kept)
    missing = sum(item.rows for item in report.without)
    parts += [f"{missing:,} without a reason"] * bool(missing)
    sentence = f"{counted(report.samples, 'sample')} in {visible(str(out))}: {', '.join(parts) or 'none'}."
    screen.out.print(Text(sentence), soft_wrap=True)
    if report.asked:
        ways = ", ".join(f"{way.replace('_', ' ')} {number:,}" for way, number in report.accepted.items()) or "none"
        asked = f"{counted(report.attempts, 'attempt')} at {counted(report.asked, 'label')}; kept: {ways}"
        added = f"; {report.grounds_added:,} with a sentence about what decides added" if report.grounds_added else ""
        screen.out.print(Text(f"{asked}{added}."), soft_wrap=True)
    _print_counts(screen, "attempts refused", report.refused)
    _print_counts(screen, "reasons replaced", report.replaced)
    _print_examples(screen, "trouble", report.troubles)
    _print_examples(screen, "without a reason", report.without)
    if report.missing_images:
        screen.say(f"{counted(report.missing_images, 'image')} of the labels are not in the folder.")


def _print_counts(screen: Screen, what: str, counts: dict[str, int]) -> None:
    if counts:
        listed = ", ".join(f"{reason.replace('_', ' ')} {number:,}" for reason, number in counts.items())
        screen.out.print(Text(f"{what.capitalize()}: {listed}."), soft_wrap=True)


def _print_examples(screen: Screen, what: str, items: Sequence[Discarded]) -> None:
    if not items:
        return
    table = Table(what, "", "first of them", box=box.SIMPLE_HEAD)
    table.columns[1].justify = "right"
    for item in items:
        table.add_row(item.reason, f"{item.rows:,}", Text(visible(item.examples[0])))
    screen.out.print(table)
