"""`eyeward data export`: labelled images for other programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from eyeward.cli.report_table import print_discarded
from eyeward.cli.screen import Screen, counted, visible
from eyeward.data.folder import SampleFolder
from eyeward.errors import UsageError


class Form(StrEnum):
    """What labels are written for."""

    label_studio = "label-studio"
    parquet = "parquet"
    llava = "llava"
    llama_factory = "llama-factory"
    ms_swift = "ms-swift"


_CONVERSATIONS = (Form.llava, Form.llama_factory, Form.ms_swift)


def export(
    folder: Annotated[Path, typer.Argument(help="A folder with labels.jsonl.")],
    out: Annotated[Path, typer.Option(help="A new or empty folder; for label-studio a new file for the tasks.")],
    form: Annotated[Form, typer.Option("--format", help="The form that is written.")] = Form.label_studio,
    like: Annotated[
        str | None,
        typer.Option(help="Conversations: ask as this guard is asked (name, folder, published-2025). Default: mini."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What the card calls it; default: the name of --out.")] = None,
    shard_mb: Annotated[int | None, typer.Option(min=1, help="Parquet: megabytes a file. Default: 500.")] = None,
    policy: Annotated[
        str | None, typer.Option(help="Label Studio: the policy whose categories can be chosen. Default: default.")
    ] = None,
    prefix: Annotated[
        str | None, typer.Option(help="Label Studio: written before the path of each image, such as an address.")
    ] = None,
    as_annotations: Annotated[
        bool, typer.Option("--as-annotations", help="Label Studio: write labels as done, not to be looked over.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write labels for another program: a table with images, conversations, or tasks, with a card."""
    _refuse(
        form,
        {"--like": like, "--shard-mb": shard_mb, "--name": name, "--policy": policy, "--prefix": prefix}
        | {"--as-annotations": as_annotations or None, "--json": as_json or None},
    )
    if form is Form.label_studio:
        _tasks(SampleFolder(folder), out, policy or "default", prefix or "", as_annotations)
        return
    from eyeward.data.exporting.export import Export
    from eyeward.data.exporting.export import Form as Written
    from eyeward.data.exporting.parquet import SHARD_BYTES

    chosen = Export(
        Written(form.value),
        like=like or "mini",
        name=name,
        shard_bytes=SHARD_BYTES if shard_mb is None else shard_mb * 1_000_000,
    )
    screen = Screen()
    with screen.bar("Exporting") as advance:
        done = chosen.run(SampleFolder(folder), out, advance)
    if as_json:
        typer.echo(done.model_dump_json(indent=2))
        return
    sizes = (f"{side} {size.samples:,} ({counted(len(size.files), 'file')})" for side, size in done.sides.items())
    taken = f"{counted(done.rows.taken, 'sample')} of {counted(done.rows.rows, 'row')}"
    screen.out.print(Text(f"{taken} in {visible(str(out))}: {', '.join(sizes)}."), soft_wrap=True)
    print_discarded(screen, done.rows)
    if done.without_rationale:
        screen.say(f"{counted(done.without_rationale, 'answer')} without a rationale, since the samples have none.")
    if "unknown" in done.licences:
        unstated = counted(done.licences["unknown"], "sample")
        screen.say(f"The licence of {unstated} is not stated; the card says so, and `eyeward data push` refuses them.")


def _refuse(form: Form, given: Mapping[str, object]) -> None:
    """Refuse options that mean nothing for a form."""
    of_tasks = {"--policy", "--prefix", "--as-annotations"}
    meant = of_tasks if form is Form.label_studio else {"--name", "--json"}
    meant |= {"--like"} if form in _CONVERSATIONS else {"--shard-mb"} if form is Form.parquet else set()
    for option, value in given.items():
        if value is not None and option not in meant:
            raise UsageError(f"{option} means nothing for {form.value}; leave it out.")


def _tasks(folder: SampleFolder, out: Path, policy: str, prefix: str, as_annotations: bool) -> None:
    from eyeward.data.importing.label_studio import config_for, tasks
    from eyeward.policy.schema import Policy

    interface = out.with_suffix(".xml")
    config = config_for(Policy.load(policy))
    exported = list(tasks(folder, prefix, as_annotations))
    for file, text in ((out, json.dumps(exported, ensure_ascii=False, indent=1) + "\n"), (interface, config)):
        try:
            with file.open("x", encoding="utf-8", newline="\n") as opened:
                opened.write(text)
        except FileExistsError:
            raise UsageError(f"{str(file)!r} exists and is not overwritten; name another file or remove it.") from None
    typer.echo(f"{counted(len(exported), 'task')} in {visible(str(out))}, their interface in {visible(str(interface))}")
