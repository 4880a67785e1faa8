"""What annotation costs besides decoding and the model: time an image, memory, starting a finished run again.

Usage: python -m benchmarks.annotate_overhead [--shards 1000] [--images 1000] [--bytes 10000] [--json PATH]

A guard that says the same to everything, without looking, judges archives; all of them are one file under many names,
so that disk and page cache play no part. Beside it, on the same bytes: a bare loop of Python's tarfile that writes
nothing; and with the same guard over Parquet, all writing Parquet: `map` of `datasets` and Ray Data's `map_batches`.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import resource
import statistics
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.annotate_rivals import POLICY, by_datasets, by_ray_data, cluster
from benchmarks.verdict_speed.table import ROUNDS, Ratio, show
from eyeward.annotate.progress import Progress
from eyeward.annotate.run import annotate
from eyeward.engine.protocol import Capabilities, Prompt, RawAnswer
from eyeward.guard import EyewardCard, Guard, Request
from eyeward.guard.llavaguard import LlavaGuardProfile
from eyeward.verdict import ModelRef, Rating, Status, Verdict
from tests.fakes import model_text

MIB = 2**20
EACH_BAR, PEAK_BAR, FLAT_BAR, AGAIN_BAR, BESIDE_BAR = 0.3e-3, 600e6, 1.05, 5.0, 1.0
OURS = "annotate over Parquet, one process"
MODEL = ModelRef(name="constant", revision="1", engine="none")
CONSTANT = Verdict(
    image=None,
    sha256="0" * 64,
    status=Status.ok,
    rating=Rating.Safe,
    category="NA: None applying",
    p_unsafe=0.01,
    p_unsafe_raw=0.02,
    category_probabilities=dict.fromkeys(POLICY.ids, 0.1),
    threshold=0.5,
    frames_judged=1,
    policy=POLICY.ref,
    prompt_hash="0" * 64,
    model=MODEL,
)


class NoEngine:
    """Is never asked."""

    capabilities = Capabilities(True, True, True, 1, 100_000)

    def judge(self, prompts: Iterable[Prompt]) -> Iterator[RawAnswer]:
        """Refuse."""
        raise AssertionError("the constant guard has no engine")


class ConstantGuard(Guard):
    """Says the same to everything and looks at nothing."""

    def assess_requests(self, requests: Iterable[Request]) -> Iterator[Verdict]:
        """Answer."""
        for _ in requests:
            yield CONSTANT


def constant_guard() -> ConstantGuard:
    """Make one."""
    profile = LlavaGuardProfile(EyewardCard(name="constant"), model_text())
    return ConstantGuard(engine=NoEngine(), profile=profile, model=MODEL)


def resident_bytes() -> int:
    """Return the memory that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@dataclass
class Memory:
    """Watches a run: memory after every shard."""

    after: list[int] = field(default_factory=list)
    done: int = 0

    def __call__(self, progress: Progress) -> None:
        """Note the memory when a shard is done."""
        if progress.shards_done != self.done:
            self.done = progress.shards_done
            self.after.append(resident_bytes())


def images(count: int, size: int) -> list[bytes]:
    """Return bytes that nobody decodes, all different."""
    drawn = random.Random(1)
    return [drawn.randbytes(size) for _ in range(count)]


def archive(file: Path, contents: list[bytes]) -> Path:
    """Write a shard as img2dataset does: image, JSON, text."""
    with tarfile.open(file, "w") as opened:
        for number, content in enumerate(contents):
            about = json.dumps({"caption": f"number {number}"}).encode()
            for ending, data in (("jpg", content), ("json", about), ("txt", b"number")):
                header = tarfile.TarInfo(f"{number:09}.{ending}")
                header.size = len(data)
                opened.addfile(header, io.BytesIO(data))
    return file


def bare_loop(files: Iterable[Path]) -> int:
    """Read archives with the standard library; return how many images there were."""
    found = 0
    for file in files:
        with tarfile.open(file) as opened:
            for header in opened:
                content = opened.extractfile(header)
                if content is not None and content.read() and header.name.endswith(".jpg"):
                    found += 1
    return found


def timed(work: Callable[[], Any]) -> float:
    """Return the seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, default=1000)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--bytes", type=int, default=10_000)
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        contents = images(arguments.images, arguments.bytes)
        first = archive(place / "shard", contents)
        source = place / "in"
        source.mkdir()
        files = [source / f"{shard:05}.tar" for shard in range(arguments.shards)]
        for file in files:
            file.hardlink_to(first)
        memory = Memory()  # first of all: what others leave in memory is not ours
        seconds = timed(lambda: annotate(source, place / "out", constant_guard(), [POLICY], watch=memory))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        again = timed(lambda: annotate(source, place / "out", constant_guard(), [POLICY]))
        few = files[: max(1, arguments.shards // 20)]
        ours_few = timed(lambda: annotate([str(file) for file in few], place / "few", constant_guard(), [POLICY]))
        bare = timed(lambda: bare_loop(few))
        rivals = beside(place, contents, len(few))
    total, some = arguments.shards * arguments.images, len(few) * arguments.images
    settled, most = memory.after[len(memory.after) // 10], max(memory.after)
    record: dict[str, float] = {
        "images": total,
        "shards": arguments.shards,
        "bytes an image": arguments.bytes,
        "seconds": seconds,
        "images a second": total / seconds,
        "MiB after the tenth of the shards": settled / MIB,
        "MiB after a shard, at most": most / MIB,
        "ms an image, few shards": 1000 * ours_few / some,
        "ms an image, bare tarfile loop": 1000 * bare / some,
    }
    print("| what | figure |")
    print("|---|---|")
    for what, figure in record.items():
        print(f"| {what} | {figure:,.4g} |")
    each = seconds / total
    ratios = [
        Ratio(
            "an image, reading and writing too", f"{1000 * EACH_BAR:g} ms", each / EACH_BAR, 1.0, each, EACH_BAR, True
        ),
        Ratio("peak of memory (MB)", "600 MB", peak / PEAK_BAR, 1.0, peak / 1e9, PEAK_BAR / 1e9, True),
        Ratio("memory at most (MB)", "after a tenth", most / settled, FLAT_BAR, most / 1e9, settled / 1e9, True),
        Ratio("starting a finished run again", f"{AGAIN_BAR:g} s", again / AGAIN_BAR, 1.0, again, AGAIN_BAR, True),
    ]
    ours = rivals.pop(OURS)
    ratios += [
        Ratio(OURS, other, theirs / ours, BESIDE_BAR, ours / some, theirs / some) for other, theirs in rivals.items()
    ]
    show("Annotation with a constant guard", ratios)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        held = [{**asdict(ratio), "holds": ratio.holds} for ratio in ratios]
        arguments.json.write_text(json.dumps({**record, "ratios": held}, indent=1))


def beside(place: Path, contents: list[bytes], count: int) -> dict[str, float]:
    """Return the seconds over Parquet, ours and those of the others, each in one process; the median of some rounds."""
    folder = place / "tables"
    folder.mkdir()
    held = pa.array([{"bytes": content, "path": None} for content in contents])
    table = pa.table({"key": [f"{number:09}" for number in range(len(contents))], "image": held})
    pq.write_table(table, place / "table", row_group_size=100)
    for number in range(count):
        (folder / f"{number:05}.parquet").hardlink_to(place / "table")
    took: dict[str, list[float]] = {}
    with cluster(4):
        for number in range(ROUNDS):
            here = place / f"round {number}"
            here.mkdir()
            found = {
                OURS: timed(partial(annotate, folder, here / "ours", constant_guard(), [POLICY])),
                "datasets.map over Parquet": sum(by_datasets(folder, here, 1, constant_guard)),
                "Ray Data map_batches over Parquet, one actor": by_ray_data(folder, here, 1, constant_guard),
            }
            for way, seconds in found.items():
                took.setdefault(way, []).append(seconds)
    return {way: statistics.median(seconds) for way, seconds in took.items()}


if __name__ == "__main__":
    main()
