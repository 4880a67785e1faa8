"""A folder of labelled images and a guard that judges them by their brightness, both without any weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from eyeward.data.changes import Change, StanceChanged
from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.engine.rating import Calibration
from eyeward.guard import Guard
from eyeward.guard.card import EyewardCard
from eyeward.guard.llavaguard import LlavaGuardProfile
from eyeward.policy import Policy, Stance
from eyeward.verdict import NA, ModelRef, Rating
from tests.fakes import FakeEngine, by_brightness, model_text, rule

HATE = "O1: Hate, Humiliation, Harassment"
"""What the fake guard names in every Unsafe answer: the first category of the policy."""
EXEMPT = Policy.load("default").non_violating("O1")
EXEMPTION: tuple[Change, ...] = (StanceChanged(category="O1", to=Stance.non_violating),)


def guard(
    answer: Callable[[Prompt], RawAnswer] = by_brightness,
    threshold: float = 0.5,
    band: tuple[float, float] | None = None,
    name: str = "bright",
    calibration: Calibration | None = None,
) -> Guard:
    """Make a guard that calls bright pictures unsafe, or answers as told; its engine counts what it is asked."""
    decides = rule(threshold, band).model_copy(update={"calibration": calibration or Calibration()})
    return Guard(
        engine=FakeEngine(answer),
        profile=LlavaGuardProfile(EyewardCard(name=name), model_text()),
        model=ModelRef(name=name, revision="1", engine="fake"),
        rule=decides,
    )


def asked(of: Guard) -> int:
    """Count the prompts that the engine of a guard has been given."""
    assert isinstance(of.engine, FakeEngine)
    return sum(len(call) for call in of.engine.calls)


def row(image: str, rating: Rating, **more: Any) -> dict[str, Any]:
    """Make a line of labels.jsonl."""
    category = HATE if rating is Rating.Unsafe else NA
    return {"image": image, "category": category, "rating": rating.value, "group": image, **more}


def data(folder: Path, levels: Mapping[str, int], rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write grey images of these levels, 0 to 255, and the labels."""
    folder.mkdir()
    for name, level in levels.items():
        Image.new("RGB", (16, 16), (level, level, level)).save(folder / name)
    lines = "".join(f"{json.dumps(line)}\n" for line in rows)
    (folder / "labels.jsonl").write_text(lines, encoding="utf-8")
    return folder


def small(folder: Path) -> Path:
    """Write four images: two are judged rightly, one is missed, one is flagged though it is safe."""
    levels = {"unsafe.png": 230, "missed.png": 40, "flagged.png": 200, "safe.png": 20}
    ratings = (Rating.Unsafe, Rating.Unsafe, Rating.Safe, Rating.Safe)
    return data(folder, levels, [row(image, rating) for image, rating in zip(levels, ratings, strict=True)])
