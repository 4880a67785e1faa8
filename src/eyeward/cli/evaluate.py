"""`eyeward evaluate`: measure guards on labelled images, compare runs, calibrate a guard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from eyeward.cli.evaluate_tables import print_calibrated, print_comparisons, print_covered, print_metrics
from eyeward.cli.policy_options import POLICY_HELP
from eyeward.cli.screen import Screen, counted, one_line
from eyeward.data.sample import Split
from eyeward.errors import UsageError
from eyeward.evaluate.methods import Method
from eyeward.evaluate.suites.names import Suite

_JUDGE = "run"
"""The command that is meant where none is named: `eyeward evaluate DATA …`."""


class _JudgesByDefault(TyperGroup):
    """`eyeward evaluate DATA …` is short for `eyeward evaluate run DATA …`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command in where none is named."""
        named = args and (args[0] in self.commands or args[0] in ("-h", "--help"))
        return super().parse_args(ctx, args if named or not args else [_JUDGE, *args])


app = typer.Typer(
    cls=_JudgesByDefault,
    help="Measure guards on labelled images, compare and calibrate them. `eyeward evaluate DATA …` is `run DATA …`.",
    no_args_is_help=True,
)

Models = Annotated[list[str], typer.Option("--model", help="A guard, as for `eyeward assess`; may be given again.")]
Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA", show_default=False, help="A folder with labels.jsonl; a name like a command: ./run."
    ),
]
Policies = Annotated[
    list[str] | None,
    typer.Option("--policy", help=f"{POLICY_HELP} May be given again. Default: the policies of the labels."),
]
Resamples = Annotated[int, typer.Option(min=100, help="Resamples of the bootstrap.")]
SplitOption = Annotated[Split | None, typer.Option(help="Only samples of this split.")]
Device = Annotated[str, typer.Option(help="Where the weights run: auto, cpu, cuda, cuda:1, …")]


@app.callback()
def evaluate() -> None:
    """Measure guards on labelled images, compare and calibrate them. `eyeward evaluate DATA …` is `run DATA …`."""


@app.command(_JUDGE)
def run(
    data: Data,
    model: Models,
    out: Annotated[Path, typer.Option(help="Folder of the run; one that was stopped goes on.")],
    policy: Policies = None,
    split: SplitOption = None,
    explain: Annotated[bool, typer.Option("--explain", help="Have rationales written, and check them.")] = False,
    rationale_judge: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="With --explain: ask the model on this server whether they fit."),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask again what failed for a reason that may have passed.")
    ] = False,
    embed_originals: Annotated[
        bool, typer.Option("--embed-originals", help="Show wrong answers in the report as they are, not blurred.")
    ] = False,
    suite: Annotated[
        Suite | None,
        typer.Option(help="Ask changed questions too: attacks, or the packs of several cultures in place of --policy."),
    ] = None,
    attacked: Annotated[int, typer.Option(min=1, help="With --suite attacks: how many images are attacked.")] = 60,
    white_box: Annotated[
        int, typer.Option(min=0, help="With --suite attacks: how many of them through the gradients of each guard.")
    ] = 16,
    averaged: Annotated[
        bool, typer.Option("--averaged", help="With --suite attacks: measure the mean over views of each guard, too.")
    ] = False,
    votes: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --suite cultures: labels by groups of people, one a line.")
    ] = None,
    languages: Annotated[
        bool,
        typer.Option("--languages", help="With --suite cultures: the default pack in other languages."),
    ] = False,
    resamples: Resamples = 1000,
    device: Device = "auto",
) -> None:
    """Judge every image under every policy; write outcomes.parquet, metrics.json and report.html.

    Review, answers that cannot be read and failures count as wrong. A run that was stopped goes on where it was, and
    nothing is judged twice.
    """
    import eyeward
    from eyeward.evaluate.questions import read_questions
    from eyeward.evaluate.rationale_judge import judged_at, rationales_of
    from eyeward.evaluate.report import write_report
    from eyeward.evaluate.run import Run, name_guards, read_run
    from eyeward.evaluate.summary import summarise
    from eyeward.policy import Policy

    if rationale_judge is not None and not explain:
        raise UsageError("--rationale-judge judges what --explain has written; add --explain.")
    if suite is not None and explain:
        raise UsageError("--suite is about ratings; leave --explain out.")
    if (votes is not None or languages) and suite is not Suite.cultures:
        raise UsageError("--votes and --languages belong to --suite cultures; add it.")
    if languages and policy:
        raise UsageError("--languages asks under the default policy and its translations; leave --policy out.")
    guards = name_guards(model)
    if suite is Suite.cultures:
        from eyeward.cli.evaluate_suites import run_cultures

        run_cultures(
            guards,
            data,
            policy or (),
            split,
            votes,
            languages,
            out,
            retry_failed,
            embed_originals,
            resamples,
            device,
        )
        return
    questions = read_questions(data, [Policy.load(name) for name in policy or ()], split)
    asks = questions.asks
    if suite is Suite.attacks:
        from eyeward.cli.evaluate_suites import run_attacks

        run_attacks(
            guards,
            asks,
            data,
            out,
            attacked,
            white_box,
            averaged,
            retry_failed,
            embed_originals,
            resamples,
            device,
        )
        return
    started = Run.open(out, str(data), asks, explain)
    screen = Screen()
    if questions.repeated:
        screen.say(f"{counted(questions.repeated, 'sample')} with the question of another: asked once.")
    for name, source in guards.items():
        with screen.bar(f"Loading {one_line(source)}"):
            guard = eyeward.load_guard(source, device=device)
        with screen.bar(f"Judging with {one_line(name)}", len(asks)) as advance:
            asked = started.ask(name, guard, advance, retry_failed)
        screen.say(f"{one_line(name)}: {counted(asked, 'question')} judged, {len(asks) - asked:,} were judged before.")
    outcomes = started.finish()
    judged = None
    if rationale_judge is not None:
        with screen.bar("Judging rationales", sum(1 for _ in rationales_of(outcomes))) as advance:
            said = judged_at(rationale_judge, out, outcomes, asks, advance)
        judged = {key: judgement.fits for key, judgement in said.items()}
        unjudged = sum(fits is None for fits in judged.values())
        if unjudged:
            screen.say(f"The judge did not answer about {counted(unjudged, 'rationale')}; the same command asks again.")
    with screen.bar("Counting"):
        policies = {ask.policy.hash: ask.policy for ask in asks}
        coverage = {name: of.coverage for name, of in read_run(out).guards.items() if of.coverage is not None}
        metrics = summarise(outcomes, policies, str(data), resamples, judged=judged, coverage=coverage)
        metrics.write(out)
        write_report(out, metrics, outcomes, data, embed_originals)
    print_metrics(screen.out, metrics)
    print_covered(screen.out, metrics)
    print_comparisons(screen.out, metrics.comparisons)
    screen.say(f"Written to {out}: outcomes.parquet, metrics.json, report.html.")


@app.command()
def compare(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR…", show_default=False, help="Folders of runs.")],
    json: Annotated[Path | None, typer.Option(help="Write the comparison as JSON, too.")] = None,
    resamples: Resamples = 1000,
) -> None:
    """Compare all guards of some runs over the questions that they share."""
    from itertools import combinations

    from eyeward.evaluate.paired import compare as compared
    from eyeward.evaluate.run import read_run_outcomes

    runs = {folder: read_run_outcomes(folder) for folder in dict.fromkeys(folders)}
    several = len(runs) > 1
    guards = {
        (f"{folder}: {name}" if several else name): outcomes
        for folder, by_guard in runs.items()
        for name, outcomes in by_guard.items()
    }
    if len(guards) < 2:
        raise UsageError("There is one guard only; name folders of other runs, or one with several guards.")
    screen = Screen()
    with screen.bar("Comparing"):
        found = [compared(guards[a], guards[b], (a, b), resamples) for a, b in combinations(guards, 2)]
    print_comparisons(screen.out, found)
    if json is not None:
        from pydantic import RootModel

        from eyeward.evaluate.paired import Comparison

        json.parent.mkdir(parents=True, exist_ok=True)
        json.write_text(RootModel[list[Comparison]](found).model_dump_json(indent=2) + "\n", encoding="utf-8")


@app.command()
def calibrate(
    data: Data,
    model: Annotated[str, typer.Option(help="A guard, as for `eyeward assess`.")],
    out: Annotated[Path, typer.Option(help="Folder of the answers; one that was stopped goes on.")],
    recall: Annotated[float, typer.Option(help="Share of unsafe images to be caught.")] = 0.95,
    confidence: Annotated[float, typer.Option(help="How sure the promise is to be.")] = 0.95,
    specificity: Annotated[
        float | None,
        typer.Option(help="Share of safe images not to be rated Unsafe; what lies between becomes a review band."),
    ] = None,
    method: Annotated[Method, typer.Option(help="How probabilities are calibrated.")] = Method.temperature,
    by_category: Annotated[
        bool, typer.Option("--by-category", help="Calibrate each category that has enough images by itself.")
    ] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Store it in the guard's eyeward.json; --model is then its folder.")
    ] = False,
    policy: Policies = None,
    split: SplitOption = None,
    device: Device = "auto",
) -> None:
    """Calibrate a guard and choose the threshold, or the review band, that keeps a promise.

    Half of the images calibrate, the other half choose, so that the promise is made on images that nothing was fitted
    to. It holds for images and policies like these. Do not use the images that the guard is to be tested on.
    """
    import eyeward
    from eyeward.engine.rating import Calibration
    from eyeward.evaluate.calibrating import asking_for_scores, calibrate, store
    from eyeward.evaluate.questions import read_questions
    from eyeward.evaluate.run import Run, name_guards
    from eyeward.guard.card import FILE_NAME
    from eyeward.policy import Policy

    if write and not (Path(model) / FILE_NAME).is_file():
        raise UsageError(
            f"--write stores in the folder of a guard, and {model} is none; copy the guard and name the copy."
        )
    (name,) = name_guards([model])
    asks = read_questions(data, [Policy.load(given) for given in policy or ()], split).asks
    started = Run.open(out, str(data), asks)
    screen = Screen()
    with screen.bar(f"Loading {one_line(model)}"):
        guard = eyeward.load_guard(model, device=device)
    with screen.bar(f"Judging with {one_line(name)}", len(asks)) as advance:
        started.ask(name, asking_for_scores(guard), advance)
    before = guard.rule.calibration if guard.rule else Calibration()
    found = calibrate(started.finish()[name], before, str(data), method, by_category, recall, specificity, confidence)
    (out / "calibration.json").write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")
    print_calibrated(screen.out, found)
    if write:
        store(Path(model), guard, found)
        screen.say(f"Stored in {Path(model) / FILE_NAME}.")
