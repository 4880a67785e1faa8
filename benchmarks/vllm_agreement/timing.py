"""How long verdicts take, alike wherever the weights run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from PIL import Image

import eyeward
from eyeward.engine.protocol import AnswerForm, Forced
from eyeward.policy import Policy
from eyeward.scenes.paint import paint
from eyeward.scenes.sample import sample_scene


@dataclass(frozen=True)
class Timing:
    """One timing."""

    where: str
    dtype: str
    cores: str
    """What vLLM computes on."""
    how: str
    """Items under way, or prompts in a batch."""
    explain: bool
    seconds: float
    """An image."""
    alone: bool = False
    """Whether only the rating was asked for, which is one request an image."""

    @property
    def way(self) -> str:
        """Everything but the number."""
        cores = f"cores: {self.cores}" if self.cores else ""
        return ", ".join(filter(None, (self.where, self.dtype, cores, self.how)))

    def line(self) -> str:
        """Return it in words."""
        what = "with rationale" if self.explain else ("rating alone" if self.alone else "score only")
        return f"{self.way}, {what}: {1000 * self.seconds:.2f} ms an image"


def scenes(first: int, count: int) -> list[Image.Image]:
    """Draw test scenes."""
    return [paint(sample_scene(number, "test")) for number in range(first, first + count)]


def guard_seconds(guard: eyeward.Guard, images: Sequence[Image.Image], explain: bool) -> float:
    """Judge images as a user does; give the seconds an image."""
    started = time.perf_counter()
    errors = sum(verdict.error is not None for verdict in guard.assess_many(images, "default", explain=explain))
    seconds = (time.perf_counter() - started) / len(images)
    _check(errors)
    return seconds


def engine_seconds(guard: eyeward.Guard, images: Sequence[Image.Image], explain: bool, alone: bool = False) -> float:
    """Hand the engine all prompts at once, which a guard does not; give the seconds an image.

    `alone` asks for the rating and for no category.
    """
    question = guard.profile.question(Policy.load("default"))
    started = time.perf_counter()
    prompts = [guard.profile.prompt(question, image, explain, guard.rule) for image in images]
    if alone:
        form = AnswerForm((*question.form.parts[:2], Forced('"}')))
        prompts = [replace(prompt, form=form, rating_rule=None) for prompt in prompts]
    errors = sum(answer.error is not None for answer in guard.engine.judge(prompts))
    seconds = (time.perf_counter() - started) / len(images)
    _check(errors)
    return seconds


def _check(errors: int) -> None:
    if errors:
        raise SystemExit(f"{errors} verdicts are errors; no time of theirs means anything")
