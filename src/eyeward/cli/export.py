"""`eyeward export`: the part of a dataset that is kept, and the reasons for the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from eyeward.annotate.exporting import Form
from eyeward.cli.run_folder import folder_of
from eyeward.cli.screen import Screen, counted, visible


def export(
    run: Annotated[
        str,
        typer.Argument(metavar="DIR", show_default=False, help="Folder or s3://… of a finished `eyeward annotate`."),
    ],
    out: Annotated[
        str,
        typer.Option(metavar="DIR|s3://…", help="An empty or new folder, or such a place for archives and tables."),
    ],
    keep_review: Annotated[bool, typer.Option("--keep-review", help="Keep what is for Review, too.")] = False,
    policy: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only what this policy of the run says counts; may be given again."),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(metavar="SQL", help="Keep only what this holds for, too: 'p_unsafe < 0.3' (extra annotate)."),
    ] = None,
    form: Annotated[
        Form,
        typer.Option(
            "--format",
            help="Write data as the dataset is, as a folder that FiftyOne imports, or as a data set for the Hugging "
            "Face Hub (`eyeward data push` sends it).",
        ),
    ] = Form.same,
    licence: Annotated[
        str | None,
        typer.Option(metavar="ID", help="--format datasets: the licence of images of which the dataset says none."),
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="Where the dataset lies now, if it was moved; may be given again.")
    ] = None,
    lists_only: Annotated[bool, typer.Option("--lists-only", help="Write the lists, no data.")] = False,
) -> None:
    """Write the images that are kept (as tar, Parquet, or links), kept.parquet and removed.parquet.

    Only what was judged and is Safe is kept, under every policy of the run; errors never are.
    """
    from eyeward.annotate.export import export as write
    from eyeward.annotate.exporting.hub_dataset import FOLDER
    from eyeward.annotate.finished import Finished

    screen = Screen()
    folder = folder_of(run, screen)
    with screen.bar("Looking at the run"):
        opened = Finished.open(folder, source)
    with screen.bar("Exporting", len(opened.source.shards)) as advance:
        found = write(
            opened,
            out,
            keep_review=keep_review,
            policies=policy or (),
            where=where,
            data=not lists_only,
            form=form,
            licence=licence,
            progress=advance,
        )
    removed = ", ".join(f"{number:,} {reason}" for reason, number in found.removed.most_common())
    screen.say(
        f"{counted(found.kept, 'image')} kept, {found.removed.total():,} removed{f' ({removed})' if removed else ''}; "
        f"written to {visible(out)}."
    )
    if found.unchecked:
        screen.say(
            f"{counted(found.unchecked, 'row')} kept by an address: what is there now was not compared with what was "
            "judged. The column sha256 of kept.parquet says what that was."
        )
    if form is Form.datasets and not lists_only:
        written = visible(str(Path(out) / FOLDER))
        screen.say(f"`eyeward data push {written} OWNER/NAME` shows what would leave, and what is against it.")
