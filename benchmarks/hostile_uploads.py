"""Hostile uploads over HTTP: bombs, cut and damaged files, two formats at once. Does anything crash, pass, or grow?

Usage: python -m benchmarks.hostile_uploads [--count 10000] [--json PATH]

Each answer is compared with what decoding the same bytes gives; service, client and decoder are one process.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections import Counter
from pathlib import Path

import httpx2

from eyeward.images import decode
from eyeward.verdict import Failure
from tests.serve.hostile import hostile_files
from tests.serve.listening import listening
from tests.serve.world import Engine, service

TOGETHER = 8


def resident_bytes() -> int:
    """Return the memory that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def main() -> None:
    """Send them all, and print what came back."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # Pillow says much about such files
    files = list(hostile_files(arguments.count))
    statuses: Counter[int] = Counter()
    kinds: Counter[str] = Counter()
    wrong = 0
    memory = []
    with listening(service(Engine())) as address, httpx2.Client(base_url=address, timeout=60.0) as client:
        for start in range(0, len(files), TOGETHER):
            part = files[start : start + TOGETHER]
            answer = client.post("/v1/assess", files=[("image", ("a", data)) for data in part])
            statuses[answer.status_code] += 1
            for data, verdict in zip(part, answer.json().get("verdicts", ()), strict=answer.status_code == 200):
                kinds[verdict["error"]["type"] if verdict["error"] else verdict["rating"]] += 1
                wrong += (verdict["rating"] == "Safe") and isinstance(decode(data), Failure)
            memory.append(resident_bytes())
        sound = client.get("/ready").status_code == 200
    by_fifth = [max(memory[place * len(memory) // 5 : (place + 1) * len(memory) // 5]) >> 20 for place in range(5)]
    found = {
        "files": len(files),
        "statuses": dict(statuses),
        "verdicts": dict(kinds.most_common()),
        "safe_without_decoding": wrong,
        "ready_afterwards": sound,
        "memory_mb_by_fifth": by_fifth,
    }
    for key, value in found.items():
        print(f"{key:<24}{value}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
