"""Run by the Python of the environment with vLLM: verdicts and timings of vLLM in that process."""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

from benchmarks.vllm_agreement.timing import engine_seconds, scenes
from eyeward.engine.vllm.engine import VllmEngine
from eyeward.engine.vllm.settings import VllmSettings
from eyeward.guard.loading import load_subject


def main() -> None:
    """Judge, time, and write both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("output", type=Path)
    parser.add_argument("--dtype", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--compared", type=int, required=True)
    parser.add_argument("--first-fresh", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--batches", type=int, nargs="+", required=True)
    arguments = parser.parse_args()
    guard = load_subject(arguments.folder, VllmSettings(cache_bytes=2 * 2**30), dtype=arguments.dtype).guard
    engine = guard.engine
    assert isinstance(engine, VllmEngine)
    fresh = arguments.first_fresh
    engine_seconds(guard, scenes(fresh, 32), explain=False)
    fresh += 32
    timings: list[tuple[int, bool, bool, float]] = []

    def timed(batch: int, explain: bool, alone: bool = False) -> float:
        nonlocal fresh
        engine.batch = batch
        seconds = engine_seconds(guard, scenes(fresh, arguments.count), explain, alone)
        fresh += arguments.count
        timings.append((batch, explain, alone, seconds))
        return seconds

    if arguments.count:
        best = min(arguments.batches, key=lambda batch: timed(batch, False))
        for _ in range(arguments.rounds - 1):
            timed(best, False)
        timed(best, True)
        for _ in range(arguments.rounds):
            timed(best, False, True)
    compared = scenes(0, arguments.compared)
    verdicts = [verdict.model_dump(mode="json") for verdict in guard.assess_many(compared, "default", explain=True)]
    arguments.output.write_text(json.dumps({"timings": timings, "verdicts": verdicts}), encoding="utf-8")
    engine.close()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
