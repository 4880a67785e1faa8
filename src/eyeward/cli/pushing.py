"""What `eyeward data push` and `eyeward models push` have in common: show what would leave, then send it if told to."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from eyeward.cli.screen import Screen, counted, one_line, visible
from eyeward.errors import UsageError
from eyeward.publish import hub
from eyeward.publish.plan import Plan, publish

REFUSED = 1
"""Exit code when something may not leave."""
_SHOWN = 40
"""Files that are named on a terminal; JSON names all."""

Repo = Annotated[str, typer.Argument(metavar="REPO", help="ORGANISATION/NAME on the Hugging Face Hub.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would leave; the same as without --yes.")]
Yes = Annotated[bool, typer.Option("--yes", help="Send it. Nothing leaves without this.")]
Public = Annotated[bool, typer.Option("--public", help="Make a new repository public, or send to one that is.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, with every file.")]


def check_options(dry_run: bool, yes: bool) -> None:
    """Refuse two options that say the opposite."""
    if dry_run and yes:
        raise UsageError("--dry-run and --yes say the opposite; leave one of them out.")


def push(plan: Plan, *, yes: bool, public: bool, as_json: bool) -> None:
    """Print a plan, and carry it out when nothing stands against it and `yes` was said."""
    screen = Screen()
    if not as_json:
        _print_plan(screen, plan)
    sent = publish(plan, hub.HuggingFaceHub(), public) if yes and not plan.refusals else None
    if as_json:
        typer.echo(json.dumps(_as_json(plan, sent), indent=2))
    for refusal in plan.refusals:
        screen.say(visible(str(refusal)))
    if plan.refusals:
        screen.say(f"Nothing was sent: {counted(len(plan.refusals), 'thing')} to mend first.")
        raise typer.Exit(REFUSED)
    if sent is not None:
        screen.say(f"Sent: {visible(sent)}")
    else:
        where = "a public repository" if public else "a private repository, or one that is there"
        screen.say(f"Nothing was sent. With --yes it goes to {plan.repo}, {where}.")


def _as_json(plan: Plan, sent: str | None) -> dict[str, object]:
    return {
        "repo": plan.repo,
        "kind": plan.kind.value,
        "files": [{"name": file.name, "bytes": file.bytes} for file in plan.files],
        "bytes": plan.bytes,
        "licences": list(plan.card.licences),
        "facts": list(plan.facts),
        "refusals": [{"place": refusal.place, "sentence": refusal.sentence} for refusal in plan.refusals],
        "sent": sent,
    }


def _print_plan(screen: Screen, plan: Plan) -> None:
    table = Table("file", "bytes", box=box.SIMPLE_HEAD)
    table.columns[1].justify = "right"
    for file in plan.files[:_SHOWN]:
        table.add_row(Text(visible(file.name)), f"{file.bytes:,}")
    if len(plan.files) > _SHOWN:
        table.add_row(Text(f"… and {len(plan.files) - _SHOWN:,} more (--json names all)"), "")
    screen.out.print(table)
    endings = ", ".join(f"{visible(ending)} {count:,}" for ending, count in plan.by_ending.items())
    lines = [
        f"{plan.kind.value} {plan.repo}: {counted(len(plan.files), 'file')}, {plan.bytes / 1e6:,.1f} MB ({endings})",
        f"Licence on the card: {visible(', '.join(plan.card.licences)) or 'none'}",
        *(one_line(fact) for fact in plan.facts),
    ]
    for line in lines:
        screen.out.print(Text(line), soft_wrap=True)
