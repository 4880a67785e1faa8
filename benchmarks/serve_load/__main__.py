"""The service under load. Everything on this machine, over HTTP on the loopback; the client's share is reported.

Usage: python -m benchmarks.serve_load [--parts sleeping mini single] [--seconds 300] [--json PATH]

sleeping: an engine that takes 20 ms and 2 ms an image, asked for twice what it can do. mini: the guard that ships, with
as many callers as keep it busy, beside the same batches without a service. single: one request at a time, in turns
with the guard by itself in another process.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.serve_load import server
from benchmarks.serve_load.client import Load, as_json, closed_loop, in_turns, is_ready, open_loop, request_bytes

PORT = 18_765
PAGE = 4096
PARTS = ("sleeping", "mini", "single")
CAPACITY = server.TOGETHER / (server.BATCH_SECONDS + server.IMAGE_SECONDS * server.TOGETHER)
"""Images a second that the sleeping engine can do."""


@contextmanager
def serving(what: str) -> Iterator[int]:
    """Have a service in a process of its own, and give its id."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.serve_load", "--serve", what])
    try:
        end = time.monotonic() + 120.0
        while not asyncio.run(is_ready(PORT)):
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit("The service did not start.")
            time.sleep(0.2)
        yield process.pid
    finally:
        process.terminate()
        process.wait(60.0)


class Watched:
    """Looks at a process every second: its memory; and in the end at the processor time of both sides."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.memory: list[int] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watched:
        """Begin."""
        self._began = (time.monotonic(), _own_seconds(), _seconds_of(self._pid))
        self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        """End."""
        self._ended.set()
        self._thread.join()
        wall, own, other = self._began
        self.seconds = time.monotonic() - wall
        self.client_cores = (_own_seconds() - own) / self.seconds
        self.server_cores = (_seconds_of(self._pid) - other) / self.seconds

    def growth(self) -> float:
        """Return by how much the memory grew from the first fifth (one minute of five) to the end."""
        first = self.memory[max(0, len(self.memory) // 5 - 1)]
        return self.memory[-1] / first - 1.0

    def _watch(self) -> None:
        while not self._ended.wait(1.0):
            self.memory.append(int(Path(f"/proc/{self._pid}/statm").read_text().split()[1]) * PAGE)


def _own_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _seconds_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _figures(load: Load, watched: Watched) -> dict[str, Any]:
    return {
        **as_json(load),
        "client_cores": round(watched.client_cores, 2),
        "server_cores": round(watched.server_cores, 2),
        "memory_growth": round(watched.growth(), 4) if watched.memory else None,
        "memory_mb": round(watched.memory[-1] / 2**20) if watched.memory else None,
    }


def sleeping(seconds: float) -> dict[str, Any]:
    """Ask a sleeping engine for twice what it can do."""
    requests = [request_bytes(image) for image in server.images_of("sleeping")]
    with serving("sleeping") as pid, Watched(pid) as watched:
        load = asyncio.run(open_loop(PORT, requests, 2 * CAPACITY, seconds, connections=700))
    found = _figures(load, watched)
    accepted = load.count(200) + load.count(504)
    other = [status for status in load.statuses() if status not in (200, 429, 504)]
    found["bars"] = {
        "throughput >= 0.9 of the engine's": [load.count(200) / load.seconds / CAPACITY, 0.9],
        "429 p99 < 50 ms": [1000 * load.quantile(0.99, 429), 50.0],
        "504 <= 1 % of what was taken in": [load.count(504) / max(1, accepted), 0.01],
        "slowest accepted within the deadline, s": [load.quantile(1.0, 200), server.DEADLINE],
        "no other 5xx, nothing unanswered": [len(other), 0],
        "memory growth < 5 %": [found["memory_growth"], 0.05],
    }
    return found


def mini(seconds: float) -> dict[str, Any]:
    """Ask mini for all it can do."""
    alone = _bare(min(seconds, 60.0))
    requests = [request_bytes(image) for image in server.images_of("mini")]
    with serving("mini") as pid, Watched(pid) as watched:
        load = asyncio.run(closed_loop(PORT, requests, min(seconds, 60.0), connections=96))
    found = _figures(load, watched)
    ratio = load.count(200) / load.seconds / alone["images_per_second"]
    found["bare_images_per_second"] = round(alone["images_per_second"], 1)
    found["bars"] = {"throughput >= 0.5 of bare batches": [ratio, 0.5]}
    return found


def single(seconds: float) -> dict[str, Any]:
    """Ask mini one image at a time, in turns: by itself, and through the service."""
    requests = [request_bytes(image) for image in server.images_of("mini")]
    with serving("mini") as pid, alone() as judge, Watched(pid) as watched:
        load, added = asyncio.run(in_turns(PORT, requests, judge, min(seconds, 60.0)))
    found = _figures(load, watched)
    found["added_p10_p90_ms"] = [round(1000 * sorted(added)[int(share * len(added))], 2) for share in (0.1, 0.9)]
    found["bars"] = {"added <= 3 ms (median)": [1000 * median(added), 3.0]}
    return found


@contextmanager
def alone() -> Iterator[Callable[[int], float]]:
    """Have the guard in a process of its own; what is given asks it about an image, and returns the seconds."""
    command = [sys.executable, "-m", "benchmarks.serve_load", "--alone", "mini"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        asked, said = process.stdin, process.stdout

        def judge(number: int) -> float:
            print(number, file=asked, flush=True)
            return float(said.readline())

        yield judge
        asked.close()


def _bare(seconds: float) -> dict[str, float]:
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.serve_load", "--bare", "mini", "--seconds", str(seconds)],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--bare", help=argparse.SUPPRESS)
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        server.serve(arguments.serve, PORT)
        return
    if arguments.bare:
        server.bare(arguments.bare, arguments.seconds)
        return
    if arguments.alone:
        server.alone(arguments.alone)
        return
    gc.disable()  # here, in the client: it would stop the clock of all that is on its way
    parts = {"sleeping": sleeping, "mini": mini, "single": single}
    found, missed = {}, 0
    for part in arguments.parts:
        found[part] = parts[part](arguments.seconds)
        missed += _print(part, found[part])
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if missed:
        raise SystemExit(f"{missed} bars were missed.")


def _print(part: str, figures: dict[str, Any]) -> int:
    """Print the figures of a part; return how many bars were missed."""
    print(f"\n{part}")
    for key, value in figures.items():
        if key != "bars":
            print(f"  {key:<24}{value}")
    missed = 0
    for bar, (value, limit) in figures["bars"].items():
        held = value >= limit if ">=" in bar else value <= limit  # what is no number was not shown
        missed += not held
        print(f"  {bar:<44}{value:.4g} (bar {limit:g}){'' if held else ' MISSED'}", flush=True)
    return missed


if __name__ == "__main__":
    main()
