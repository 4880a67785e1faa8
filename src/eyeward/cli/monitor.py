"""`eyeward monitor`: a guard over time, with alarms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from eyeward.cli.screen import Screen, counted, visible
from eyeward.errors import UsageError

if TYPE_CHECKING:
    from eyeward.evaluate.monitor.watching import Alarm, Watch

ALARM = 1
"""Exit code when there is an alarm."""
FILE_NAME = "monitor.json"


def monitor(
    windows: Annotated[
        list[str],
        typer.Argument(
            metavar="WINDOW…",
            show_default=False,
            help="In the order of time: folders of `eyeward annotate` (or s3://…) or `evaluate`, or logs with a window "
            "a line.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for monitor.json and monitor.html.")],
    reference: Annotated[
        list[str] | None, typer.Option(help="A window that is known to be good; may be given again.")
    ] = None,
    first: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="In place of --reference: the first N windows.")
    ] = None,
    policy: Annotated[str | None, typer.Option(help="Name or hash of the policy, where windows hold several.")] = None,
    guard: Annotated[str | None, typer.Option(help="Name of the guard, where an evaluation holds several.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Folder with labels.jsonl: what people say of images in the windows.")
    ] = None,
    canaries: Annotated[
        Path | None, typer.Option(help="Folder of images that are in every window and must keep their rating.")
    ] = None,
    false_alarms: Annotated[
        float, typer.Option(help="Chance of a false alarm over --horizon windows, at most.")
    ] = 0.05,
    horizon: Annotated[int, typer.Option(min=1, help="Windows that the promise is about.")] = 26,
    recall: Annotated[float, typer.Option(help="Claimed of unsafe images with a label.")] = 0.9,
    specificity: Annotated[float, typer.Option(help="Claimed of safe images with a label.")] = 0.9,
    least_stability: Annotated[
        float, typer.Option(help="Population stability index below which a difference is no alarm.")
    ] = 0.0,
    recent: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Exit code and web hook go by the last N windows alone.")
    ] = None,
    webhook: Annotated[str | None, typer.Option(metavar="URL", help="Where alarms are posted as JSON.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the alarms as JSON.")] = False,
) -> None:
    """Watch ratings, categories, scores, labels and canaries from window to window.

    The exit code is 1 when there is an alarm. While nothing changes, a false alarm comes no more often than promised.
    """
    from eyeward.evaluate.monitor.page import FILE_NAME as PAGE
    from eyeward.evaluate.monitor.page import monitor_page
    from eyeward.evaluate.monitor.reading import hashes_in, labelled_by_hash, read_windows
    from eyeward.evaluate.monitor.telling import check_address, tell
    from eyeward.evaluate.monitor.watching import Settings, watch

    if (reference is None) == (first is None):
        raise UsageError("Say what to compare with: --reference FOLDER, or --first N of the windows themselves.")
    if webhook is not None:
        check_address(webhook)
    try:
        settings = Settings(
            false_alarms=false_alarms,
            horizon=horizon,
            recall=recall,
            specificity=specificity,
            least_stability=least_stability,
        )
    except ValueError as problem:
        raise UsageError(
            "False alarms, recall and specificity lie between 0 and 1, and the least stability is not below 0."
        ) from problem
    screen = Screen()
    with screen.bar("Reading windows"):
        truth = None if labels is None else labelled_by_hash(labels)
        kept = frozenset[str]() if canaries is None else hashes_in(canaries)
        stream = [window for source in windows for window in read_windows(source, policy, guard, truth, kept)]
        if first is not None:
            before, stream = stream[:first], stream[first:]
        else:
            before = [w for source in reference or () for w in read_windows(source, policy, guard, None, kept)]
    unwatched = len(kept - {digest for window in before for digest in window.canaries})
    if unwatched:
        raise UsageError(
            f"{unwatched:,} of {len(kept):,} canaries in {canaries} are not in the reference, so nothing says what "
            "they should be; put them into its windows, or take them out of the folder."
        )
    if truth is not None and stream and not any(window.labels for window in stream):
        raise UsageError(
            f"No image that is watched has a label in {labels}, so nothing could be said of recall and specificity. "
            "Labels are joined by SHA-256, which logs of a service do not hold; name labels of images in the windows, "
            "or leave --labels out."
        )
    found = watch(before, stream, settings)
    out.mkdir(parents=True, exist_ok=True)
    (out / FILE_NAME).write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (out / PAGE).write_text(monitor_page(found), encoding="utf-8")
    alarms = _recent(found, recent)
    if as_json:
        typer.echo(json.dumps([alarm.model_dump(mode="json") for alarm in alarms], indent=2))
    else:
        _print(screen, found)
    screen.say(f"{counted(len(found.alarms), 'alarm')} in {counted(len(found.watched), 'window')}; written to {out}.")
    for notice in _notices(found):
        screen.say(visible(notice))
    if webhook is not None and alarms:
        problem_there = tell(webhook, found.model_copy(update={"alarms": tuple(alarms)}))
        if problem_there is not None:
            screen.say(visible(problem_there))
    if alarms:
        raise typer.Exit(ALARM)


def _recent(found: Watch, count: int | None) -> list[Alarm]:
    names = {watched.window.name for watched in (found.watched if count is None else found.watched[-count:])}
    return [alarm for alarm in found.alarms if alarm.window in names]


def _notices(found: Watch) -> Iterator[str]:
    """Yield what is no alarm and yet worth knowing: of the reference, and window by window."""
    yield from (f"reference, {notice}" for notice in found.reference.notices)
    for watched in found.watched:
        yield from (f"{watched.window.name}: {notice}" for notice in watched.notices)


def _print(screen: Screen, found: Watch) -> None:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for heading in ("window", "images", "smallest adjusted chance", "labels", "alarms"):
        table.add_column(heading)
    for watched in found.watched:
        least = min((test.chance for test in watched.tests), default=None)
        alarms = [alarm for alarm in found.alarms if alarm.window == watched.window.name]
        said = ", ".join(f"{alarm.kind.value} {alarm.what[:12]}".strip() for alarm in alarms)
        table.add_row(
            Text(visible(watched.window.name)),
            f"{watched.window.images:,}",
            "–" if least is None else f"{least:.2g}",
            f"{watched.labels:,}",
            Text(visible(said)),
        )
    screen.out.print(table)
    for alarm in found.alarms:
        screen.out.print(Text(visible(f"{alarm.window}: {alarm.sentence}")), soft_wrap=True)
