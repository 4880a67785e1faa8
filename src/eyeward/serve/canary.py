"""Probe images with known answers: is the engine there, and does it judge right?"""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from eyeward.errors import CheckpointError
from eyeward.guard import Guard, Request
from eyeward.guard.loading import rule_of
from eyeward.guard.self_check import Subject
from eyeward.guard.self_check.answers import policy_of
from eyeward.policy import Policy
from eyeward.serve.queue import Judge
from eyeward.verdict import Rating


@dataclass(frozen=True)
class KnownAnswer:
    """An image, and what is to be said about it."""

    name: str
    image: bytes
    policy: Policy
    p_unsafe_raw: float | None = None
    """None: that it can be judged is all that is known."""
    tolerance: float = 0.05
    rating: Rating | None = None
    """None: any."""

    def problem(self, judge: Judge) -> str | None:
        """Ask, and say what is wrong with the answer."""
        answers = list(judge.score_requests([Request(self.image, self.policy, key=self.name)]))
        if len(answers) != 1:
            return f"The guard gave {len(answers)} answers to the probe image {self.name}."
        verdict = answers[0].verdict
        if verdict.error is not None or verdict.p_unsafe_raw is None:
            said = verdict.error.message if verdict.error else "there is no probability."
            return f"The probe image {self.name} cannot be judged: {said}"
        if self.p_unsafe_raw is not None and abs(verdict.p_unsafe_raw - self.p_unsafe_raw) > self.tolerance:
            return (
                f"The probe image {self.name} has p_unsafe_raw {verdict.p_unsafe_raw:.3f}; when the guard was made it "
                f"had {self.p_unsafe_raw:.3f}."
            )
        if self.rating is not None and verdict.rating is not self.rating:
            return f"The probe image {self.name} is {verdict.rating}; when the guard was made it was {self.rating}."
        return None


class Canary:
    """Asks one known answer after another, one a call."""

    def __init__(self, judge: Judge, answers: Sequence[KnownAnswer]) -> None:
        """Take the guard and at least one answer."""
        if not answers:
            raise CheckpointError("A guard is served with at least one probe image; there is none.")
        self._judge = judge
        self._answers = tuple(answers)
        self._next = 0
        self._asking = threading.Lock()

    @property
    def knows_answers(self) -> bool:
        """Whether more is known than that an image can be judged."""
        return any(answer.p_unsafe_raw is not None for answer in self._answers)

    def __call__(self) -> str | None:
        """Ask the next one and say what is wrong, or None."""
        with self._asking:  # a guard is asked by one thread at a time
            answer = self._answers[self._next % len(self._answers)]
            self._next += 1
            return answer.problem(self._judge)


def known_answers(subject: Subject, guard: Guard) -> tuple[KnownAnswer, ...]:
    """Return the probe images of a checkpoint; a grey image, which need only be judged, where it has none.

    `guard` is what is served: with another threshold its ratings may differ from those that were stored.
    """
    card = subject.card
    if not card.probes or subject.folder is None or subject.capped:
        return (KnownAnswer("grey.png", _grey(), Policy.load("default")),)
    as_made = guard.rule == rule_of(card)
    return tuple(
        KnownAnswer(
            name=Path(probe.image).name,
            image=(subject.folder / probe.image).read_bytes(),
            policy=policy_of(probe),
            p_unsafe_raw=probe.p_unsafe_raw,
            tolerance=card.probe_tolerance,
            rating=probe.rating if as_made else None,
        )
        for probe in card.probes
    )


def _grey() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), (128, 128, 128)).save(file, "PNG")
    return file.getvalue()
