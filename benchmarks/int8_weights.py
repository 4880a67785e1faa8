"""Whether verdicts hold with weights of eight bits, and what they save: the reason why Eyeward does not offer them.

Usage: python -m benchmarks.int8_weights [--scenes 500] [--json PATH]

Run it alone on the machine. mini judges test scenes in float32, in bfloat16, and with the linear layers of either tower
or both in int8 (torch's dynamic quantisation: weights rounded once, activations at every call). Verdicts are compared
with those of float32.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

import eyeward
from eyeward.scenes.paint import paint
from eyeward.scenes.sample import sample_scene
from eyeward.verdict import Verdict

TOWERS: dict[str, tuple[str, ...]] = {
    "int8 language model": ("language_model",),
    "int8 vision tower": ("vision_tower",),
    "int8 both": ("language_model", "vision_tower"),
}


def quantised(towers: Sequence[str]) -> Any:
    """Load mini in float32 and round the linear layers of some towers."""
    guard: Any = eyeward.load_guard("mini", dtype="float32")
    model = guard.engine._checkpoint.model.model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for tower in towers:
            torch.ao.quantization.quantize_dynamic(  # type: ignore[no-untyped-call]
                getattr(model, tower), {torch.nn.Linear}, dtype=torch.qint8, inplace=True
            )
    return guard


def main() -> None:
    """Print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=500)
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    images = [paint(sample_scene(number, "test")) for number in range(arguments.scenes)]
    guards: dict[str, Callable[[], Any]] = {
        "float32": partial(eyeward.load_guard, "mini", dtype="float32"),
        "bfloat16": partial(eyeward.load_guard, "mini", dtype="bfloat16"),
        **{name: partial(quantised, towers) for name, towers in TOWERS.items()},
    }
    record: dict[str, dict[str, float]] = {}
    reference: list[Verdict] = []
    print("| weights | ms an image | ratings equal | categories equal | largest difference of p | mean |")
    print("|---|---|---|---|---|---|")
    for name, load in guards.items():
        guard = load()
        list(guard.assess_many(images[:64], "default"))
        started = time.perf_counter()
        verdicts = list(guard.assess_many(images, "default"))
        seconds = (time.perf_counter() - started) / len(images)
        reference = reference or verdicts
        pairs = list(zip(reference, verdicts, strict=True))
        if any(a.p_unsafe_raw is None or b.p_unsafe_raw is None for a, b in pairs):
            raise SystemExit(f"{name}: some verdicts are errors")
        gaps = [abs((a.p_unsafe_raw or 0.0) - (b.p_unsafe_raw or 0.0)) for a, b in pairs]
        record[name] = {
            "seconds": seconds,
            "ratings": sum(a.rating == b.rating for a, b in pairs) / len(pairs),
            "categories": sum(a.category == b.category for a, b in pairs) / len(pairs),
            "largest": max(gaps),
            "mean": sum(gaps) / len(gaps),
        }
        row = record[name]
        print(
            f"| {name} | {1000 * seconds:.1f} | {row['ratings']:.4f} | {row['categories']:.4f} | {row['largest']:.4f} "
            f"| {row['mean']:.5f} |",
            flush=True,
        )
    print(f"\n{arguments.scenes} test scenes, {torch.get_num_threads()} threads")
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
