"""The paper's experiments in small, on drawn scenes: what training, augmentation, LoRA, order and rationales bring.

Usage: python -m benchmarks.experiments [--short] [--out runs/experiments] [--json PATH]

Every cell fine-tunes mini-base with the trainer that users have. A cell that is done is not done again, so a run that
was stopped goes on. All of it takes about three hours on two cores, --short about 40 minutes. Test scenes are never
trained on; each is asked under the policy as it is, its own flip and unrelated changes. The changed policies, 28 in
all, are among those that `augmented` learns from, half of them for the paper's augmentation: images are new at the
test, policies are not. Rationales stand after the rating, the prompt is policy first, and the whole language model
learns, unless an arm says else.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.experiments.cells import ZERO_SHOT, Scale, arms, cell_name, run_cell
from benchmarks.experiments.differences import Estimate, difference, mean
from benchmarks.experiments.worlds import Sizes, make_worlds
from eyeward.cli.screen import Screen
from eyeward.evaluate.shares import SHARES
from eyeward.evaluate.table import OutcomeTable
from eyeward.verdict import Rating

METRICS = (
    "balanced_accuracy",
    "policy_exception_rate",
    "loosened_flips",
    "tightened_flips",
    "steady_controls",
    "joint_consistency",
    "joint_flips",
    "exact_category",
)
JOINT = ("joint_consistency", "joint_flips")
"""Of all images, and of those alone that a policy turns: a guard that always says Safe has 0 in the second."""
CLAIMS = (
    ("Training makes a guard of a base that is none", "plain", ZERO_SHOT, ("balanced_accuracy",)),
    (
        "Augmentation teaches exceptions",
        "augmented as in the paper",
        "plain",
        ("policy_exception_rate", "loosened_flips"),
    ),
    ("Augmentation raises joint correctness over an image's policies", "augmented", "plain", JOINT),
    ("So does the paper's, which only loosens", "augmented as in the paper", "plain", JOINT),
    ("Both directions are better than the paper's one", "augmented", "augmented as in the paper", JOINT),
    ("Full fine-tuning beats LoRA", "augmented", "LoRA", JOINT),
    ("Policy first beats image first", "augmented", "image first", JOINT),
    ("Learning rationales helps the rating", "augmented", "without rationale", JOINT),
    ("Rationale after the rating beats before", "augmented", "rationale before rating", JOINT),
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
    shown = print_tables(tables)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(shown, indent=1))


def print_tables(tables: Mapping[str, Sequence[OutcomeTable]]) -> dict[str, object]:
    """Print what each arm reaches, and what the paper's claims come to here."""
    first = next(iter(tables.values()))[0]
    judged, turned = (int(SHARES[name](first).counted.sum()) for name in JOINT)
    print(f"\n{len(first)} questions about {judged} images, {turned} of which some policy turns: joint flips is joint")
    print("consistency over these alone. Intervals of 95 % over images, and over seeds where there are several.\n")
    print("| arm | seeds | " + " | ".join(name.replace("_", " ") for name in METRICS) + " |")
    print("|---|---|" + "---|" * len(METRICS))
    found: dict[str, object] = {}
    for arm, seeds in tables.items():
        row = {name: mean(name, seeds) for name in METRICS}
        found[arm] = {name: vars(estimate) for name, estimate in row.items()}
        print(f"| {arm} | {len(seeds)} | " + " | ".join(map(str, row.values())) + " |")
    print("\n| claim | measured by | difference | here |\n|---|---|---|---|")
    for claim, one, other, metrics in CLAIMS:
        if one not in tables or other not in tables:
            continue
        gaps = {metric: difference(metric, tables[one], tables[other], other != ZERO_SHOT) for metric in metrics}
        found[claim] = {metric: vars(gap) for metric, gap in gaps.items()}
        for metric, gap in gaps.items():
            print(f"| {claim} | {metric.replace('_', ' ')} | {gap} | {_said(gap)} |")
    return found


def _said(gap: Estimate) -> str:
    return {1: "holds", -1: "the contrary holds", 0: "not decided"}[gap.sign]


if __name__ == "__main__":
    main()
