"""A folder of JPEGs: whether decoding hides behind the model, and whether a slow model ever waits for images."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import eyeward
from benchmarks.verdict_speed.large import Setting
from benchmarks.verdict_speed.table import ROUNDS, Ratio
from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.images import DecodedImage, decode
from eyeward.policy import Policy
from eyeward.scenes.paint import paint
from eyeward.scenes.sample import sample_scene

SIDE = 640
"""Of the JPEGs, in pixels."""
BAR = 1.10
LONGEST_WAIT = 0.02
"""Share of the time that a slow model may be without images; the first batch has to be waited for."""


def write_folder(folder: Path, count: int) -> list[Path]:
    """Write scenes as JPEGs."""
    files = [folder / f"{number:05}.jpg" for number in range(count)]
    for number, file in enumerate(files):
        paint(sample_scene(number, "test")).resize((SIDE, SIDE)).save(file, quality=90)
    return files


class Watched:
    """An engine that keeps the seconds in which it was asked."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.capabilities = engine.capabilities
        self.seconds = 0.0
        self.first: float | None = None

    def judge(self, prompts: Sequence[Prompt]) -> Iterator[RawAnswer]:
        """Pass on."""
        started = time.perf_counter()
        self.first = self.first or started
        answers = list(self.engine.judge(prompts))
        self.seconds += time.perf_counter() - started
        return iter(answers)


def _processor(work: Callable[[], object]) -> float:
    """Return the processor seconds of all threads."""
    started = time.process_time()
    work()
    return time.process_time() - started


def measure(count: int) -> list[Ratio]:
    """Compare mini over a folder with half of the processor seconds of decoding and of the model, each alone."""
    guard: Any = eyeward.load_guard("mini")
    question = guard.profile.question(Policy.load("default"))
    with tempfile.TemporaryDirectory() as place:
        files = write_folder(Path(place), count)
        decoded = [decode(file) for file in files]
        prompts = [
            guard.profile.prompt(question, image.frames[0].pixels, False, guard.rule)
            for image in decoded
            if isinstance(image, DecodedImage)
        ]
        list(guard.assess_many(files[:64], "default"))
        decoding, model, whole = [], [], []
        for _ in range(ROUNDS):
            decoding.append(_processor(lambda: [decode(file) for file in files]))
            model.append(
                _processor(lambda: [list(guard.engine.judge(prompts[n : n + 32])) for n in range(0, count, 32)])
            )
            started = time.perf_counter()
            wrong = sum(verdict.rating is None for verdict in guard.assess_many(files, "default"))
            whole.append(time.perf_counter() - started)
            if wrong:
                raise SystemExit(f"{wrong} verdicts are errors")
    alone = (statistics.median(decoding) + statistics.median(model)) / 2
    took = statistics.median(whole)
    print(
        f"{count} JPEGs of {SIDE} px: processor seconds of decoding {statistics.median(decoding):.2f}, of the model "
        f"{statistics.median(model):.2f}; the folder took {took:.2f} s"
    )
    what = "mini, folder of JPEGs"
    return [Ratio(what, "(decoding + model) / 2", took / alone, BAR, took / count, alone / count, at_most=True)]


def measure_waits(setting: Setting, count: int) -> list[Ratio]:
    """Say what share of the time a model of a published shape is without images, the first batch aside."""
    from dataclasses import replace

    guard = setting.guard(True)
    with tempfile.TemporaryDirectory() as place:
        files = write_folder(Path(place), count)
        watched = Watched(guard.engine)
        list(replace(guard, engine=watched).assess_many(files, "default"))
        assert watched.first is not None
        whole = time.perf_counter() - watched.first
    idle = whole - watched.seconds
    what = f"{setting.shape}, without images"
    return [Ratio(what, "all of the time", idle / whole, LONGEST_WAIT, idle / count, whole / count, at_most=True)]
