"""Run the suites on `mini` and drawn scenes that training never sees, as `eyeward evaluate --suite` does.

Usage: python -m benchmarks.suites [attacks] [cultures] [--scenes 300] [--model mini] [--out runs/suites]

Prints the tables of the command; its files lie in the folder, a page among them. The attack budgets are in the tables:
each level is one value of a named parameter.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from eyeward.cli.main import app
from eyeward.data.sample import Split
from eyeward.scenes.labels import write_scenes

SEED = 77
SUITES = ("attacks", "cultures")


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the scenes, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", choices=[*SUITES, []], default=[])
    parser.add_argument("--scenes", type=int, default=300)
    parser.add_argument("--attacked", type=int, default=100)
    parser.add_argument("--white-box", type=int, default=16)
    parser.add_argument("--model", action="append")
    parser.add_argument("--out", type=Path, default=Path("runs/suites"))
    given = parser.parse_args(arguments)
    scenes = given.out / "scenes"
    if not (scenes / "labels.jsonl").is_file():
        write_scenes(scenes, given.scenes, SEED, split=Split.TEST)
    models = [word for model in given.model or ["mini"] for word in ("--model", model)]
    for suite in given.suites or SUITES:
        more = (
            ["--averaged", "--attacked", str(given.attacked), "--white-box", str(given.white_box)]
            if suite == "attacks"
            else []
        )
        started = time.perf_counter()
        command = ["evaluate", str(scenes), "--suite", suite, *models, "--out", str(given.out / suite), *more]
        app(command, standalone_mode=False)
        print(f"{suite}: {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
