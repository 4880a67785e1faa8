"""The cells of the experiments: what each trains, and how it is asked afterwards. All start from mini-base."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import eyeward
from benchmarks.experiments.reason_first import ReasonFirstEngine, ReasonFirstTuning
from eyeward.errors import SelfCheckFailed
from eyeward.evaluate.outcome import Outcome
from eyeward.evaluate.questions import read_questions
from eyeward.evaluate.run import Run
from eyeward.train.tuning.finish import finish
from eyeward.train.tuning.recipe import Recipe
from eyeward.train.tuning.run import Tuning

BASE = "mini-base"
ZERO_SHOT = "zero-shot"
"""The arm that learns nothing."""


@dataclass(frozen=True)
class Arm:
    """One way to make a guard; cells are its seeds."""

    name: str
    data: str | None
    """A training set of `worlds`; None for the base as it is."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What its recipe has beside that of the others."""
    seeds: int = 1
    reason_first: bool = False


@dataclass(frozen=True)
class Scale:
    """How long a cell learns."""

    steps: int
    batch: int
    learning_rate: float
    lora_learning_rate: float


def arms(seeds: int, short: bool = False) -> tuple[Arm, ...]:
    """List what is compared; the short form leaves the paper's own augmentation out."""
    lora = {"method": "lora", "lora": {"rank": 32, "alpha": 64}}
    return (
        Arm(ZERO_SHOT, None),
        Arm("plain", "plain", seeds=seeds),
        Arm("augmented", "both ways", seeds=seeds),
        *(() if short else (Arm("augmented as in the paper", "paper", seeds=seeds),)),
        Arm("LoRA", "both ways", lora),
        Arm("image first", "both ways", {"order": "image_first"}),
        Arm("without rationale", "both ways", {"rationales": False}),
        Arm("rationale before rating", "both ways", reason_first=True),
    )


def cell_name(arm: Arm, seed: int) -> str:
    """Name a cell's folder."""
    return f"{arm.name.replace(' ', '-')}-{seed}" if arm.seeds > 1 else arm.name.replace(" ", "-")


def recipe_of(arm: Arm, seed: int, data: Path, scale: Scale) -> Recipe:
    """Return the recipe of a cell."""
    lora = arm.settings.get("method") == "lora"
    settings = {
        "name": "guard",
        "method": "full",
        "base": BASE,
        "data": str(data),
        "seed": seed,
        "steps": scale.steps,
        "batch": scale.batch,
        "learning_rate": scale.lora_learning_rate if lora else scale.learning_rate,
        "warmup": 0.1,
        "label_weight": 10.0,
        "precision": "bfloat16",
        "checkpointing": False,
        "workers": 0,
        "save_every": 200,
        "calibrate": False,
        **arm.settings,
    }
    return Recipe.model_validate(settings)


def run_cell(arm: Arm, seed: int, worlds: Mapping[str, Path], scale: Scale, out: Path, bar: Any) -> list[Outcome]:
    """Train and ask a cell, or read what it said before."""
    folder = out / cell_name(arm, seed)
    evaluation = folder / "evaluation"
    started = time.perf_counter()
    guard_folder: str | Path = BASE
    if arm.data is not None:
        guard_folder = folder / "run" / "guard"
        if not guard_folder.exists():
            recipe = recipe_of(arm, seed, worlds[arm.data], scale)
            tuning = (ReasonFirstTuning if arm.reason_first else Tuning)(recipe, folder / "run", bar)
            trainer = tuning.train()
            # A guard that learnt the other order is refused at load, rightly: asked as usual it would write its reason.
            with suppress(SelfCheckFailed) if arm.reason_first else nullcontext():
                finish(tuning, trainer)
            shutil.rmtree(folder / "run" / "state", ignore_errors=True)
    asks = read_questions(worlds["test"]).asks
    run = Run.open(evaluation, str(worlds["test"]), asks, arm.reason_first)
    name = "guard"
    if len(run.answered(name)) < len(asks):
        guard: Any = eyeward.load_guard(guard_folder, self_check="off")
        if arm.reason_first:
            guard = replace(guard, engine=ReasonFirstEngine(guard.engine))
        with bar(f"Judging: {arm.name}", len(asks)) as advance:
            run.ask(name, guard, advance)
        (folder / "seconds.txt").write_text(f"{time.perf_counter() - started:.0f}\n")
    return run.finish()[name]
