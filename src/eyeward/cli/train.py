"""`eyeward train`: run a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe of recipes/, for example recipes/mini-quick.yaml.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the run; default: runs/NAME.")] = None,
    pictures: Annotated[Path | None, typer.Option(help="Folder of drawn scenes, shared by runs.")] = None,
    until: Annotated[str | None, typer.Option(help="Last stage to run: vision, base, guard-1, …")] = None,
) -> None:
    """Train a guard from scratch on drawn scenes; a run that was stopped goes on after its last finished stage."""
    from eyeward.train.from_scratch.recipe import Recipe
    from eyeward.train.from_scratch.run import Run

    read = Recipe.load(recipe)
    folder = out or Path("runs") / read.name
    Run(read, folder, pictures or folder / "pictures").everything(until)
