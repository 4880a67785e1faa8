"""Measure the mean over views against gradients alone, on more pictures than the attack suite has time for.

Usage: python -m benchmarks.gradient_defence [--pictures 40] [--scenes 2000] [--steps 8] [--model mini]
    [--out runs/gradient_defence]

Unsafe pictures, each attacked along the gradient of the guard and along that of its mean over views (so many steps for
each budget of 1, 2, 4, 8 and 16 levels of 255, one start), and both are asked about all of them. Prints the tables of
`eyeward evaluate --suite attacks` with the paired difference of robust recall, then what the mean costs on all scenes
as they are: recall and specificity may not fall by more than 0.01, the whole interval above that, as for `eyeward
models diff`. It takes about 280 unsafe scenes, none of them lost, to show so much, or 760 and three of them lost.

Said before it ran: what counts is robust recall up to a budget of 4, by its own interval; other budgets are asked
beside it, adjusted for their number. The scenes are none of those that led to the question. A run that was stopped
goes on; one with other steps wants another folder.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

import eyeward
from eyeward.cli.evaluate_suites import print_attacks
from eyeward.data.sample import Split
from eyeward.evaluate.questions import read_questions
from eyeward.evaluate.run import Run
from eyeward.evaluate.suites.attacks import make_white_box, plan_attacks
from eyeward.evaluate.suites.robustness import attack_report
from eyeward.evaluate.upgrade import upgrade
from eyeward.guard.averaging import averaged
from eyeward.policy import Policy
from eyeward.scenes.labels import write_scenes
from eyeward.verdict import Rating

SEED = 78
MARGIN = 0.01
"""What recall and specificity may lose on scenes as they are."""
SHOWN = ("balanced_accuracy", "recall", "specificity")


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw scenes, follow gradients, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--scenes", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--out", type=Path, default=Path("runs/gradient_defence"))
    given = parser.parse_args(arguments)
    scenes = given.out / "scenes"
    if not (scenes / "labels.jsonl").is_file():
        write_scenes(scenes, given.scenes, SEED, split=Split.TEST)
    began = time.perf_counter()
    alone, mean = given.model, f"{given.model}, mean of views"
    asks = read_questions(scenes, (Policy.load("default"),), Split.TEST).asks
    count = dict.fromkeys((alone, mean), given.pictures)
    made = given.out / f"made in {given.steps} steps"
    sources = dict.fromkeys((alone, mean), given.model)
    plan = plan_attacks(asks, given.pictures, count, made, attacks=(), ratings=(Rating.Unsafe,), sources=sources)
    with Progress(console=Console(stderr=True)) as shown:
        task = shown.add_task("pictures", total=2 * given.pictures)
        make_white_box(plan, sources, lambda: shown.advance(task), averaged=(mean,), steps=given.steps)
    print(f"pictures made in {time.perf_counter() - began:.0f} s")
    run = Run.open(given.out / "evaluation", str(scenes), plan.asks)
    guard = eyeward.load_guard(given.model)
    for name, asked in ((alone, guard), (mean, averaged(guard))):
        run.ask(name, asked)
    outcomes = run.finish()
    report = attack_report(outcomes, plan.variants, str(scenes))
    report.write(given.out / "evaluation")
    print_attacks(Console(width=160), report)
    cost = upgrade(outcomes[alone][: plan.clean], outcomes[mean][: plan.clean], (alone, mean), MARGIN)
    print(f"as they are, {cost.questions} scenes: {cost.broken} right alone only, {cost.mended} right by the mean only")
    for name, fall in cost.unseen.items():
        print(f"{name}: nothing moved; a fall of up to {fall:.3f} would not show on so many (95 %)")
    for name, change in cost.comparison.differences.items():
        if name in SHOWN and change.value is not None and change.low is not None:
            print(f"{name}: {change.value:+.4f} ({change.low:+.4f} to {change.high:+.4f})")
    print("\n".join(cost.reasons) or f"no fall of recall or specificity by more than {MARGIN:g}")
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
