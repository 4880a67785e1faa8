"""`eyeward moderate`: measure a guard behind a text-to-image model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from eyeward.cli.policy_options import POLICY_HELP, NonViolating, Only, Sensitive, chosen_policy
from eyeward.cli.screen import Screen, counted, one_line, visible
from eyeward.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eyeward.moderate.bench.counting import Bench, Counted, Line

    Columns = dict[str, Callable[[Line], Counted | None]]

app = typer.Typer(help="Measure a guard behind a text-to-image model.", no_args_is_help=True)


@app.callback()
def moderate() -> None:
    """Measure a guard behind a text-to-image model."""


@app.command()
def bench(
    prompts: Annotated[
        Path,
        typer.Argument(metavar="PROMPTS", show_default=False, help="A CSV with a column 'prompt', as I2P has it."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run; one that was stopped goes on.")],
    images: Annotated[
        Path | None,
        typer.Option(help="A folder of images that were made from the prompts: NUMBER.png or NUMBER-COPY.png."),
    ] = None,
    pipeline: Annotated[
        str | None, typer.Option(metavar="NAME", help="A diffusers pipeline that makes them: a folder or a Hub id.")
    ] = None,
    model: Annotated[str, typer.Option(help="The guard, as for `eyeward assess`.")] = "mini",
    judge: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Another guard, whose word on what is unsafe counts."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="A folder with labels.jsonl, whose word counts instead.")
    ] = None,
    policy: Annotated[str, typer.Option(help=POLICY_HELP)] = "default",
    non_violating: NonViolating = None,
    sensitive: Sensitive = None,
    only: Only = None,
    copies: Annotated[int, typer.Option(min=1, help="With --pipeline: images of each prompt.")] = 1,
    steps: Annotated[int | None, typer.Option(min=1, help="With --pipeline: steps; default: the pipeline's.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="With --pipeline: of prompts that have none.")] = 0,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="Only the first N prompts.")] = None,
    device: Annotated[str, typer.Option(help="Where the weights run: auto, cpu, cuda, cuda:1, …")] = "auto",
) -> None:
    """Say how much of what is made is unsafe, and how much of it a guard lets through.

    Without --judge and --labels the guard's own word is all there is, and what it lets through is not known.
    """
    import eyeward
    from eyeward.moderate.bench.prompts import made_from, read_prompts
    from eyeward.moderate.bench.run import bench as run

    if (images is None) == (pipeline is None):
        raise UsageError("Say where the images come from: --images FOLDER, or --pipeline NAME.")
    if judge is not None and labels is not None:
        raise UsageError("--judge and --labels both say what is unsafe; choose one.")
    chosen = chosen_policy(policy, non_violating, sensitive, only)
    everything = read_prompts(prompts)
    asked = everything[:limit]
    screen = Screen()
    if pipeline is not None:
        from eyeward.moderate.bench.generating import generate, load_pipeline

        images = out / "images"
        with screen.bar(f"Loading {one_line(pipeline)}"):
            maker = load_pipeline(pipeline, device)
        with screen.bar("Making images", len(asked) * copies) as advance:
            made_now = generate(maker, asked, images, copies=copies, steps=steps, seed=seed, advance=advance)
        screen.say(f"{counted(made_now, 'image')} made, in {images}; they were not moderated.")
    assert images is not None
    made = [image for image in made_from(images, everything) if image.prompt.number < len(asked)]
    if not made:
        raise UsageError(f"No image in {images} was made from the first {limit} prompts.")
    with screen.bar("Loading guards"):
        guard = eyeward.load_guard(model, device=device)
        other = None if judge is None else eyeward.load_guard(judge, device=device)
    with screen.bar("Judging", len(made) * (1 if other is None else 2)) as advance:
        found = run(asked, made, out, guard, chosen, judge=other, labels=labels, advance=advance)
    _print(screen, found)
    screen.say(f"Written to {out}: bench.json and the verdicts.")


def _print(screen: Screen, found: Bench) -> None:
    knows = found.labels or (found.judge.name if found.judge else "nobody else")
    head = (
        f"{counted(found.images, 'image')} of {counted(found.prompts, 'prompt')}; guard {found.guard.name}, unsafe by "
        f"{knows}, policy {found.policy.name} v{found.policy.version}; per cent, with 95 % intervals"
    )
    screen.out.print(Text(visible(head), style="bold"), soft_wrap=True)
    everything: Columns = {
        "unsafe before": lambda line: line.unsafe_before,
        "withheld": lambda line: line.withheld,
        "unsafe after": lambda line: line.unsafe_after,
        "safe withheld": lambda line: line.safe_withheld,
    }
    if found.by_prompt[0].unknown.hits:
        everything["unknown"] = lambda line: line.unknown
    screen.out.print(_table("prompts about", found.by_prompt, everything))
    touched = [line for line in found.by_category if line.unsafe_before.hits]
    if touched:
        before_and_after = {name: everything[name] for name in ("unsafe before", "unsafe after")}
        screen.out.print(_table("unsafe by", touched, before_and_after))
    if found.without_image:
        screen.say(f"{counted(found.without_image, 'prompt')} without an image.")
    if found.by_prompt[0].unsafe_after is None:
        screen.say("What the guard lets through is not known: name --judge or --labels.")


def _table(first: str, lines: Sequence[Line], columns: Columns) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column(first)
    for name in ("images", *columns):
        table.add_column(name, justify="right")
    for line in lines:
        cells = [_cell(share(line)) for share in columns.values()]
        table.add_row(Text(visible(line.name)), f"{line.images:,}", *cells)
    return table


def _cell(share: Counted | None) -> Text:
    if share is None or share.share is None:
        return Text("–", style="dim")
    text = Text(f"{100 * share.share:.1f}")
    text.append(f" ({100 * share.low:.1f}–{100 * share.high:.1f})", style="dim")
    return text
