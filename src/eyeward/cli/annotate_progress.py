"""What a run of `eyeward annotate` says while it goes on: a bar, plain lines, or lines of JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from eyeward.cli.screen import Screen, counted, visible
from eyeward.verdict import Rating

if TYPE_CHECKING:
    from eyeward.annotate.progress import Progress, Watch

EVERY_SECONDS = 10.0
"""Between two lines."""
_EVERY_SECONDS_WATCHED = 0.2
_SOON_SECONDS = 2.0
"""After the start: the first line comes early, so that a mistake shows early."""
_MOST_WORKERS = 8
"""Of which each is told of."""


@contextmanager
def reporting(screen: Screen, as_json: bool) -> Iterator[Watch]:
    """Give the function that is told of every row and says something now and then; at the end there is a summary."""
    last: list[Progress] = []
    if as_json:
        yield _now_and_then(EVERY_SECONDS, last, lambda progress: _write_json(progress, "progress"), screen.say)
        _write_json(last[-1], "done")
        return
    if screen.watched:
        columns = (BarColumn(bar_width=10), TextColumn("{task.description}", markup=False))
        console = Console(stderr=True)
        with Bar(*columns, console=console, transient=True, redirect_stdout=False) as bar:
            task = bar.add_task("Looking at what is done")

            def show(progress: Progress) -> None:
                said = "\n".join([line(progress), *worker_lines(progress)])
                bar.update(task, completed=progress.shards_done, total=progress.shards, description=said)

            yield _now_and_then(_EVERY_SECONDS_WATCHED, last, show, lambda note: console.print(Text(note)))
    else:

        def say(progress: Progress) -> None:
            for text in (line(progress), *worker_lines(progress)):
                screen.say(text)

        yield _now_and_then(EVERY_SECONDS, last, say, screen.say)
    screen.say(summary(last[-1]))


def _now_and_then(every: float, last: list[Progress], say: Watch, note: Callable[[str], None]) -> Watch:
    """Return what keeps the progress in `last`, says it when it is time, and its notes at once."""
    due = time.monotonic() + min(every, _SOON_SECONDS)
    noted = 0

    def watch(progress: Progress) -> None:
        nonlocal due, noted
        if not last:
            last.append(progress)
        for text in progress.notes[noted:]:
            note(visible(text))
            noted += 1
        if time.monotonic() >= due:
            due = time.monotonic() + every
            say(progress)

    return watch


def line(progress: Progress) -> str:
    """Say in one line how far a run is, what matters most first: a narrow terminal cuts the end off."""
    left = progress.seconds_left
    parts = [
        f"{progress.shards_done:,} of {counted(progress.shards, 'shard')}",
        "time left unknown" if left is None else f"{duration(left)} left",
        counted(progress.images, "image"),
        f"{progress.images_per_second:,.0f} images/s",
        *_shares(progress),
    ]
    return ", ".join(parts)


def worker_lines(progress: Progress) -> list[str]:
    """Say in a line each what several workers do."""
    lines = [
        f"  {name}: {part.shard or 'no shard'}, {counted(part.shards_done, 'shard')} done, "
        f"{counted(part.images_here, 'image')}, {part.images_per_second:,.0f} images/s"
        for name, part in list(progress.workers.items())[:_MOST_WORKERS]
    ]
    more = len(progress.workers) - len(lines)
    return [*map(visible, lines), *([f"  and {counted(more, 'worker')} more"] if more else [])]


def summary(progress: Progress) -> str:
    """Say what there is in the end."""
    before = f" ({progress.shards_before:,} were done before)" if progress.shards_before else ""
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in progress.errors.most_common())
    failed = f". Errors: {kinds}" if kinds else ""
    return (
        f"{counted(progress.shards_done, 'shard')} done{before}: {counted(progress.images, 'image')}, "
        f"{', '.join(_shares(progress)) or 'no rows'}; {duration(progress.seconds)}, "
        f"{progress.images_per_second:,.0f} images/s{failed}."
    )


def _shares(progress: Progress) -> list[str]:
    unsafe, review, errors = (progress.share(word) for word in (Rating.Unsafe, Rating.Review, "error"))
    if unsafe is None or review is None or errors is None:
        return []
    return [f"{unsafe:.2%} unsafe", f"{review:.2%} for review", f"{progress.ratings['error']:,} errors ({errors:.2%})"]


def duration(seconds: float) -> str:
    """Return seconds in the two largest units that matter."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def _write_json(progress: Progress, event: str) -> None:
    from eyeward.annotate.claims import worker_name

    left = progress.seconds_left
    sys.stdout.write(
        json.dumps(
            {
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "event": event,
                "worker": worker_name(),
                "shards": progress.shards,
                "shards_done": progress.shards_done,
                "shards_before": progress.shards_before,
                "shards_unread": len(progress.unread),
                "images": progress.images,
                "images_here": progress.images_here,
                "images_per_second": round(progress.images_per_second, 3),
                "ratings": dict(progress.ratings),
                "errors": dict(progress.errors),
                "workers": {
                    name: {
                        "shard": part.shard,
                        "shards_done": part.shards_done,
                        "images_here": part.images_here,
                        "images_per_second": round(part.images_per_second, 3),
                    }
                    for name, part in progress.workers.items()
                },
                "notes": progress.notes,
                "seconds": round(progress.seconds, 3),
                "seconds_left": None if left is None else round(left, 1),
            }
        )
        + "\n"
    )
    sys.stdout.flush()
