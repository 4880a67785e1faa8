"""`eyeward scenes`: draw labelled scenes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from eyeward.data.sample import Split
from eyeward.scenes.graph import Style
from eyeward.scenes.sample import Pairs

app = typer.Typer(help="Draw labelled scenes of the harmless world that `mini` knows.", no_args_is_help=True)


@app.callback()
def scenes() -> None:
    """Draw labelled scenes of the harmless world that `mini` knows."""


@app.command()
def render(
    out: Annotated[Path, typer.Option(help="An empty or new folder.")],
    count: Annotated[int, typer.Option(min=1, help="How many scenes.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 0,
    style: Annotated[Style, typer.Option(help="How they are drawn; training sees flat only.")] = Style.FLAT,
    split: Annotated[Split, typer.Option(help="The side of the split that they stand on.")] = Split.TRAIN,
    pairs: Annotated[
        Pairs, typer.Option(help="reserved: only motifs in contexts that training never shows (with --split test).")
    ] = Pairs.OPEN,
    size: Annotated[int, typer.Option(min=32, max=2048, help="Side of each picture in pixels.")] = 224,
) -> None:
    """Write images, labels.jsonl (under the default policy) and contact_sheet.png."""
    from eyeward.scenes.contact_sheet import contact_sheet
    from eyeward.scenes.labels import write_scenes

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("Drawing", total=count)
        labels = write_scenes(
            out,
            count,
            seed,
            split=split,
            style=style,
            pairs=pairs,
            size=size,
            progress=lambda: progress.advance(task),
        )
    contact_sheet(out, labels).save(out / "contact_sheet.png")
    ratings = Counter(label.rating for label in labels)
    shares = ", ".join(f"{number} {rating}" for rating, number in sorted(ratings.items()))
    typer.echo(f"{len(labels)} scenes in {out} ({shares}): labels.jsonl, images, contact_sheet.png")
