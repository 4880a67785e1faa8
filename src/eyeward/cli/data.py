"""`eyeward data`: labelled images in, one clean and split data set out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from eyeward.cli.data_export import export
from eyeward.cli.data_push import push
from eyeward.cli.report_table import print_discarded
from eyeward.cli.screen import Screen, counted, visible
from eyeward.data.building import Build
from eyeward.data.duplicates import MOST_NEAR_BITS, NEAR_BITS
from eyeward.data.folder import SampleFolder
from eyeward.data.report import BuildReport, ImportReport
from eyeward.data.sample import Split
from eyeward.data.split import Amount, Preset
from eyeward.data.statistics import Statistics, statistics
from eyeward.verdict import Rating

app = typer.Typer(help="Import, clean, split, count, export and publish labelled images.", no_args_is_help=True)

_NAMED = 5
"""Strata that a sentence lists before it breaks off."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Out = Annotated[Path, typer.Option(help="A new or empty folder.")]


@app.callback()
def data() -> None:
    """Import, clean, split, count, export and publish labelled images."""


@app.command("import")
def import_data(
    source: Annotated[str, typer.Argument(help="A file, a folder, or hub:ORGANISATION/NAME.")],
    out: Out,
    images: Annotated[Path | None, typer.Option(help="Where paths of images start; default: beside the file.")] = None,
    columns: Annotated[str | None, typer.Option(help="A mapping that ships, or a YAML file; default: guess.")] = None,
    policy: Annotated[str, typer.Option(help="What rows were labelled under where they do not say.")] = "default",
    verbatim: Annotated[bool, typer.Option("--verbatim", help="Keep the exact prompts of conversations.")] = False,
    revision: Annotated[str | None, typer.Option(help="Revision of a dataset on the Hub.")] = None,
    origin: Annotated[str | None, typer.Option(help="Written as the source of rows that name none.")] = None,
    licence: Annotated[str | None, typer.Option(help="Written as the licence of rows that name none.")] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Fetch images from this host; *.example.org for all below, * for all. Off without it."),
    ] = None,
    allow_http: Annotated[bool, typer.Option("--allow-http", help="Fetch over http, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read labelled images of others; every row is taken or named with the reason why not."""
    from eyeward.data.importing.columns import Columns
    from eyeward.data.importing.sources import Source
    from eyeward.data.importing.taking import Taking
    from eyeward.images.fetch import Fetcher, FetchRules
    from eyeward.policy.schema import Policy

    labelled_under = Policy.load(policy)
    read = Source(
        source,
        images=images,
        columns=None if columns is None else Columns.load(columns),
        verbatim=verbatim,
        source=origin,
        licence=licence,
        revision=revision,
    )
    schemes = frozenset(("http", "https") if allow_http else ("https",))
    fetcher = Fetcher(FetchRules(hosts=frozenset(allow_host or ()), schemes=schemes))
    screen = Screen()
    rows = read.rows()
    taking = Taking(out, labelled_under, fetcher)
    with screen.bar("Importing") as advance:
        report = taking.take(rows, advance)
    if as_json:
        typer.echo(report.model_dump_json(indent=2))
        return
    sentence = f"{counted(report.taken, 'sample')} of {counted(report.rows, 'row')} in {visible(str(out))}"
    screen.out.print(Text(sentence), soft_wrap=True)
    if report.sides:
        screen.out.print(Text(_sides(report)), soft_wrap=True)
    print_discarded(screen, report)


@app.command()
def build(
    folders: Annotated[list[Path], typer.Argument(help="Folders of imports or of scenes.")],
    out: Out,
    preset: Annotated[Preset, typer.Option(help="What is held back; paper: LlavaGuard's sizes.")] = Preset.standard,
    test: Annotated[float | None, typer.Option(min=0.0, max=0.9, help="Share for test, not the preset's.")] = None,
    validation: Annotated[float | None, typer.Option(min=0.0, max=0.9, help="Share for validation.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same sides and policies.")] = 0,
    augment: Annotated[
        str | None, typer.Option(help="Add images under changed policies: paper, eyeward, or a YAML file.")
    ] = None,
    near: Annotated[
        int, typer.Option(min=0, max=MOST_NEAR_BITS, help="Bits of 64 that the hashes of copies may differ in.")
    ] = NEAR_BITS,
    exact_only: Annotated[bool, typer.Option("--exact-only", help="Look for copies byte by byte only.")] = False,
    drop_copies: Annotated[
        bool, typer.Option("--drop-copies", help="Keep the first of those that look alike.")
    ] = False,
    resplit: Annotated[bool, typer.Option("--resplit", help="Forget the sides that samples were given.")] = False,
    events: Annotated[
        list[Path] | None, typer.Option(help="Decisions of reviewers, one a line; they count before anything else.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make one data set: copies found, contradictions named, every group on one side of the split."""
    from eyeward.data.augment.presets import load_augmentation
    from eyeward.data.events import read_events
    from eyeward.scenes.relabelling import by_scene

    plan = preset.plan(seed)
    shares = {"test": test, "validation": validation}
    chosen = {side: Amount(share=share) for side, share in shares.items() if share is not None}
    plan = plan.model_copy(update=chosen)
    augmentation = None if augment is None else load_augmentation(augment, seed)
    screen = Screen()
    building = Build(
        out,
        plan,
        near_bits=None if exact_only else near,
        keep_copies=not drop_copies,
        resplit=resplit,
        augmentation=augmentation,
        labeller=by_scene,
        events=[event for file in events or () for event in read_events(file)],
    )
    with screen.bar("Reading images") as advance:
        report = building.run(folders, advance)
    if as_json:
        typer.echo(report.model_dump_json(indent=2))
        return
    _print_build(screen, report, out)
    found = statistics(SampleFolder(out))
    _print_statistics(screen, found)
    if found.samples and Split.TRAIN not in found.splits:
        screen.say("Nothing is left for training; hold back less.")


@app.command()
def stats(folder: Annotated[Path, typer.Argument(help="A folder with labels.jsonl.")], as_json: AsJson = False) -> None:
    """Count what a data set holds: category by severity, splits, policies, sources."""
    found = statistics(SampleFolder(folder))
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    _print_statistics(Screen(), found)


app.command()(export)
app.command()(push)


def _sides(report: ImportReport) -> str:
    sentence = "Sides: " + ", ".join(f"{side} {count:,}" for side, count in report.sides.items())
    if report.sides_by_name:
        whole = report.sides_by_name == sum(report.sides.values())
        sentence += f"{',' if whole else f'; {report.sides_by_name:,}'} told by the names of files"
    return f"{sentence}."


def _print_build(screen: Screen, report: BuildReport, out: Path) -> None:
    rows = report.rows
    screen.out.print(
        Text(
            f"{counted(rows.taken, 'sample')} of {counted(rows.rows, 'row')} in {visible(str(out))}: "
            f"{counted(report.images, 'image')}, {counted(report.groups, 'group')}, "
            f"{report.groups_of_copies:,} of them with copies; the largest holds {report.largest_group:,}."
        ),
        soft_wrap=True,
    )
    print_discarded(screen, rows)
    if report.reviewed is not None:
        reviewed = report.reviewed
        sentence = f"{reviewed.taken:,} of {counted(reviewed.rows, 'decision')} of reviewers applied."
        screen.out.print(Text(sentence), soft_wrap=True)
        print_discarded(screen, reviewed)
    if report.augmented:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in report.left_out.items()) or "none"
        sentence = f"{counted(report.augmented, 'sample')} under changed policies; variants left out: {reasons}."
        screen.out.print(Text(sentence), soft_wrap=True)
    if report.disputed_pairs:
        pairs = counted(report.disputed_pairs, "pair")
        screen.say(f"{pairs} of images that look alike have different ratings, such as {visible(report.disputed[0])}.")
    for side, strata in report.missing.items():
        named = [f"{number} of {stratum.replace('_', ' ')}" for stratum, number in strata.items()]
        lacking = ", ".join([*named[:_NAMED], *(["…"] if len(named) > _NAMED else [])])
        total = counted(sum(strata.values()), "image")
        screen.say(f"{side} lacks {total}, since there are too few or their groups are too large: {lacking}.")


def _print_statistics(screen: Screen, found: Statistics) -> None:
    levels = found.levels
    cells = Table("category", *(level.replace("_", "\n") for level in levels), "all", box=box.SIMPLE_HEAD)
    for category, row in found.cells.items():
        counts = [row.get(level, 0) for level in levels]
        cells.add_row(Text(visible(category)), *(_number(count) for count in counts), _number(sum(counts)))
    ratings_shown = (Rating.Safe, Rating.Unsafe)
    sides = Table("split", *ratings_shown, "all", box=box.SIMPLE_HEAD)
    for split in (*Split, "none"):
        ratings = found.splits.get(split)
        if ratings:
            sides.add_row(split, *(_number(ratings.get(r, 0)) for r in ratings_shown), _number(sum(ratings.values())))
    for table in (cells, sides):
        for column in table.columns[1:]:
            column.justify, column.no_wrap = "right", True
        screen.out.print(table)
    augmented = f", {found.augmented:,} of them augmented" if found.augmented else ""
    screen.out.print(
        Text(
            f"{counted(found.samples, 'sample')}{augmented}; {counted(found.images, 'image')}, "
            f"{found.ambiguous:,} of them close to the line; {counted(found.groups, 'group')}; "
            f"{len(found.policies)} {'policy' if len(found.policies) == 1 else 'policies'}; "
            f"{found.with_rationale:,} with a rationale."
        ),
        soft_wrap=True,
    )
    for what, names in (("Sources", found.sources), ("Licences", found.licences), ("Changes", found.changes)):
        if names:
            listed = ", ".join(f"{visible(name)} ({count:,})" for name, count in names.items())
            screen.out.print(Text(f"{what}: {listed}."), soft_wrap=True)


def _number(count: int) -> str:
    return f"{count:,}" if count else "-"
