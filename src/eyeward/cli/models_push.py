"""`eyeward models push`: a guard to the Hub, once its weights, cards and licence were looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from eyeward.cli.pushing import AsJson, DryRun, Public, Repo, Yes, check_options
from eyeward.cli.pushing import push as push_plan


def push(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a guard.")],
    repo: Repo,
    dry_run: DryRun = False,
    yes: Yes = False,
    public: Public = False,
    as_json: AsJson = False,
) -> None:
    """Show what of a guard would go to the Hugging Face Hub and what stands against it; with --yes, send it.

    The exit code is 1 when something may not leave.
    """
    from eyeward.guard.publishing import plan_model

    check_options(dry_run, yes)
    push_plan(plan_model(folder, repo), yes=yes, public=public, as_json=as_json)
