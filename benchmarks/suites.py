"""Run the suites on `mini` and drawn scenes that training never sees, as `eyeward evaluate --suite` does.

Usage: python -m benchmarks.suites [attacks] [cultures] [--scenes 120] [--attacked 40] [--white-box 16] [--averaged]
    [--model mini] [--out runs/suites]

Prints the tables of the command, and how long each part took; its files lie in the folder, a page among them. The
attack budgets are in the tables: each level is one value of a named parameter. `--averaged` measures each guard a
second time, as the mean over five views, which takes about five times as long again.

The cultures come with drawn votes: two groups of three people each, who go by the rules of one pack each and are wrong
in one vote of ten. Nobody has voted so. It is known what the gap between the groups must be: the guard is asked under
the rules of the first, and about the scenes on which both packs agree it is with both alike.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eyeward.cli.main import app
from eyeward.data.folder import SampleFolder
from eyeward.data.sample import Split
from eyeward.evaluate.suites.annotators import Vote
from eyeward.evaluate.suites.cultures import culture_packs
from eyeward.scenes.labels import graph_of, write_scenes
from eyeward.scenes.truth import decide
from eyeward.verdict import Rating

SEED = 77
SUITES = ("attacks", "cultures")
GROUPS = {"A (default)": "default", "B (strict-modesty)": "strict-modesty"}
"""The pack that each group goes by."""
VOTERS = 3
NOISE = 0.1
"""Chance that a vote is the other one."""


def drawn_votes(scenes: Path, seed: int = SEED) -> list[Vote]:
    """Draw what the groups say of each scene."""
    random = np.random.default_rng(seed)
    packs = {pack.name: pack for pack in culture_packs()}
    votes = []
    for sample in SampleFolder(scenes):
        graph = graph_of(sample)
        for group, pack in GROUPS.items():
            right = decide(graph, packs[pack]).rating
            wrong = Rating.Safe if right is Rating.Unsafe else Rating.Unsafe
            for voter, errs in enumerate(random.random(VOTERS) < NOISE, 1):
                rating = wrong if errs else right
                votes.append(Vote(image=sample.image, annotator=f"{group} {voter}", group=group, rating=rating))
    return votes


def expected_gap(scenes: Path) -> float:
    """Return how much more often a guard that is right under the first pack is with the majority of its group.

    A majority of three is right unless two or three err. On scenes that both packs rate alike the guard is with both
    groups equally often, on the others with the first where its majority is right and with the second where that errs.
    """
    packs = {pack.name: pack for pack in culture_packs()}
    first, second = (packs[pack] for pack in GROUPS.values())
    graphs = [graph_of(sample) for sample in SampleFolder(scenes)]
    differ = sum(decide(graph, first).rating is not decide(graph, second).rating for graph in graphs) / len(graphs)
    majority_errs = 3 * NOISE**2 * (1 - NOISE) + NOISE**3
    return differ * (1 - 2 * majority_errs)


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the scenes and the votes, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", choices=[*SUITES, []], default=[])
    parser.add_argument("--scenes", type=int, default=120)
    parser.add_argument("--attacked", type=int, default=40)
    parser.add_argument("--white-box", type=int, default=16)
    parser.add_argument("--averaged", action="store_true")
    parser.add_argument("--model", action="append")
    parser.add_argument("--out", type=Path, default=Path("runs/suites"))
    given = parser.parse_args(arguments)
    began = time.perf_counter()
    scenes: Path = given.out / "scenes"
    if not (scenes / "labels.jsonl").is_file():
        write_scenes(scenes, given.scenes, SEED, split=Split.TEST)
    elif (count := sum(1 for _ in SampleFolder(scenes))) != given.scenes:
        parser.error(f"{scenes} holds {count} scenes; say --scenes {count}, or name another folder with --out")
    votes = given.out / "votes.jsonl"
    votes.write_text("".join(f"{vote.model_dump_json()}\n" for vote in drawn_votes(scenes)), encoding="utf-8")
    print(f"scenes and votes: {time.perf_counter() - began:.0f} s")
    models = [word for model in given.model or ["mini"] for word in ("--model", model)]
    attacked = ["--attacked", str(given.attacked), "--white-box", str(given.white_box)]
    more = {
        "attacks": [*attacked, *(["--averaged"] if given.averaged else [])],
        "cultures": ["--votes", str(votes)],
    }
    for suite in given.suites or SUITES:
        started = time.perf_counter()
        command = ["evaluate", str(scenes), "--suite", suite, *models, "--out", str(given.out / suite), *more[suite]]
        app(command, standalone_mode=False)
        if suite == "cultures":
            print(
                f"votes are drawn: the gap of a guard that is right under the first pack is {expected_gap(scenes):+.3f}"
            )
        print(f"{suite}: {time.perf_counter() - started:.0f} s")
    print(f"all: {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
