"""`eyeward data push`: a data set to the Hub, once its card, rows and licences were looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from eyeward.cli.pushing import AsJson, DryRun, Public, Repo, Yes, check_options
from eyeward.cli.pushing import push as push_plan


def push(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `eyeward data export` wrote.")],
    repo: Repo,
    dry_run: DryRun = False,
    yes: Yes = False,
    public: Public = False,
    as_json: AsJson = False,
) -> None:
    """Show what of a data set would go to the Hugging Face Hub and what stands against it; with --yes, send it.

    The exit code is 1 when something may not leave.
    """
    from eyeward.data.publishing import plan_dataset

    check_options(dry_run, yes)
    push_plan(plan_dataset(folder, repo), yes=yes, public=public, as_json=as_json)
