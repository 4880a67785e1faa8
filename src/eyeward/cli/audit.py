"""`eyeward audit`: what a run says of a dataset, and samples for labels that tell what is true of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from eyeward.cli.run_folder import folder_of
from eyeward.cli.screen import Screen, counted, one_line, visible

_COUNT = "count"
"""The command that is meant where none is named: `eyeward audit DIR …`."""
_MOST_REFUSED = 5


class _CountsByDefault(TyperGroup):
    """`eyeward audit DIR …` is short for `eyeward audit count DIR …`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command in where none is named."""
        named = args and (args[0] in self.commands or args[0] in ("-h", "--help"))
        return super().parse_args(ctx, args if named or not args else [_COUNT, *args])


app = typer.Typer(
    cls=_CountsByDefault,
    help="Count what a run says of a dataset, and draw samples for labels. `eyeward audit DIR …` is `count DIR …`.",
    no_args_is_help=True,
)

Run = Annotated[
    str,
    typer.Argument(
        metavar="DIR",
        show_default=False,
        help="Folder or s3://… of `eyeward annotate`; a name like a command: ./sample.",
    ),
]


@app.callback()
def audit() -> None:
    """Count what a run says of a dataset, and draw samples for labels. `eyeward audit DIR …` is `count DIR …`."""


@app.command(_COUNT)
def count(
    run: Run,
    out: Annotated[
        str | None, typer.Option(help="Folder for audit.json and report.html; default: that of the run.")
    ] = None,
    labels: Annotated[
        list[Path] | None,
        typer.Option(help="A CSV of `eyeward audit sample`, filled in; may be given again for another policy."),
    ] = None,
    against: Annotated[str | None, typer.Option(metavar="DIR", help="Compare with another run.")] = None,
    against_policy: Annotated[
        str | None, typer.Option(metavar="NAME", help="Compare with another policy of this run.")
    ] = None,
    policy: Annotated[str | None, typer.Option(metavar="NAME", help="Compare this policy only.")] = None,
    class_column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Tell by this column of the dataset what each class would lose."),
    ] = None,
    examples: Annotated[
        int, typer.Option(min=0, metavar="N", help="Show N blurred pictures of each kind; they are read again.")
    ] = 0,
    source: Annotated[
        list[str] | None, typer.Option(help="Where the dataset lies now, if it was moved; may be given again.")
    ] = None,
) -> None:
    """Write audit.json and report.html: ratings, categories, thresholds, errors, doubtful cases (extra annotate).

    With --labels also how much is really unsafe, with intervals, and how wrong the raw count would have been.
    """
    from eyeward.annotate.answers import unfinished
    from eyeward.annotate.audit.counting import FILE_NAME
    from eyeward.annotate.audit.counting import audit as audited
    from eyeward.annotate.audit.examples import examples as shown
    from eyeward.annotate.audit.page import FILE_NAME as PAGE
    from eyeward.annotate.audit.page import audit_page
    from eyeward.annotate.storage import storage_at

    screen = Screen()
    folder = folder_of(run, screen)
    other = None if against is None else folder_of(against, screen)
    with screen.bar("Counting"):
        found = audited(
            folder,
            labels=labels or (),
            against=other,
            against_policy=against_policy,
            policy=policy,
            class_column=class_column,
            source=source,
        )
        pictures = shown(folder, examples, source) if examples else None
    written = storage_at(out or run)
    written.put(FILE_NAME, f"{found.model_dump_json(indent=2)}\n".encode())
    written.put(PAGE, audit_page(found, pictures).encode())
    for corrected in found.corrected:
        for refused in corrected.refused[:_MOST_REFUSED]:
            screen.say(f"Line {refused.line} is left out: {one_line(refused.reason)}")
        if len(corrected.refused) > _MOST_REFUSED:
            more = len(corrected.refused) - _MOST_REFUSED
            screen.say(f"{counted(more, 'more line')} left out; all of them are in {FILE_NAME}.")
        right, claim = corrected.prediction_powered, corrected.claimed
        screen.say(
            f"{visible(corrected.policy)}: {right.share:.2%} unsafe ({right.low:.2%} to {right.high:.2%}) by "
            f"{counted(corrected.labelled, 'label')}; the raw count claims {claim.share:.2%}."
        )
    policies = "1 policy" if len(found.policies) == 1 else f"{len(found.policies)} policies"
    said = (
        f"{counted(found.images, 'image')} under {policies}; written to {visible(str(written))}: {FILE_NAME}, {PAGE}."
    )
    screen.say(" ".join(filter(None, (said, unfinished(found.shards, found.shards_missing)))))


@app.command()
def sample(
    run: Run,
    out: Annotated[Path, typer.Option(metavar="FILE.csv", help="Where the sample is written, for labels.")],
    labels: Annotated[int, typer.Option("--labels", "-n", min=1, help="How many images are drawn.")] = 300,
    policy: Annotated[
        str | None, typer.Option(metavar="NAME", help="The policy that is labelled under, where the run has several.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed draws other images.")] = 0,
) -> None:
    """Draw images for labels: all kinds of verdicts, more where the guard flags or is unsure (extra annotate).

    Fill in the column `label` (Safe, Unsafe, or unknown) and, for what is Unsafe, `category`; hand the file to
    `eyeward audit DIR --labels FILE.csv`. What the guard said is not in it.
    """
    from eyeward.annotate.audit.sample import beside, draw_sample, write_sample

    screen = Screen()
    folder = folder_of(run, screen)
    with screen.bar("Drawing"):
        drawn, images, record = draw_sample(folder, labels, policy, seed)
        write_sample(out, drawn, images, record)
    screen.say(
        f"{counted(drawn.labels, 'image')} for labels under {visible(drawn.policy)}, from {len(drawn.strata)} strata; "
        f"written to {visible(str(out))} and {visible(beside(out).name)}, which belong together."
    )
    if drawn.known or drawn.not_rated:
        screen.say(
            f"Not asked about: {counted(drawn.known, 'image')} known by their hash, {drawn.not_rated:,} without rating."
        )
