"""Hostile uploads over HTTP, and large ones: does anything crash, pass, or take more memory than is allowed?

Usage: python -m benchmarks.hostile_uploads [--count 10000] [--pixels 80000000] [--json PATH]

First small files that Hypothesis draws from valid ones (cut, damaged, joined, two formats at once, headers that lie, a
bomb), eight a request. Then files that really decode to nearly what the limits allow, sound and cut short: one at a
time, and from several callers at once. The service has a process of its own, around the stand-in of the tests that
judges by brightness; every answer is compared with what decoding the same bytes here gives. `--pixels` sets the limit
of one picture, and the others with it. Ends with an error when a bar is missed.
"""

from __future__ import annotations

import argparse
import io
import json
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
from PIL import Image

from benchmarks.hostile_uploads import server
from benchmarks.hostile_uploads.large import large_files
from eyeward.images import Limits
from eyeward.verdict import Verdict
from tests.serve.hostile import MODES, hostile_files, sound_files
from tests.serve.world import DEFAULT, Engine, guard

TOGETHER = 8
"""Small files in a request."""
CALLERS = 4
"""Who send large files at the same time; more than the service has readers."""
ROUNDS = 2
COMPARED = (
    *("status", "rating", "category", "category_probabilities", "p_unsafe", "p_unsafe_raw", "uncertainty", "threshold"),
    *("sha256", "review", "frames_judged", "notes", "error", "policy", "prompt_hash"),
)
"""Keys of a verdict that follow from the bytes; the others are names and times."""
MOST_GROWTH = 64 << 20
"""Bytes that the process may hold more after the second half of the small files than after the first."""

Right = Callable[[bytes], Verdict]
"""Says what is to be answered."""


@dataclass
class Found:
    """What came back."""

    limits: Limits
    uploads: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    """By status; 0 is none."""
    kinds: Counter[str] = field(default_factory=Counter)
    """Ratings, and types of errors."""
    unlike: int = 0
    """Verdicts that are not what decoding the same bytes gives."""
    safe_and_unread: int = 0
    """Safe, and Pillow by itself cannot read the file."""
    is_ready: bool = False
    """Whether the process that was started is there afterwards and judges."""
    idle: int = 0
    """Bytes that it held when it had judged its first images."""
    peaks: dict[str, int] = field(default_factory=dict)
    """Bytes at most over idle, in each part."""
    resident: list[int] = field(default_factory=list)
    """Bytes that it held after each request with small files."""

    def take(self, part: Sequence[bytes], answer: httpx2.Response | None, right: Right) -> None:
        """Take in the answer to some files."""
        self.uploads += len(part)
        self.statuses[0 if answer is None else answer.status_code] += 1
        verdicts: list[dict[str, Any]] = answer.json().get("verdicts", []) if answer is not None else []
        for place, data in enumerate(part):
            said = verdicts[place] if place < len(verdicts) else {}
            error = said.get("error") or {}
            self.kinds[str(error.get("type") or said.get("rating") or "nothing")] += 1
            self.unlike += not is_right(said, right(data))
            self.safe_and_unread += said.get("rating") == "Safe" and not pillow_reads(data)

    def growth(self) -> int:
        """Return the bytes that the process held more after the second half of the small files than after the first."""
        half = len(self.resident) // 2
        return max(self.resident[half:], default=0) - max(self.resident[:half], default=0)

    def bars(self) -> list[tuple[str, float, float]]:
        """Return what is counted, with the most that it may be."""
        alone, together = (bound(self.limits) / 2**20 for bound in (server.bound_alone, server.bound_together))
        peaks = {name: size / 2**20 for name, size in self.peaks.items()}
        return [
            ("requests not answered with 200", self.statuses.total() - self.statuses[200], 0),
            ("service gone or not ready afterwards", int(not self.is_ready), 0),
            ("verdicts unlike what decoding gives", self.unlike, 0),
            ("Safe where Pillow cannot read the file", self.safe_and_unread, 0),
            ("MiB over idle, small files", peaks["small"], alone),
            ("MiB over idle, one large file at a time", peaks["alone"], alone),
            (f"MiB over idle, large files of {CALLERS} callers", peaks["together"], together),
            ("MiB held more after half of the small files", self.growth() / 2**20, MOST_GROWTH / 2**20),
        ]


def right_verdicts(limits: Limits) -> Right:
    """Return what decodes here, in this process, and judges as the service's stand-in does."""
    judge = replace(guard(Engine()), limits=limits)

    def right(data: bytes) -> Verdict:
        return judge.assess(data, DEFAULT)

    return cache(right)


def is_right(said: Mapping[str, Any], right: Verdict) -> bool:
    """Whether a verdict says what it has to."""
    wanted = right.model_dump(mode="json")
    return all(key in said and said[key] == wanted[key] for key in COMPARED)


@cache
def pillow_reads(data: bytes) -> bool:
    """Whether Pillow by itself, without anything of ours, reads every picture of a file to its end."""
    try:
        with Image.open(io.BytesIO(data), formats=tuple(MODES)) as picture:
            for number in range(int(getattr(picture, "n_frames", 1))):
                picture.seek(number)
                picture.load()
    except Exception:  # it raises almost anything for such files
        return False
    return True


def measure(count: int, pixels: int) -> Found:
    """Send them all."""
    limits = server.limits_of(pixels)
    found, right = Found(limits), right_verdicts(limits)
    small = hostile_files(count)
    large = dict(large_files(limits))
    cut = [data[: len(data) * 9 // 10] for data in large.values()]
    with (
        server.serving(pixels) as served,
        httpx2.Client(base_url=served.address, timeout=server.PATIENCE) as client,
        ThreadPoolExecutor(CALLERS) as callers,
    ):

        def ask(part: Sequence[bytes]) -> httpx2.Response | None:
            try:
                return client.post("/v1/assess", files=[("image", ("a", data)) for data in part])
            except httpx2.HTTPError:
                return None

        ask(sound_files()[:TOGETHER])
        found.idle = served.resident()
        served.forget_peak()
        for part in [small[start : start + TOGETHER] for start in range(0, len(small), TOGETHER)]:
            found.take(part, ask(part), right)
            found.resident.append(served.resident())
        found.peaks["small"] = served.peak() - found.idle
        served.forget_peak()
        for data in (*large.values(), *cut):
            found.take([data], ask([data]), right)
        found.peaks["alone"] = served.peak() - found.idle
        served.forget_peak()
        shares = [list(large.values())[number::CALLERS] for number in range(CALLERS)] * ROUNDS
        for part, answer in zip(shares, callers.map(ask, shares), strict=True):
            found.take(part, answer, right)
        found.peaks["together"] = served.peak() - found.idle
        found.is_ready = served.is_ready()
    return found


def report(found: Found) -> list[str]:
    """Print what was found, and return the bars that were missed."""
    print(f"{found.uploads} uploads, pictures of up to {found.limits.max_pixels:,} pixels")
    print(f"statuses   {dict(found.statuses)}")
    print(f"verdicts   {dict(found.kinds.most_common())}")
    print(f"idle       {found.idle >> 20} MiB")
    missed = []
    for name, value, most in found.bars():
        holds = value <= most
        missed += [] if holds else [name]
        print(f"{name:<46}{value:>10,.0f}  (bar {most:,.0f}){'' if holds else '  MISSED'}")
    return missed


def check_room(limits: Limits) -> None:
    """Refuse to begin where the bound itself does not fit.

    Raises:
        SystemExit: when that is so.
    """
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    free = next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    needed = server.bound_together(limits) + server.bound_alone(limits)
    if free < needed:
        raise SystemExit(
            f"The service may take up to its bound and this process decodes, too: {needed / 2**30:.1f} GiB, and "
            f"{free / 2**30:.1f} GiB are free. Give --pixels less than {limits.max_pixels}."
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Send, print, and end with an error when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--pixels", type=int, default=Limits().max_pixels)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.serve:
        server.serve(given.pixels)
        return
    check_room(server.limits_of(given.pixels))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow says much about such files
        found = measure(given.count, given.pixels)
    missed = report(found)
    if given.json is not None:
        bars = [{"bar": name, "value": value, "most": most} for name, value, most in found.bars()]
        whole = {"uploads": found.uploads, "statuses": found.statuses, "verdicts": found.kinds, "bars": bars}
        given.json.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    if missed:
        raise SystemExit(f"MISSED: {'; '.join(missed)}.")


if __name__ == "__main__":
    main()
