"""The same guard in this process, behind vLLM over HTTP, and in vLLM's own process: agreement and speed.

Usage: python -m benchmarks.vllm_agreement --vllm ENVIRONMENT [--images 500] [--speed-images 500] [--json PATH]

ENVIRONMENT holds a vLLM (EYEWARD_VLLM does too); `make test-vllm` makes one. Run it alone on the machine. It exports
the guard, starts servers on 127.0.0.1 and ends them: eight starts of about a minute. Every timing gets images that
nobody has seen, or vLLM's cache of whole prompts would answer. vLLM's best is the best of both precisions, of its own
choice of cores and all of them, over HTTP with several numbers of items under way, and in process with several batches.
"Rating alone" asks for no category: one request an image, the least that a user of vLLM could ask for; in process only.
--dtypes and --cores leave some out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import eyeward
from benchmarks.vllm_agreement.comparing import TOLERANCE, Agreement, compare, differences
from benchmarks.vllm_agreement.timing import Timing, engine_seconds, guard_seconds, scenes
from eyeward.engine.remote.engine import RemoteEngine
from eyeward.engine.remote.settings import RemoteSettings
from eyeward.guard.exporting import Exported, Target, export_guard
from eyeward.guard.loading import load_subject
from eyeward.verdict import Verdict
from tests.vllm.serving import VARIABLE, served, variables, vllm_environment

BAR = 3.0
DTYPES = ("bfloat16", "float32")
CONCURRENCY = (8, 32, 64, 128)
BATCHES = (32, 128, 1024)
CORES: dict[str, dict[str, str]] = {"own": {}, "all": {"VLLM_CPU_NUM_OF_RESERVED_CPU": "0"}}
"""Variables of vLLM's environment: by its own choice it keeps a core for its scheduler."""
KINDS = ((False, False, "score only"), (True, False, "with rationale"), (False, True, "rating alone"))
"""With free text or without; the rating alone or the categories too; and what that is called."""
ROUNDS = 3
ROOT = Path(__file__).parents[2]


def main() -> None:
    """Measure, print the tables, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vllm", default=None, help=f"an environment with vLLM; default: {VARIABLE}")
    parser.add_argument("--model", default="mini")
    parser.add_argument("--images", type=int, default=500, help="test scenes whose verdicts are compared")
    parser.add_argument("--speed-images", type=int, default=500, help="fresh scenes of each timing; 0 times nothing")
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=DTYPES)
    parser.add_argument("--cores", nargs="+", choices=CORES, default=list(CORES))
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    if arguments.vllm:
        os.environ[VARIABLE] = arguments.vllm
    vllm_environment()
    with tempfile.TemporaryDirectory() as place:
        exported = export_guard(arguments.model, Path(place) / arguments.model, Target.vllm)
        bench = Bench(arguments.model, exported, Path(place), arguments.images, arguments.speed_images)
        bench.run(arguments.dtypes, arguments.cores)
    bench.report()
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(bench.result(), indent=1) + "\n", encoding="utf-8")


class Bench:
    """One run."""

    def __init__(self, model: str, exported: Exported, place: Path, images: int, speed_images: int) -> None:
        self._model = model
        self._exported = exported
        self._place = place
        self._images = images
        self._count = speed_images
        self._fresh = images
        self.agreements: list[Agreement] = []
        self.verdicts: dict[str, list[Verdict]] = {}
        """By place and type."""
        self.timings: list[Timing] = []

    def run(self, dtypes: Sequence[str], cores: Sequence[str]) -> None:
        """Measure here, then over HTTP and in vLLM's process, then here once more."""
        verdicts = {dtype: self._here(dtype) for dtype in dtypes}
        for dtype in dtypes:
            for chosen in cores:
                compared = verdicts[dtype] if chosen == cores[0] else None
                self._over_http(dtype, chosen, compared)
                self._in_process(dtype, chosen, compared)
        for dtype in dtypes:
            self._time_here(dtype)

    def _take(self, count: int) -> int:
        """Return the first of some scenes that nobody has seen."""
        first = self._fresh
        self._fresh += count
        return first

    def _guard(self, dtype: str) -> eyeward.Guard:
        """Load the guard here as it is behind a server: without its scope check."""
        return replace(eyeward.load_guard(self._model, dtype=dtype), scope=None, scope_threshold=None)

    def _here(self, dtype: str) -> list[Verdict]:
        guard = self._guard(dtype)
        verdicts = list(guard.assess_many(scenes(0, self._images), "default", explain=True))
        self.verdicts[f"local, {dtype}"] = verdicts
        self._time_here(dtype)
        return verdicts

    def _time_here(self, dtype: str) -> None:
        if not self._count:
            return
        guard = self._guard(dtype)
        guard_seconds(guard, scenes(self._take(32), 32), explain=False)
        for explain in (False, True):
            images = scenes(self._take(self._count), self._count)
            seconds = guard_seconds(guard, images, explain)
            self._note(Timing("local", dtype, "", "", explain, seconds))
        images = scenes(self._take(self._count), self._count)
        self._note(Timing("local", dtype, "", "", False, engine_seconds(guard, images, False, True), True))

    def _over_http(self, dtype: str, cores: str, ours: list[Verdict] | None) -> None:
        command = f"{self._exported.serve} --dtype {dtype}"
        with served(command, self._place / "server.log", **CORES[cores]) as address:
            self._ask(address, dtype, cores, ours)

    def _ask(self, address: str, dtype: str, cores: str, ours: list[Verdict] | None) -> None:
        def connected(concurrency: int) -> eyeward.Guard:
            settings = RemoteSettings.parse(f"{address}#{self._model}").model_copy(update={"concurrency": concurrency})
            return load_subject(self._exported.folder, settings).guard

        guard = connected(32)
        list(guard.assess_many(scenes(self._take(32), 32), "default"))
        if ours is not None:
            theirs = list(guard.assess_many(scenes(0, self._images), "default", explain=True))
            self.agreements.append(compare("vLLM over HTTP", dtype, ours, theirs))
            self.verdicts[f"vLLM over HTTP, {dtype}"] = theirs
        _close(guard)
        if self._count:
            self._best(
                CONCURRENCY,
                lambda concurrency, explain: self._timed(connected(concurrency), concurrency, dtype, cores, explain),
            )

    def _timed(self, guard: eyeward.Guard, concurrency: int, dtype: str, cores: str, explain: bool) -> float:
        seconds = engine_seconds(guard, scenes(self._take(self._count), self._count), explain)
        _close(guard)
        self._note(Timing("vLLM over HTTP", dtype, cores, f"{concurrency} under way", explain, seconds))
        return seconds

    def _best(self, ways: Sequence[int], timed: Callable[[int, bool], float]) -> None:
        """Time each way once, the best of them some more times, and that with rationales."""
        best = min(ways, key=lambda way: timed(way, False))
        for _ in range(ROUNDS - 1):
            timed(best, False)
        timed(best, True)

    def _in_process(self, dtype: str, cores: str, ours: list[Verdict] | None) -> None:
        output = self._place / "inside.json"
        command = [
            *(str(vllm_environment() / "bin" / "python"), "-m", "benchmarks.vllm_agreement.inside"),
            *(str(self._exported.folder), str(output), "--dtype", dtype, "--count", str(self._count)),
            *("--compared", str(self._images if ours is not None else 0)),
            *("--first-fresh", str(self._take(self._count * (len(BATCHES) + 2 * ROUNDS) + 32))),
            *("--rounds", str(ROUNDS), "--batches", *map(str, BATCHES)),
        ]
        paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**variables(vllm_environment()), **CORES[cores], "PYTHONPATH": paths},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"vLLM failed in process:\n{done.stderr[-4000:]}")
        said = json.loads(output.read_text(encoding="utf-8"))
        for batch, explain, alone, seconds in said["timings"]:
            self._note(Timing("vLLM in process", dtype, cores, f"batches of {batch}", explain, seconds, alone))
        if ours is not None:
            theirs = [Verdict.model_validate(verdict) for verdict in said["verdicts"]]
            self.agreements.append(compare("vLLM in process", dtype, ours, theirs))
            self.verdicts[f"vLLM in process, {dtype}"] = theirs

    def _note(self, timing: Timing) -> None:
        self.timings.append(timing)
        print(timing.line(), file=sys.stderr, flush=True)

    def _median(self, kind: str, explain: bool, alone: bool = False) -> tuple[float, str]:
        """Return the best median of a kind's ways, in seconds an image, and which way that is."""
        ways: dict[str, list[float]] = {}
        for timing in self.timings:
            if timing.where.startswith(kind) and (timing.explain, timing.alone) == (explain, alone):
                ways.setdefault(timing.way, []).append(timing.seconds)
        # What was timed once was not the best of its server, so the best by median was timed more often.
        often = max(map(len, ways.values()))
        medians = {way: statistics.median(times) for way, times in ways.items() if len(times) == often}
        best = min(medians, key=medians.__getitem__)
        return medians[best], best

    def report(self) -> None:
        """Print the tables."""
        print(f"{self._images} test scenes, local engine against vLLM on the same weights:\n")
        print("\n".join(Agreement.table(self.agreements)))
        print(f"\nLargest difference of p between any two of them (the mean one, how many beyond {TOLERANCE:g}):\n")
        print("\n".join(differences(self.verdicts)))
        for explain, alone, what in KINDS if self._count else ():
            local, here = self._median("local", explain, alone)
            theirs, there = self._median("vLLM", explain, alone)
            bar = f" (bar {BAR:g})" if what == "score only" else ""
            print(f"\n{what}: vLLM's best / local = {theirs / local:.2f}{bar}")
            print(f"  local: {1000 * local:.2f} ms an image ({here})")
            print(f"  vLLM:  {1000 * theirs:.2f} ms an image ({there})")
            if theirs < local:
                print("  vLLM wins here.")

    def result(self) -> dict[str, object]:
        """Return everything as data."""
        ratios = {
            what: self._median("vLLM", explain, alone)[0] / self._median("local", explain, alone)[0]
            for explain, alone, what in (KINDS if self._count else ())
        }
        return {
            "model": self._model,
            "machine": platform.machine(),
            "processors": os.cpu_count(),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "ratios": ratios,
            "agreement": [asdict(agreement) for agreement in self.agreements],
            "timings": [asdict(timing) for timing in self.timings],
        }


def _close(guard: eyeward.Guard) -> None:
    if isinstance(guard.engine, RemoteEngine):
        guard.engine.close()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
