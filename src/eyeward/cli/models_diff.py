"""`eyeward models diff`: may one guard take the place of another?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eyeward.cli.evaluate_tables import print_comparisons
from eyeward.cli.policy_options import POLICY_HELP
from eyeward.cli.screen import Screen, counted, one_line, visible
from eyeward.errors import UsageError

if TYPE_CHECKING:
    from eyeward.evaluate.upgrade import Upgrade

GATE_CLOSED = 1
"""Exit code when the second guard may not take the place of the first."""


def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="The guard in use, as for `eyeward assess`.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The guard that is to follow it.")],
    data: Annotated[Path, typer.Argument(metavar="DATA", show_default=False, help="A folder with labels.jsonl.")],
    out: Annotated[Path, typer.Option(help="Folder of the answers and of diff.json; one that was stopped goes on.")],
    margin: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="How much lower recall and specificity may be, at most.")
    ] = 0.01,
    canaries: Annotated[
        Path | None, typer.Option(help="A folder with labels.jsonl: images whose verdict may not change at all.")
    ] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(help=f"{POLICY_HELP} May be given again. Default: the policies of the labels."),
    ] = None,
    resamples: Annotated[int, typer.Option(min=100, help="Resamples of the bootstrap.")] = 1000,
    device: Annotated[str, typer.Option(help="Where the weights run: auto, cpu, cuda, cuda:1, …")] = "auto",
) -> None:
    """Ask both the same questions. The exit code is 1 when B may be worse than A by more than the margin.

    Few questions pass nothing: the whole interval of 95 % must lie above the margin.
    """
    import eyeward
    from eyeward.evaluate.questions import read_questions
    from eyeward.evaluate.run import Run, name_guards
    from eyeward.evaluate.upgrade import FILE_NAME, upgrade
    from eyeward.policy import Policy

    if before == after:
        raise UsageError(f"A and B are both {before}; name two guards, or two revisions as owner/name@revision.")
    sources = name_guards([before, after])
    policies = [Policy.load(name) for name in policy or ()]
    asks = list(read_questions(data, policies).asks)
    count = len(asks)
    if canaries is not None:
        for ask in read_questions(canaries, policies).asks:
            named = {"number": len(asks), "image": f"canary {ask.question.image}"}
            asks.append(replace(ask, question=ask.question.model_copy(update=named)))
    screen = Screen()
    started = Run.open(out, str(data), asks)
    for name, source in sources.items():
        with screen.bar(f"Loading {one_line(source)}"):
            guard = eyeward.load_guard(source, device=device)
        with screen.bar(f"Judging with {one_line(name)}", len(asks)) as advance:
            started.ask(name, guard, advance)
    outcomes = started.finish()
    one, two = (outcomes[name] for name in sources)
    first, second = sources
    found = upgrade(one[:count], two[:count], (first, second), margin, (one[count:], two[count:]), resamples=resamples)
    (out / FILE_NAME).write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")
    print_comparisons(screen.out, [found.comparison])
    _print(found, first, second)
    screen.say(f"Written to {out}: outcomes.parquet, {FILE_NAME}.")
    if not found.passed:
        raise typer.Exit(GATE_CLOSED)


def _print(found: Upgrade, first: str, second: str) -> None:
    typer.echo(
        visible(
            f"{counted(found.questions, 'question')}: {found.broken} right with {first} and wrong with {second}, "
            f"{found.mended} the other way round; {len(found.canaries_changed)} of {found.canaries} canaries changed."
        )
    )
    for changed in found.canaries_changed:
        typer.echo(visible(f"{changed.image}: {changed.before}, now {changed.after}"))
    for name, fall in found.unseen.items():
        typer.echo(f"Nothing moved in {name}; a fall of up to {fall:.3f} would not show on so many questions (95 %).")
    for reason in found.reasons:
        typer.echo(visible(f"Refused: {reason}"))
    if found.passed:
        typer.echo(visible(f"{second} may take the place of {first}, with a margin of {found.margin:g}."))
