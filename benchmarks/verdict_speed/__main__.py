"""Verdicts a second beside what a user would run instead. Ratios first.

Usage: python -m benchmarks.verdict_speed [--parts mini large ...] [--shape 0.5b] [--device cpu] [--weights DIR]
           [--images 1000] [--plain-images 96] [--large-images 8] [--json PATH]

Run it alone on the machine; all parts take about an hour on two cores. Parts:
  mini      mini beside `generate` of transformers, the same answers in parity mode
  large     a published shape with random weights beside `generate`, answers of 130 tokens
  policies  one image under eight policies beside eight calls
  limit     share of what a large matrix product reaches
  folder    a folder of JPEGs beside its processor time; whether a slow model waits for images
  growth    time and memory from 100 to 10,000 images
Medians of three. On a machine with a GPU, `--device cuda --shape 7b --parts large policies limit` gives the same there;
without one, the run says so and stays on the CPU. Random weights of `--weights` are written once and kept.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import torch

from benchmarks.random_checkpoint import Shape
from benchmarks.verdict_speed import folder, growth, large, limit, mini
from benchmarks.verdict_speed.large import SIZES, Setting
from benchmarks.verdict_speed.table import Ratio, show

PARTS = ("mini", "large", "policies", "limit", "folder", "growth")


def main() -> None:
    """Run the parts, print their tables and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--shape", type=Shape, choices=list(Shape), default=Shape.half_billion)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--weights", type=Path, default=None, help="folder for random weights; kept")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--plain-images", type=int, default=96)
    parser.add_argument("--large-images", type=int, default=8)
    parser.add_argument("--most", type=int, default=10_000, help="images of the largest run of `growth`")
    parser.add_argument("--kinds", nargs="+", choices=list(SIZES), default=list(SIZES), help="images of `large`")
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    if arguments.device != "cpu" and not torch.cuda.is_available():
        print("There is no GPU here: everything runs on the CPU.")
        arguments.device = "cpu"
    with tempfile.TemporaryDirectory() as place:
        setting = Setting(arguments.shape, arguments.weights or Path(place), arguments.device, arguments.large_images)
        parts: dict[str, Callable[[], list[Ratio]]] = {
            "mini": lambda: mini.measure(arguments.images, arguments.plain_images),
            "large": lambda: large.measure(setting, arguments.kinds),
            "policies": lambda: large.measure_policies(setting),
            "limit": lambda: limit.measure(replace(setting, images=4)),
            "folder": lambda: [
                *folder.measure(arguments.images),
                *folder.measure_waits(setting, 5 * arguments.large_images),
            ],
            "growth": lambda: growth.measure(arguments.most),
        }
        record = {}
        for part in arguments.parts:
            ratios = parts[part]()
            show(part, ratios)
            record[part] = [asdict(ratio) for ratio in ratios]
    print(f"\n{torch.get_num_threads()} threads, {platform.machine()}, torch {torch.__version__}, {arguments.device}")
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
