"""Annotation of real JPEG files: what it costs besides decoding and the model, how it scales, and what others need.

Usage: python -m benchmarks.annotate_scale [--parts mini,beside,kills] [--mini 2000] [--beside 16000] [--kills 6]
    [--json PATH]

`mini`: wall time of mini over JPEG files beside half of the processor seconds of decoding and of the model, each alone;
images a second of two workers with one thread each beside those of one that has one core.
`beside`: the same JPEG bytes and the same guard (brightness, computed on the decoded image): ours in one process and in
two, `map` of `datasets` and Ray Data's `map_batches` in two, all writing Parquet. Ray is started before the clock is.
`kills`: ratings of mini after a run that was killed again and again, and of two workers, beside those of one run.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import eyeward
from benchmarks.annotate_rivals import POLICY, by_datasets, by_ray_data, cluster
from benchmarks.verdict_speed.folder import write_folder
from benchmarks.verdict_speed.table import ROUNDS, Ratio, show
from eyeward.annotate.crew import annotate_together
from eyeward.annotate.explain import Explain
from eyeward.annotate.on_processes import ProcessCrew, annotate_on_processes
from eyeward.annotate.on_ray import annotate_on_ray
from eyeward.annotate.progress import Progress
from eyeward.annotate.run import annotate
from eyeward.annotate.sources import Source, open_source
from eyeward.annotate.worker import Job
from eyeward.engine.protocol import Capabilities, Prompt, RawAnswer
from eyeward.guard import EyewardCard, Guard
from eyeward.guard.llavaguard import LlavaGuardProfile
from eyeward.images import DecodedImage, decode
from eyeward.verdict import ModelRef
from tests.fakes import by_brightness, model_text, rule

SHARD = 500
"""Images in a shard of JPEG files."""
PARTS = 1000
"""Images that decoding and model are measured on, each alone."""
DISTINCT = 400
"""JPEGs that the larger set is made of, again and again under other keys."""
PROCESSES = 2
OURS = ("one process", "two processes", "two actors")
BARRED = OURS[:2]
"""Ways that have to be as quick as the others; the actors are there for clusters."""
OVERHEAD_BAR, SCALE_BAR, BESIDE_BAR = 1.10, 1.8, 1.0
NEAR = 0.01
"""Distance from the threshold within which ratings may differ."""
WARM = 64
"""Images of each worker before its speed counts."""


def mini(core: bool = False) -> Guard:
    """Load mini; with `core` in a process that has one processor for all of its threads."""
    if core:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    return eyeward.load_guard("mini")


class Brightness:
    """An engine without a model."""

    capabilities = Capabilities(True, True, True, 1, 100_000)

    def judge(self, prompts: Sequence[Prompt]) -> Iterator[RawAnswer]:
        """Call bright pictures unsafe."""
        return (by_brightness(prompt) for prompt in prompts)


def bright() -> Guard:
    """Make a guard that costs little besides decoding."""
    profile = LlavaGuardProfile(EyewardCard(name="bright"), model_text())
    return Guard(Brightness(), profile, ModelRef(name="bright", revision="1", engine="none"), rule())


def job_of(source: Source, out: Path, load: Callable[[], Guard]) -> Job:
    """Ask for the default policy, without rationales."""
    return Job(load, replace(source, shards=()), out, (POLICY,), Explain())


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that it takes."""
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def processor(work: Callable[[], object]) -> float:
    """Return the processor seconds of all threads."""
    began = time.process_time()
    work()
    return time.process_time() - began


class Steady:
    """Images a second while all workers are at work: none is loading, none has run out of shards."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.moments: list[tuple[float, int]] = []

    def __call__(self, progress: Progress) -> None:
        """Note how far they are together."""
        parts = progress.workers.values()
        if len(parts) == self.workers and all(part.shard and part.images_here >= WARM for part in parts):
            self.moments.append((time.perf_counter(), progress.images_here))

    @property
    def rate(self) -> float:
        """Between the first such moment and the last."""
        if len(self.moments) < 2:
            raise SystemExit("The workers were never at work together; take more images (--mini).")
        (began, before), (ended, after) = self.moments[0], self.moments[-1]
        return (after - before) / (ended - began)


def measure_mini(count: int) -> list[Ratio]:
    """Compare mini over a folder of JPEGs with its parts, and two workers with one."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "in").mkdir()
        files = write_folder(place / "in", count)
        source = open_source(place / "in", images_per_shard=min(SHARD, max(WARM, count // 16)))
        shards = source.shards

        def rate(workers: int, load: Callable[[], Guard], out: str) -> float:
            steady = Steady(workers)
            job = job_of(source, place / out, load)
            annotate_together(job, shards, ProcessCrew(job, 1), workers, watch=steady)
            return steady.rate

        one_core = rate(1, partial(mini, core=True), "one core")
        one_thread = rate(1, mini, "one thread")
        two = rate(2, mini, "two")

        guard: Any = mini()
        question = guard.profile.question(POLICY)
        few = files[:PARTS]
        pixels = [image.frames[0].pixels for image in map(decode, few) if isinstance(image, DecodedImage)]
        prompts = [guard.profile.prompt(question, image, False, guard.rule) for image in pixels]
        list(guard.assess_many(files[:64], POLICY))
        decoding, model, whole = [], [], []
        for number in range(ROUNDS):
            decoding.append(processor(lambda: [decode(file) for file in few]))
            model.append(
                processor(lambda: [list(guard.engine.judge(prompts[at : at + 32])) for at in range(0, len(few), 32)])
            )
            whole.append(timed(partial(annotate, source, place / f"whole {number}", guard, [POLICY])))
    decoded, judged = statistics.median(decoding) / len(few), statistics.median(model) / len(few)
    took, alone = statistics.median(whole) / count, (decoded + judged) / 2
    print(
        f"{count} JPEGs, mini: processor ms an image of decoding {1000 * decoded:.2f}, of the model "
        f"{1000 * judged:.2f}. Images a second: {1 / took:.1f} one process; {one_core:.1f} one worker with one core, "
        f"{one_thread:.1f} one with one thread for the model and others to decode, {two:.1f} two of these."
    )
    parts, two_workers = "(decoding + model) / 2", "two workers, one thread each"
    return [
        Ratio("annotate, one process", parts, took / alone, OVERHEAD_BAR, took, alone, at_most=True),
        Ratio(two_workers, parts, 1 / two / alone, OVERHEAD_BAR, 1 / two, alone, at_most=True),
        Ratio(two_workers, "one that has one core", two / one_core, SCALE_BAR, 1 / two, 1 / one_core),
        Ratio(two_workers, "one that decodes beside it", two / one_thread, None, 1 / two, 1 / one_thread),
    ]


def write_tables(folder: Path, count: int) -> Path:
    """Write JPEGs into Parquet as `datasets` does."""
    folder.mkdir()
    with tempfile.TemporaryDirectory() as name:
        contents = [file.read_bytes() for file in write_folder(Path(name), min(count, DISTINCT))]
    for number, start in enumerate(range(0, count, 1000)):
        keys = range(start, min(count, start + 1000))
        held = pa.array([{"bytes": contents[key % len(contents)], "path": None} for key in keys])
        table = pa.table({"key": [f"{key:09}" for key in keys], "image": held})
        pq.write_table(table, folder / f"{number:05}.parquet", row_group_size=100)
    return folder


def measure_beside(count: int) -> list[Ratio]:
    """Compare ours with those that curators use, on the same images with the same guard; the median of some rounds."""
    took: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        with tempfile.TemporaryDirectory() as name:
            for way, seconds in beside_once(Path(name), count).items():
                took.setdefault(way, []).append(seconds)
        print(
            f"round {number + 1}: " + ", ".join(f"{way} {times[-1]:.1f} s" for way, times in took.items()), flush=True
        )
    middle = {way: statistics.median(times) for way, times in took.items()}
    ours = {way: middle.pop(way) for way in OURS}
    return [
        Ratio(
            f"annotate, {way}", other, theirs / own, BESIDE_BAR if way in BARRED else None, own / count, theirs / count
        )
        for way, own in ours.items()
        for other, theirs in middle.items()
    ]


def beside_once(place: Path, count: int) -> dict[str, float]:
    """Return the seconds of each way, by its name."""
    folder = write_tables(place / "in", count)
    source = open_source(folder)
    one, two, actors = OURS
    took = {
        one: timed(lambda: annotate(source, place / "one", bright(), [POLICY])),
        two: timed(lambda: annotate_on_processes(job_of(source, place / "two", bright), source.shards, PROCESSES)),
    }
    loading, mapping = by_datasets(folder, place, PROCESSES, bright)
    took[f"datasets.map, {PROCESSES} processes"] = loading + mapping
    with cluster(2 * PROCESSES):
        job = job_of(source, place / "actors", bright)
        took[actors] = timed(lambda: annotate_on_ray(job, source.shards, PROCESSES))
        took[f"Ray Data map_batches, {PROCESSES} actors"] = by_ray_data(folder, place, PROCESSES, bright)
    check_same(place, count)
    return took


def check_same(place: Path, count: int) -> None:
    """See that all have rated the same images, and alike."""
    kept = ["key", "rating", "p_unsafe"]

    def table(path: Path) -> list[dict[str, Any]]:
        files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
        rows = [row for file in files for row in pq.read_table(file, columns=kept).to_pylist()]
        return sorted(rows, key=lambda row: str(row["key"]))

    found = [table(place / name) for name in ("one", "two", "actors", "judged.parquet", "ray")]
    if len(found[0]) != count or any(other != found[0] for other in found[1:]):
        raise SystemExit("They do not say the same of the same images.")


def go(source: Path, out: Path, shard: int) -> None:
    """Annotate with mini, in a process that is to be killed."""
    annotate(open_source(source, images_per_shard=shard), out, mini(), [POLICY])


def measure_kills(kills: int, count: int = 240, shard: int = 24) -> tuple[list[Ratio], dict[str, Any]]:
    """Compare what is written after kills, and by two workers, with what one run writes."""
    drawn = random.Random(11)
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "in").mkdir()
        write_folder(place / "in", count)
        source = open_source(place / "in", images_per_shard=shard)
        began = time.perf_counter()
        guard = mini()
        loading = time.perf_counter() - began
        whole = timed(lambda: annotate(source, place / "whole", guard, [POLICY]))
        killed = 0
        while killed < kills:
            process = context.Process(target=go, args=(place / "in", place / "killed", shard))
            process.start()
            process.join(drawn.uniform(loading, loading + 2 * whole / kills + 3))
            if process.is_alive():
                process.kill()
                killed += 1
            process.join()
            if len(list((place / "killed").glob("*.parquet"))) == len(source.shards):
                break
        annotate(source, place / "killed", guard, [POLICY])
        job = job_of(source, place / "two", mini)
        annotate_together(job, source.shards, ProcessCrew(job, 1), PROCESSES)
        rows = {
            way: [row for file in sorted((place / way).glob("*.parquet")) for row in pq.read_table(file).to_pylist()]
            for way in ("whole", "killed", "two")
        }
    record: dict[str, Any] = {"images": count, "kills": killed}
    ratios = []
    for way in ("killed", "two"):
        pairs = list(zip(rows["whole"], rows[way], strict=True))
        far = sum(_differ(one, other) for one, other in pairs)
        most = max(abs(one["p_unsafe"] - other["p_unsafe"]) for one, other in pairs)
        same = sum(one == other for one, other in pairs)
        record[way] = {"differ away from the threshold": far, "largest difference": most, "rows equal": same}
        what = f"ratings after {killed} kills" if way == "killed" else "ratings of two workers"
        print(f"{what}: {far} differ away from the threshold, {same} of {count} rows equal, p by {most:.2g} at most")
        ratios.append(Ratio(what, "one run", float(far), 0.0, most, 0.0, at_most=True))
    return ratios, record


def _differ(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two rows say otherwise, and not because the image is near the threshold."""
    far = abs(one["p_unsafe"] - one["threshold"]) >= NEAR
    return bool(one["key"] != other["key"] or (one["rating"] != other["rating"] and far))


def main() -> None:
    """Print the tables and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="mini,beside,kills")
    parser.add_argument("--mini", type=int, default=2000, help="JPEG files that mini judges")
    parser.add_argument("--beside", type=int, default=16_000, help="JPEGs that all judge by brightness")
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    parts = arguments.parts.split(",")
    ratios: list[Ratio] = []
    record: dict[str, Any] = {}
    if "mini" in parts:
        ratios += measure_mini(arguments.mini)
    if "beside" in parts:
        ratios += measure_beside(arguments.beside)
    if "kills" in parts:
        found, record["kills"] = measure_kills(arguments.kills)
        ratios += found
    show("Annotation", ratios)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        record["ratios"] = [{**asdict(ratio), "holds": ratio.holds} for ratio in ratios]
        arguments.json.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
