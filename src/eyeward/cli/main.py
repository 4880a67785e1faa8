"""The command `eyeward`: a table of verbs, each loaded when it is used, so that `eyeward --help` stays quick."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from eyeward import __version__
from eyeward.errors import EyewardError

WRONG_USAGE = 2
"""Exit code of a command that was asked for something impossible."""
NOT_WRITTEN = 4
"""Exit code of a command whose output could not be written: a full disk, a pipe that was closed."""


@dataclass(frozen=True)
class Verb:
    """Where a verb lives: a `typer.Typer` or a function of a module of this package."""

    module: str
    attribute: str
    help: str


VERBS: dict[str, Verb] = {
    "assess": Verb("assess", "assess", "Judge images against a policy."),
    "policy": Verb("policy", "app", "Show, check, compare, render and import policies."),
    "models": Verb("models", "app", "List, show, check, compare, export and publish guards."),
    "scenes": Verb("scenes", "app", "Draw labelled scenes of the harmless world that mini knows."),
    "evaluate": Verb("evaluate", "app", "Measure guards on labelled images, compare and calibrate them."),
    "monitor": Verb("monitor", "monitor", "Watch a guard over time: drift, labels, canaries."),
    "annotate": Verb("annotate", "annotate", "Judge a dataset of any size, every image exactly once."),
    "audit": Verb("audit", "app", "Count what a run says of a dataset, and draw samples for labels."),
    "query": Verb("query", "query", "Ask in SQL what was annotated."),
    "export": Verb("export", "export", "Write the part of a dataset that is kept, and why the rest is not."),
    "gateway": Verb("gateway", "gateway", "Judge what an image server makes before it leaves."),
    "moderate": Verb("moderate", "app", "Measure a guard behind a text-to-image model."),
    "data": Verb("data", "app", "Import, clean, split, count, export and publish labelled images."),
    "rationales": Verb("rationales", "rationales", "Write the reasons of labels, by a teacher or from rules."),
    "train": Verb("train", "train", "Train a guard by a recipe."),
    "serve": Verb("serve", "serve", "Judge images over HTTP, for many callers at once."),
    "keys": Verb("keys", "app", "Make and check the keys of the service."),
    "review": Verb("review", "app", "Make queues for the review page, and take labels away."),
}


class Verbs(TyperGroup):
    """A group that knows its commands by name and imports one only to run it.

    Contexts are `Any`: Typer has had them from click and, later, from a copy of its own.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the verbs in the order of the table."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        """Return what the help needs of a verb; `resolve_command` loads the verb itself."""
        verb = VERBS.get(cmd_name)
        return None if verb is None else TyperCommand(cmd_name, help=verb.help)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, Any]:
        """Load the verb that is about to run."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name not in VERBS else _load(name), rest

    def invoke(self, ctx: Any) -> Any:
        """Run a verb; what Eyeward refuses is one sentence on standard error, and so is a disk that is full."""
        try:
            return super().invoke(ctx)
        except EyewardError as problem:
            typer.echo(str(problem), err=True)
            raise typer.Exit(WRONG_USAGE) from problem
        except OSError as problem:
            if problem.errno != errno.EPIPE:  # who closes a pipe has read enough
                what = (
                    f"{str(problem.filename)!r} cannot be used" if problem.filename else "The output cannot be written"
                )
                typer.echo(f"{what}: {problem.strerror or problem}.", err=True)
            _give_up_output()
            raise typer.Exit(NOT_WRITTEN) from problem


def _give_up_output() -> None:
    """Send what is still buffered nowhere, or Python tries once more at its end and overrides the exit code."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _load(name: str) -> TyperCommand | TyperGroup:
    verb = VERBS[name]
    found = getattr(import_module(f"eyeward.cli.{verb.module}"), verb.attribute)
    if isinstance(found, typer.Typer):
        group = get_group(found)
        group.name = name
        return group
    single = typer.Typer(add_completion=False)
    single.command(name)(found)
    command = get_command(single)
    assert isinstance(command, TyperCommand)
    return command


app = typer.Typer(
    cls=Verbs,
    help="Judge images against a written safety policy.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def eyeward(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Judge images against a written safety policy."""
