"""The service that is asked, in a process of its own: around an engine that sleeps, or around mini."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from eyeward.engine.protocol import AnswerForm, Capabilities, Prompt, RawAnswer
from eyeward.guard import EyewardCard, Guard, Request
from eyeward.guard.llavaguard import LlavaGuardProfile
from eyeward.guard.loading import load_subject
from eyeward.policy import Policy
from eyeward.serve.app import make_app
from eyeward.serve.canary import KnownAnswer, known_answers
from eyeward.serve.engine_thread import EngineThread
from eyeward.serve.logs import write_to
from eyeward.serve.queue import QueueLimits
from eyeward.serve.run import ServeOptions, answer_quickly, bound_socket, server_of
from eyeward.serve.service import Service
from eyeward.serve.settings import ServeSettings
from eyeward.verdict import ModelRef
from tests.fakes import model_text, raw_answer, rule

BATCH_SECONDS, IMAGE_SECONDS, TOGETHER = 0.020, 0.002, 32
DEFAULT = Policy.load("default")
EXAMPLES = Path(__file__).parents[2] / "examples" / "images"
DEADLINE = 5.0


class SleepingEngine:
    """Takes its time and looks at nothing."""

    capabilities = Capabilities(True, True, True, 1, 100_000, prompts_at_once=TOGETHER)

    def __init__(self) -> None:
        """Have said nothing yet."""
        self._said: tuple[AnswerForm, RawAnswer] | None = None

    def judge(self, prompts: Sequence[Prompt]) -> Iterator[RawAnswer]:
        """Sleep, then say the same of all: what is made once costs the service nothing that an engine would not."""
        time.sleep(BATCH_SECONDS + IMAGE_SECONDS * len(prompts))
        return (self._answer(prompt) for prompt in prompts)

    def _answer(self, prompt: Prompt) -> RawAnswer:
        if self._said is None or self._said[0] is not prompt.form:
            self._said = (prompt.form, raw_answer(prompt, 0.02))
        return self._said[1]


def small_image() -> bytes:
    """Return a PNG of 64 x 64 pixels."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64), (5, 80, 5)).save(file, "PNG")
    return file.getvalue()


def images_of(what: str) -> list[bytes]:
    """Return what is sent."""
    return [small_image()] if what == "sleeping" else [f.read_bytes() for f in sorted(EXAMPLES.glob("*.png"))]


def service_of(what: str) -> Service:
    """Make the service."""
    thread = EngineThread()
    if what == "sleeping":
        guard = Guard(
            SleepingEngine(),
            LlavaGuardProfile(EyewardCard(name="sleeping"), model_text()),
            ModelRef(name="sleeping", engine="none"),
            rule(),
        )
        answers: Sequence[KnownAnswer] = (KnownAnswer("small.png", small_image(), DEFAULT, 0.02),)
    else:
        subject = thread.do(lambda: load_subject(what, device="cpu"))
        guard, answers = subject.guard, known_answers(subject, subject.guard)
    together = guard.engine.capabilities.prompts_at_once
    limits = QueueLimits(waiting=8 * together, together=together)
    return Service(guard, answers, settings=ServeSettings(deadline=DEADLINE, queue=limits), thread=thread)


def serve(what: str, port: int) -> None:
    """Serve as `eyeward serve` does until told to stop; the log is written, and goes nowhere."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        write_to(nowhere)
        server = server_of(make_app(service_of(what)), DEADLINE)
        answer_quickly()
        server.run([bound_socket(ServeOptions(port=port))])


def alone(what: str) -> None:
    """Judge the image whose number is read from standard input, and print the seconds, until there is no more."""
    guard = load_subject(what, device="cpu").guard
    images = images_of(what)
    for line in sys.stdin:
        began = time.perf_counter()
        guard.assess(images[int(line) % len(images)], DEFAULT)
        print(time.perf_counter() - began, flush=True)


def bare(what: str, seconds: float) -> None:
    """Print how many images a second the guard judges by itself, in batches."""
    guard = load_subject(what, device="cpu").guard
    images = images_of(what)
    together = guard.engine.capabilities.prompts_at_once
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        batch = [Request(images[number % len(images)], DEFAULT) for number in range(done, done + together)]
        done += len(list(guard.score_requests(batch)))
    print(json.dumps({"images_per_second": done / (time.perf_counter() - began)}))
