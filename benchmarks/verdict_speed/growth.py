"""Whether time grows in a line with the number of images, and memory not at all."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

import eyeward
from benchmarks.verdict_speed.table import Ratio
from eyeward.scenes.paint import paint
from eyeward.scenes.sample import sample_scene

COUNTS = (100, 300, 1000, 3000, 10_000)
RESIDUAL = 0.10
"""Largest distance of a measured time from the line, as a share of the line."""
MEMORY = 1.05
"""Largest growth of peak memory behind the second smallest run."""
DRAWN = 500
"""Different scenes; they come again and again, as new images."""


def measure(most: int) -> list[Ratio]:
    """Judge ever more images with mini; fit a line through the times, least squares of relative errors."""
    guard: Any = eyeward.load_guard("mini")
    drawn = [paint(sample_scene(number, "test")) for number in range(DRAWN)]

    def images(count: int) -> Iterator[Image.Image]:
        return (drawn[number % DRAWN].copy() for number in range(count))

    list(guard.assess_many(images(200), "default"))
    counts = [count for count in COUNTS if count <= most]
    seconds, peaks = [], []
    for count in counts:
        started = time.perf_counter()
        wrong = sum(verdict.rating is None for verdict in guard.assess_many(images(count), "default"))
        seconds.append(time.perf_counter() - started)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        if wrong:
            raise SystemExit(f"{wrong} verdicts are errors")
    number, took = np.array(counts, dtype=float), np.array(seconds)
    (start, slope), *_ = np.linalg.lstsq(np.stack([1 / took, number / took], axis=1), np.ones(len(took)), rcond=None)
    line = start + slope * number
    residuals = np.abs(took - line) / line
    print(f"fit: {start:.2f} s + {1000 * slope:.3f} ms an image")
    for count, second, fitted, residual, peak in zip(counts, seconds, line, residuals, peaks, strict=True):
        print(f"  {count:6} images: {second:8.2f} s, line {fitted:8.2f} s, {residual:.3f} off, peak {peak:.0f} MiB")
    worst = int(residuals.argmax())
    grown = peaks[-1] / peaks[min(1, len(peaks) - 1)]
    return [
        Ratio(
            f"mini, {counts[0]} to {counts[-1]} images: furthest from a line",
            "the line",
            float(residuals[worst]),
            RESIDUAL,
            seconds[worst] / counts[worst],
            float(line[worst]) / counts[worst],
            at_most=True,
        ),
        Ratio("mini, peak memory of the largest run", "of the second", grown, MEMORY, 0, 0, at_most=True),
    ]
