"""`eyeward train`: run a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eyeward.cli.screen import Screen, counted
from eyeward.errors import UsageError

if TYPE_CHECKING:
    from eyeward.train.tuning.run import Tuning


def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe of recipes/, for example recipes/onevision-0.5b-lora.yaml.")],
    changes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME=VALUE]…", help="Settings of the recipe to change: data=runs/set lora.rank=16."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; default: runs/NAME.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, with one sample as it is learnt; learn nothing.")
    ] = False,
    pictures: Annotated[
        Path | None, typer.Option(help="From scratch only: folder of drawn scenes, shared by runs.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="From scratch only: last stage to run: vision, base, guard-1, …")
    ] = None,
) -> None:
    """Tune a checkpoint on labelled images, or train mini from scratch; a run that was stopped goes on."""
    from eyeward.train.recipe_file import read_yaml, with_changes

    content = with_changes(read_yaml(recipe), changes or ())
    if isinstance(content, dict) and "method" in content:
        if pictures is not None or until is not None:
            raise UsageError("--pictures and --until are for training from scratch; this recipe tunes a checkpoint.")
        _tune(recipe, changes or [], out, dry_run)
        return
    if dry_run:
        raise UsageError("--dry-run is for recipes that tune a checkpoint; this one trains from scratch.")
    from eyeward.train.from_scratch.recipe import Recipe
    from eyeward.train.from_scratch.run import Run

    read = Recipe.load(recipe, changes or ())
    folder = out or Path("runs") / read.name
    Run(read, folder, pictures or folder / "pictures").everything(until)


def _tune(file: Path, changes: list[str], out: Path | None, dry_run: bool) -> None:
    from eyeward.train.tuning.recipe import Recipe
    from eyeward.train.tuning.run import Tuning

    recipe = Recipe.load(file, changes)
    folder = out or Path("runs") / recipe.name
    screen = Screen()
    tuning = Tuning(recipe, folder, screen.bar, screen.say)
    if dry_run:
        _print_plan(screen, tuning)
        return
    trainer = tuning.train()
    from eyeward.train.tuning.finish import finish

    guard = finish(tuning, trainer)
    if guard is not None:
        _print_end(screen, tuning, guard)


def _print_end(screen: Screen, tuning: Tuning, guard: Path) -> None:
    from eyeward.data.sample import Split
    from eyeward.engine.rating import Calibration
    from eyeward.guard.card import EyewardCard
    from eyeward.train.tuning.run import CURVE
    from eyeward.train.tuning.survey import chosen

    folder, data = tuning.folder, tuning.recipe.data
    screen.say(f"The guard is in {guard}, its losses in {folder / CURVE}.")
    if tuning.recipe.calibrate and EyewardCard.read(guard).calibration == Calibration():
        screen.say("It is not calibrated: there were no validation samples of both ratings that it rated.")
    if chosen(tuning.data, Split.TEST):
        screen.say(f"Measure it: eyeward evaluate {data} --split test --model {guard} --out {folder / 'test'}")
    else:
        screen.say("Measure it on images that it has not learnt from; this data has no test side.")


def _print_plan(screen: Screen, tuning: Tuning) -> None:
    plan, found, (asked, learnt) = tuning.plan()
    parts = ", ".join(f"{part} {count / 1e6:,.1f} M" for part, count in plan.parameters.items())
    for line in (
        f"{counted(plan.steps, 'step')} of {counted(plan.samples_a_step, 'sample')}; "
        f"{counted(plan.samples, 'sample')} an epoch of {plan.tokens_an_epoch:,} tokens; at most {plan.longest:,}.",
        f"Parameters: {parts}; {plan.learning / 1e6:,.1f} M of them or beside them learn.",
        *(() if plan.taught is None else (f"The teacher says something to {counted(plan.taught, 'sample')}.",)),
        f"Memory: about {plan.memory_bytes / 2**30:,.1f} GiB on a device that has all of it.",
    ):
        screen.out.print(line, markup=False, highlight=False)
    if found.discarded:
        reasons = ", ".join(f"{count} {reason}" for reason, count in found.reasons.items())
        screen.out.print(f"No lessons: {reasons}. First: {found.discarded[0][1]}", markup=False, highlight=False)
    screen.out.print(f"\nAsked:\n{asked}\n\nLearnt:\n{learnt}", markup=False, highlight=False)
