"""`eyeward review`: queues for the review page, and the labels that come of them."""

from __future__ import annotations

import getpass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from eyeward.cli.policy_options import POLICY_HELP
from eyeward.cli.report_table import print_discarded
from eyeward.cli.screen import Screen, counted, one_line, visible
from eyeward.errors import MissingExtra, UsageError, described
from eyeward.policy import Policy

if TYPE_CHECKING:
    from eyeward.serve.labels.records import QueueSettings

app = typer.Typer(
    help="Make queues for the review page of `eyeward serve --review STORE`, and take labels away.",
    no_args_is_help=True,
)

STORE_HELP = "Where labels are kept: a file for SQLite, or postgresql://…; also EYEWARD_REVIEW."
STORE_VARIABLE = "EYEWARD_REVIEW"
Store = Annotated[
    str, typer.Option("--store", metavar="STORE", envvar=STORE_VARIABLE, show_envvar=False, help=STORE_HELP)
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The queue, a lower-case slug.")]
KnownLists = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="A list of SHA-256, MD5 or PDQ (as pdq:HASH); such images are left out. May be given again.",
    ),
]


class Form(StrEnum):
    """What labels are written as."""

    training = "training"
    events = "events"
    audit = "audit"


class OrderOption(StrEnum):
    """In which order items are handed out."""

    random = "random"
    nearest = "nearest"
    disagreement = "disagreement"


@app.command()
def add(
    name: Name,
    images: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of `eyeward annotate`, or one of images.")],
    store: Store,
    policy: Annotated[
        str | None,
        typer.Option(help=f"What images are labelled under; default: the policy of the run, or default. {POLICY_HELP}"),
    ] = None,
    order: Annotated[
        OrderOption,
        typer.Option(help="By lot, nearest to the threshold first, or what guards differ about first."),
    ] = OrderOption.random,
    seed: Annotated[int, typer.Option(help="Another seed, another lot.")] = 0,
    raters: Annotated[int, typer.Option(min=1, max=10, help="People who answer about each image, blind.")] = 2,
    raters_adjudicate: Annotated[
        bool, typer.Option("--raters-adjudicate", help="Let who has rated an image decide about it, in teams of two.")
    ] = False,
    most: Annotated[int, typer.Option(min=1, metavar="N", help="Images at most, the first in order.")] = 10_000,
    sample: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Only what `eyeward audit sample` drew of the run, in its order."),
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="A run of another guard over the same images. May be given again."),
    ] = None,
    earlier: Annotated[
        str | None, typer.Option(metavar="NAME", help="A queue whose raters count for the order `disagreement`, too.")
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="Where the dataset lies now, if it was moved. May be given again.")
    ] = None,
    known_hashes: KnownLists = None,
) -> None:
    """Make a queue of what a run has judged, or of a folder of images (of which any may show anything)."""
    _require_store()
    from eyeward.images.known import KnownHashes
    from eyeward.serve.labels.queues import queue_from_folder, queue_from_run, queue_from_sample
    from eyeward.serve.labels.records import Order
    from eyeward.serve.labels.store import LabelStore

    is_run = (images / "run.json").is_file()
    if not is_run and (sample or against or earlier or source):
        raise UsageError(
            f"{images} is no folder of `eyeward annotate`; --sample, --against, --earlier and --source are for those."
        )
    if sample and (against or earlier or order is not OrderOption.random):
        raise UsageError("A sample has its own order; leave out --order, --against and --earlier.")
    chosen = _policy_of_run(images, policy) if is_run else Policy.load(policy or "default")
    made_order = Order.drawn if sample else Order(order.value)
    settings = _settings(
        name=name,
        policy=chosen,
        order=made_order,
        seed=seed,
        raters=raters,
        raters_adjudicate=raters_adjudicate,
        most=most,
    )
    known = KnownHashes.read(known_hashes) if known_hashes else None
    user = _user()
    screen = Screen()
    with LabelStore.open(store) as kept, screen.bar("Looking at the images"):
        if sample:
            made = queue_from_sample(kept, settings, images, sample, user, source=source, known=known)
        elif is_run:
            made = queue_from_run(
                kept, settings, images, user, against=against or (), earlier=earlier, source=source, known=known
            )
        else:
            made = queue_from_folder(kept, settings, images, user, known=known)
    left = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in made.left_out.items() if count)
    screen.say(f"The queue {made.name} has {counted(made.items, 'image')}" + (f"; left out: {left}." if left else "."))


@app.command(name="list")
def list_queues(store: Store) -> None:
    """List the queues with how far they are and how much their raters agree."""
    _require_store()
    from eyeward.serve.labels.agreement import queue_agreement
    from eyeward.serve.labels.desk import ReviewDesk
    from eyeward.serve.labels.store import LabelStore

    with LabelStore.open(store) as kept:
        desk = ReviewDesk(kept)
        for queue in kept.queues():
            progress, rating = desk.progress(queue.name), queue_agreement(kept, queue.name).rating
            alpha = "" if rating.alpha is None else f", alpha {rating.alpha:.2f} over {rating.items:,}"
            typer.echo(
                one_line(
                    f"{queue.name:<24} {progress.settled:,} of {progress.items:,} settled, "
                    f"{progress.contested:,} contested"
                    f"{alpha}; policy {queue.policy.name}, {counted(queue.settings.raters, 'rater')}"
                )
            )


@app.command()
def export(
    name: Name,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new folder for training data, else a new file.")],
    store: Store,
    form: Annotated[
        Form,
        typer.Option("--as", help="A folder with labels and images, events (jsonl), or labels of a sample (csv)."),
    ] = Form.training,
    run: Annotated[Path | None, typer.Option(metavar="DIR", help="Audit: the run that was sampled.")] = None,
    sample: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Audit: the sample that was drawn.")] = None,
    known_hashes: KnownLists = None,
) -> None:
    """Write the labels of settled images. Training data holds the images themselves."""
    _require_store()
    from eyeward.images.known import KnownHashes
    from eyeward.serve.labels.export import export_audit, export_events, export_samples
    from eyeward.serve.labels.store import LabelStore

    if (form is Form.audit) is not (run is not None and sample is not None) or (run is None) is not (sample is None):
        raise UsageError("An audit sample is written with --as audit, --run DIR and --sample FILE.csv, all three.")
    known = KnownHashes.read(known_hashes) if known_hashes else None
    screen = Screen()
    with LabelStore.open(store) as kept:
        if form is Form.events:
            count = export_events(kept, name, out)
            screen.say(f"{counted(count, 'event')} written to {visible(str(out))}.")
            return
        if run is not None and sample is not None:
            report = export_audit(kept, name, run, sample, out)
        else:
            report = export_samples(kept, name, out, known)
    print_discarded(screen, report)
    screen.say(f"{counted(report.taken, 'label')} written to {visible(str(out))}.")


def _policy_of_run(run: Path, name: str | None) -> Policy:
    """Return the policy that a run asked about; a file or a pack that it did not ask about is refused later."""
    from eyeward.annotate.record import read_run

    asked = read_run(run).policies
    found = [policy for policy in asked if name in (None, policy.name)]
    if name is None and len(asked) > 1:
        names = ", ".join(policy.name for policy in asked)
        raise UsageError(f"The run asked about {names}; say which: --policy {asked[0].name}.")
    return found[0] if found else Policy.load(name or "default")


def _settings(**values: object) -> QueueSettings:
    from eyeward.serve.labels.records import QueueSettings

    try:
        return QueueSettings.model_validate(values)
    except ValidationError as problem:
        raise UsageError(f"There can be no such queue: {described(problem)}.") from None


def _require_store() -> None:
    if find_spec("sqlalchemy") is None:
        raise MissingExtra("serve", "The store of labels")


def _user() -> str:
    """Return who makes a queue, as this machine calls them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        return "somebody"
