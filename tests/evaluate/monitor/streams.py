"""Streams of windows, drawn from known shares: quiet ones, and ones in which something changes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from eyeward.evaluate.monitor.window import BINS, Label, Window, score_bin
from eyeward.verdict import ModelRef, Rating

MODEL = ModelRef(name="mini", revision="1", engine="local")
POLICY = "ab" * 32
SHARES = {"NA": 0.70, "O2": 0.10, "O4": 0.05, "O6": 0.12, "O9": 0.03}


def window(
    name: str,
    counts: Mapping[str, int],
    agreed: tuple[int, int, int, int] = (0, 0, 0, 0),
    model: ModelRef = MODEL,
    policy: str = POLICY,
    canaries: Mapping[str, str] | None = None,
) -> Window:
    """Make a window from counts by category; half of what is not `NA` is Unsafe. `agreed` is caught, missed, passed,
    flagged of images with labels."""
    images = sum(counts.values())
    unsafe = sum((count + 1) // 2 for category, count in counts.items() if category != "NA")
    scores = [0] * BINS
    scores[score_bin(0.9)], scores[score_bin(0.1)] = unsafe, images - unsafe
    kinds = (("Unsafe", "Unsafe"), ("Unsafe", "Safe"), ("Safe", "Safe"), ("Safe", "Unsafe"))
    return Window(
        name=name,
        policy=policy,
        model=model,
        images=images,
        ratings={"Safe": images - unsafe, "Unsafe": unsafe},
        categories=dict(counts),
        scores=tuple(scores),
        labels=tuple(
            Label(truth=Rating(truth), said=said)
            for (truth, said), times in zip(kinds, agreed, strict=True)
            for _ in range(times)
        ),
        canaries=dict(canaries or {}),
    )


def drawn(
    name: str,
    random: np.random.Generator,
    images: int = 1000,
    shares: Mapping[str, float] = SHARES,
    recall: float = 0.95,
    labels: int = 0,
) -> Window:
    """Draw a window; of `labels` images, half unsafe, the guard is right about so many."""
    whole = sum(shares.values())
    counts = random.multinomial(images, [share / whole for share in shares.values()])
    right = (int(random.binomial(labels // 2, recall)), int(random.binomial(labels // 2, 0.97)))
    agreed = (right[0], labels // 2 - right[0], right[1], labels // 2 - right[1])
    return window(name, dict(zip(shares, map(int, counts), strict=True)), agreed)
