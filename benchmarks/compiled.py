"""Whether `torch.compile` wins, its start-up included: the reason why Eyeward does not use it.

Usage: python -m benchmarks.compiled [--images 1000] [--json PATH]

Run it alone on the machine; it needs a C++ compiler. mini judges scenes as it is, and with each tower compiled; beside
the times stands after how many images the start-up is earned back, if ever. Compiled code is kept on disk by PyTorch,
so a second run of this script starts faster: the cache is put into a temporary folder, to see the first start.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TOWERS: dict[str, tuple[str, ...]] = {
    "as it is": (),
    "language model compiled": ("language_model",),
    "vision tower compiled": ("vision_tower",),
    "both compiled": ("language_model", "vision_tower"),
}
ROUNDS = 3


def measured(towers: Sequence[str], images: Sequence[Any]) -> tuple[float, float]:
    """Give the seconds of start-up beyond a judgement's, and of one image once warm."""
    import torch

    import eyeward

    guard: Any = eyeward.load_guard("mini", self_check="off")
    model = guard.engine._checkpoint.model.model
    for tower in towers:
        part = getattr(model, tower)
        part.forward = torch.compile(part.forward, dynamic=True)
    started = time.perf_counter()
    list(guard.assess_many(images[:100], "default"))
    first = time.perf_counter() - started
    rounds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        wrong = sum(verdict.rating is None for verdict in guard.assess_many(images, "default"))
        rounds.append((time.perf_counter() - started) / len(images))
        if wrong:
            raise SystemExit(f"{wrong} verdicts are errors")
    warm = statistics.median(rounds)
    return max(0.0, first - 100 * warm), warm


def main() -> None:
    """Print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    from eyeward.scenes.paint import paint
    from eyeward.scenes.sample import sample_scene

    images = [paint(sample_scene(number, "test")) for number in range(arguments.images)]
    record: dict[str, dict[str, float | None]] = {}
    plain = 0.0
    print("| mini | start-up, s | ms an image, warm | earned back after |")
    print("|---|---|---|---|")
    for name, towers in TOWERS.items():
        with tempfile.TemporaryDirectory() as cache:
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
            start, warm = measured(towers, images)
        plain = plain or warm
        back = None if not towers else (start / (plain - warm) if warm < plain else float("inf"))
        record[name] = {"start": start, "seconds": warm, "images": back}
        said = "" if back is None else ("never" if back == float("inf") else f"{back:,.0f} images")
        print(f"| {name} | {start:.1f} | {1000 * warm:.2f} | {said} |", flush=True)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
