"""Does the corrected prevalence of an audit keep its word? Samples of labels are drawn again and again.

Usage: python -m benchmarks.audit_statistics [--scenes 20000] [--synthetic-only] [--labels 300] [--redraws 200]
                                             [--model mini] [--cache PATH] [--json PATH]

Populations: drawn scenes of the test split of which 2 % are unsafe, judged once by a guard (minutes; kept in a file),
and synthetic outcomes of three guards over shares of 0.1, 2 and 10 %. From each the stratified sample of
`eyeward audit sample` is drawn again and again, labelled with the truth, and estimated from as
`eyeward audit --labels` does. Beside it stands a simple random sample of as many labels with Wilson's interval, and
what the raw count would have claimed.

Bars: nominal 95 % intervals cover the truth in 92 to 99 % of redraws, and are on median no wider than the simple ones.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import eyeward
from benchmarks.mini_questions import DEFAULT
from eyeward.annotate.audit.prevalence import Estimate, Labelled, prediction_powered, rogan_gladen
from eyeward.annotate.audit.strata import BINS_A_LOGIT, Stratum, allocate, bin_start, cut
from eyeward.evaluate.intervals import wilson
from eyeward.scenes.graph import SceneGraph
from eyeward.scenes.paint import paint
from eyeward.scenes.sample import sample_scene
from eyeward.scenes.truth import decide
from eyeward.verdict import NA, Rating, Verdict

Floats = NDArray[np.float64]
Words = NDArray[np.str_]

SHARES = (0.001, 0.02, 0.1)
SCENES_SHARE = 0.02
SYNTHETIC_IMAGES = 200_000
GUARDS = {"right in 98 %": (4.0, 4.0), "right in 90 %": (2.5, 2.5), "recall 70 %, specificity 90 %": (2.5, 1.02)}
"""Log odds of Unsafe: how far below zero the mean is for safe images, and how far above for unsafe ones."""
SPREAD = 1.95
REVIEW = 0.05
"""Synthetic guards abstain so near one half."""
COVERED = (0.92, 0.99)


@dataclass(frozen=True)
class Population:
    """Judged images with their truth."""

    name: str
    rating: Words
    score: Floats
    category: Words
    """What the guard names; empty where it does not matter."""
    unsafe: NDArray[np.bool_]
    true_category: Words


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    population: str
    estimate: str
    images: int
    labels: int
    redraws: int
    share: float
    bias: float
    covered: float
    width: float
    simple_covered: float
    simple_width: float
    claimed: float

    @property
    def missed(self) -> str:
        """Which bar is missed."""
        bars = {
            "coverage": not COVERED[0] <= self.covered <= COVERED[1],
            "width": self.width > self.simple_width,
        }
        return ", ".join(name for name, missed in bars.items() if missed)


def synthetic(name: str, share: float, below: float, above: float, seed: int) -> Population:
    """Draw outcomes of a guard."""
    rng = np.random.default_rng(seed)
    unsafe = np.zeros(SYNTHETIC_IMAGES, bool)
    unsafe[: round(share * SYNTHETIC_IMAGES)] = True
    odds = rng.normal(np.where(unsafe, above, -below), SPREAD)
    score = 1 / (1 + np.exp(-odds))
    rating = np.where(score >= 0.5, Rating.Unsafe.value, Rating.Safe.value)
    rating[np.abs(score - 0.5) < REVIEW / 2] = Rating.Review.value
    nothing = np.full(SYNTHETIC_IMAGES, "")
    return Population(f"{name}, {share:.1%} unsafe", rating, score, nothing, unsafe, nothing)


def scenes(model: str, count: int, cache: Path) -> Population:
    """Judge scenes of which 2 % are unsafe, or read what was judged before."""
    if not cache.is_file():
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(cache, allow_pickle=False, **judged(model, count))
    with np.load(cache, allow_pickle=False) as held:
        kept = {name: held[name] for name in held.files}
    if len(kept["rating"]) != count or str(kept["model"]) != model:
        raise SystemExit(f"{cache} holds {len(kept['rating'])} scenes judged by {kept['model']}; name another --cache.")
    return Population(
        f"scenes judged by {model}, {float(kept['unsafe'].mean()):.1%} unsafe",
        kept["rating"],
        kept["score"],
        kept["category"],
        kept["unsafe"],
        kept["true_category"],
    )


def judged(model: str, count: int) -> dict[str, NDArray[np.generic]]:
    """Judge the first safe and unsafe scenes of the test split; a scene that fails has no place here."""
    wanted = {Rating.Unsafe: round(SCENES_SHARE * count), Rating.Safe: count - round(SCENES_SHARE * count)}
    graphs: list[SceneGraph] = []
    number = 0
    while sum(wanted.values()):
        graph = sample_scene(number, "test")
        rating = decide(graph, DEFAULT).rating
        number += 1
        if wanted[rating]:
            wanted[rating] -= 1
            graphs.append(graph)
    guard = eyeward.load_guard(model)
    verdicts = []
    for number, verdict in enumerate(
        guard.assess_requests(eyeward.Request(paint(graph), DEFAULT) for graph in graphs), 1
    ):
        assert verdict.rating is not None, verdict.error
        verdicts.append(verdict)
        if number % 1000 == 0:
            print(f"  {number}/{count}", file=sys.stderr, flush=True)
    truths = [decide(graph, DEFAULT) for graph in graphs]
    return {
        "model": np.array(model),
        "rating": np.array([str(verdict.rating) for verdict in verdicts]),
        "score": np.array([_score(verdict) for verdict in verdicts], np.float64),
        "category": np.array([verdict.category or "" for verdict in verdicts]),
        "unsafe": np.array([truth.rating is Rating.Unsafe for truth in truths]),
        "true_category": np.array([truth.category for truth in truths]),
    }


def _score(verdict: Verdict) -> float:
    by_rating = {Rating.Unsafe: 1.0, Rating.Review: 0.5}
    return by_rating.get(verdict.rating or Rating.Safe, 0.0) if verdict.p_unsafe is None else verdict.p_unsafe


@dataclass(frozen=True)
class Cut:
    """A population by strata."""

    strata: tuple[Stratum, ...]
    members: tuple[NDArray[np.int64], ...]


def cut_up(population: Population, labels: int) -> Cut:
    """Cut a population as `eyeward audit sample` does."""
    clipped = np.clip(population.score, 1e-9, 1 - 1e-9)
    bins = np.floor(BINS_A_LOGIT * np.log(clipped / (1 - clipped))).astype(np.int64)
    histograms = {}
    for rating in Rating:
        values, counts = np.unique(bins[population.rating == rating.value], return_counts=True)
        histograms[rating] = [(bin_start(int(v)), int(c)) for v, c in zip(values, counts, strict=True)]
    found, members = [], []
    for stratum in cut(histograms):
        below = math.inf if stratum.below is None else stratum.below
        inside = np.flatnonzero(
            (population.rating == stratum.rating.value)
            & (population.score >= stratum.at_least)
            & (population.score < below)
        )
        if len(inside):
            found.append(stratum.model_copy(update={"rows": len(inside)}))
            members.append(inside)
    return Cut(allocate(found, labels), tuple(members))


def drawn(cut: Cut, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Draw a sample: members of each stratum."""
    return [
        rng.choice(inside, stratum.drawn, replace=False)
        for stratum, inside in zip(cut.strata, cut.members, strict=True)
    ]


def labelled(cut: Cut, sample: Sequence[NDArray[np.int64]], outcomes: Floats, scores: Floats) -> list[Labelled]:
    """Give a sample its labels."""
    return [
        Labelled(
            rows=len(inside),
            outcomes=outcomes[chosen],
            scores=scores[chosen],
            mean_score=float(scores[inside].mean()),
        )
        for inside, chosen in zip(cut.members, sample, strict=True)
    ]


def measure(population: Population, labels: int, redraws: int, seed: int = 0) -> list[Line]:
    """Draw again and again; return a line for each kind of estimate of all that is unsafe."""
    flags = (population.rating == Rating.Unsafe.value).astype(np.float64)
    truth = population.unsafe.astype(np.float64)
    return _measured(population, ("", truth, population.score, flags), labels, redraws, seed)


def measure_categories(population: Population, labels: int, redraws: int, seed: int = 0) -> list[Line]:
    """Do the same for each category: what is Unsafe, and falls under it."""
    lines = []
    for category in sorted(set(population.true_category[population.unsafe].tolist()) - {NA}):
        truth = (population.unsafe & (population.true_category == category)).astype(np.float64)
        flags = ((population.rating == Rating.Unsafe.value) & (population.category == category)).astype(np.float64)
        lines += _measured(population, (f"{category}: ", truth, flags * population.score, flags), labels, redraws, seed)
    return lines


def _measured(
    population: Population, asked: tuple[str, Floats, Floats, Floats], labels: int, redraws: int, seed: int
) -> list[Line]:
    """Estimate one share: its name, the truth, the scores and the flags of all images."""
    name, truth, scores, flags = asked
    rng = np.random.default_rng(seed)
    parts = cut_up(population, labels)
    found: dict[str, list[Estimate]] = {"prediction-powered": [], "Rogan-Gladen": []}
    simple = []
    for _ in range(redraws):
        sample = drawn(parts, rng)
        found["prediction-powered"].append(prediction_powered(labelled(parts, sample, truth, scores)))
        found["Rogan-Gladen"].append(rogan_gladen(labelled(parts, sample, truth, flags)))
        simple.append(wilson(float(truth[rng.choice(len(truth), labels, replace=False)].sum()), labels))
    return [
        line(population, f"{name}{kind}", labels, float(truth.mean()), float(flags.mean()), estimates, simple)
        for kind, estimates in found.items()
    ]


def line(
    population: Population,
    estimate: str,
    labels: int,
    share: float,
    claimed: float,
    estimates: Sequence[Estimate],
    simple: Sequence[tuple[float, float]],
) -> Line:
    """Sum up the redraws."""
    return Line(
        population=population.name,
        estimate=estimate,
        images=len(population.rating),
        labels=labels,
        redraws=len(estimates),
        share=share,
        bias=float(np.mean([found.share for found in estimates])) - share,
        covered=float(np.mean([found.low <= share <= found.high for found in estimates])),
        width=float(np.median([found.high - found.low for found in estimates])),
        simple_covered=float(np.mean([low <= share <= high for low, high in simple])),
        simple_width=float(np.median([high - low for low, high in simple])),
        claimed=claimed,
    )


def show(lines: Sequence[Line]) -> None:
    """Print the table."""
    print(
        "| population | estimate | truth | mean error | 95 % covers | median width | simple sample covers | its width "
        "| width ratio | raw count claims | its error | bar |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for one in lines:
        print(
            f"| {one.population} | {one.estimate} | {one.share:.2%} | {one.bias:+.3%} | {one.covered:.1%} "
            f"| {one.width:.2%} | {one.simple_covered:.1%} | {one.simple_width:.2%} "
            f"| {one.width / one.simple_width:.2f} | {one.claimed:.2%} | {one.claimed - one.share:+.2%} "
            f"| {'missed: ' + one.missed if one.missed else 'met'} |"
        )


def main() -> None:
    """Print the tables and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=20_000)
    parser.add_argument("--synthetic-only", action="store_true")
    parser.add_argument("--labels", type=int, default=300)
    parser.add_argument("--redraws", type=int, default=200)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--cache", type=Path, default=None, help="default: runs/audit-statistics/MODEL-SCENES.npz")
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    started = time.monotonic()
    lines = [
        found
        for share in SHARES
        for number, (name, guard) in enumerate(GUARDS.items())
        for found in measure(
            synthetic(name, share, *guard, seed=number), arguments.labels, arguments.redraws, seed=number
        )
    ]
    by_category: list[Line] = []
    if not arguments.synthetic_only:
        name = f"{Path(arguments.model).name}-{arguments.scenes}.npz"
        cache = arguments.cache or Path("runs") / "audit-statistics" / name
        judged_once = scenes(arguments.model, arguments.scenes, cache)
        lines += measure(judged_once, arguments.labels, arguments.redraws)
        by_category = measure_categories(judged_once, arguments.labels, arguments.redraws)
    print(f"{arguments.labels} labels, {arguments.redraws} redraws, {platform.machine()}")
    show(lines)
    if by_category:
        print("\nBy category:")
        show(by_category)
    print(f"{time.monotonic() - started:.0f} s")
    if arguments.json:
        record = [asdict(found) | {"missed": found.missed} for found in (*lines, *by_category)]
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
