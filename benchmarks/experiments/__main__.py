"""The paper's experiments in small, on drawn scenes: what training, augmentation, LoRA, order and rationales bring.

Usage: python -m benchmarks.experiments [--short] [--out runs/experiments] [--json PATH]

Every cell fine-tunes mini-base with the trainer that users have. A cell that is done is not done again, so a run that
was stopped goes on. All of it takes about three hours on two cores, --short about 40 minutes. Test scenes are never
trained on; each is asked under the default policy, its own flip and unrelated changes. Rationales stand after the
rating, the prompt is policy first, and the whole language model learns, unless an arm says else.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.experiments.cells import Scale, arms, cell_name, run_cell
from benchmarks.experiments.differences import Estimate, difference, mean
from benchmarks.experiments.worlds import Sizes, make_worlds
from eyeward.cli.screen import Screen
from eyeward.evaluate.table import OutcomeTable
from eyeward.verdict import Rating

METRICS = (
    "balanced_accuracy",
    "policy_exception_rate",
    "loosened_flips",
    "tightened_flips",
    "steady_controls",
    "joint_consistency",
    "exact_category",
)
CLAIMS = (
    ("Training makes a guard of a base that is none", "plain", "zero-shot", "balanced_accuracy"),
    ("Augmentation teaches exceptions (PER)", "augmented as in the paper", "plain", "policy_exception_rate"),
    ("Augmentation raises joint correctness over an image's policies", "augmented", "plain", "joint_consistency"),
    ("So does the paper's, which only loosens", "augmented as in the paper", "plain", "joint_consistency"),
    ("Both directions are better than the paper's one", "augmented", "augmented as in the paper", "joint_consistency"),
    ("Full fine-tuning beats LoRA", "augmented", "LoRA", "joint_consistency"),
    ("Policy first beats image first", "augmented", "image first", "joint_consistency"),
    ("Learning rationales helps the rating", "augmented", "without rationale", "joint_consistency"),
    ("Rationale after the rating beats before", "augmented", "rationale before rating", "joint_consistency"),
)
SHORT = Sizes(train=3000, test=300), Scale(steps=260, batch=12, learning_rate=1.5e-3, lora_learning_rate=5e-3), 3
FULL = Sizes(train=8000, test=1000), Scale(steps=600, batch=16, learning_rate=1.5e-3, lora_learning_rate=5e-3), 3


def main() -> None:
    """Run what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("runs/experiments"))
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    sizes, scale, seeds = SHORT if arguments.short else FULL
    out = arguments.out / ("short" if arguments.short else "full")
    out.mkdir(parents=True, exist_ok=True)
    screen = Screen()
    worlds = make_worlds(out, sizes)
    tables: dict[str, list[OutcomeTable]] = {}
    for arm in arms(seeds, arguments.short):
        for seed in range(arm.seeds):
            tables.setdefault(arm.name, []).append(OutcomeTable.of(run_cell(arm, seed, worlds, scale, out, screen.bar)))
            print(f"done: {cell_name(arm, seed)}", flush=True)
    first = next(iter(tables.values()))[0]
    for rating in (Rating.Safe, Rating.Unsafe):
        tables[f"always {rating}"] = [first.always(rating)]
    shown = print_tables(tables, len(first), seeds)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(shown, indent=1))


def print_tables(tables: Mapping[str, Sequence[OutcomeTable]], questions: int, seeds: int) -> dict[str, object]:
    """Print what each arm reaches, and what the paper's claims come to here."""
    print(f"\n{questions} questions; intervals of 95 % over images and seeds; up to {seeds} seeds an arm\n")
    print("| arm | seeds | " + " | ".join(name.replace("_", " ") for name in METRICS) + " |")
    print("|---|---|" + "---|" * len(METRICS))
    found: dict[str, object] = {}
    for arm, seeds_of_arm in tables.items():
        row = {name: mean(name, seeds_of_arm) for name in METRICS}
        found[arm] = {name: vars(estimate) for name, estimate in row.items()}
        print(f"| {arm} | {len(seeds_of_arm)} | " + " | ".join(map(str, row.values())) + " |")
    print("\n| claim | measured by | difference | here |\n|---|---|---|---|")
    for claim, one, other, metric in CLAIMS:
        if one not in tables or other not in tables:
            continue
        gap = difference(metric, tables[one], tables[other])
        found[claim] = vars(gap)
        print(f"| {claim} | {metric.replace('_', ' ')} | {gap} | {_said(gap)} |")
    return found


def _said(gap: Estimate) -> str:
    return {1: "holds", -1: "the contrary holds", 0: "not decided"}[gap.sign]


if __name__ == "__main__":
    main()
