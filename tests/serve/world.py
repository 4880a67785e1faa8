"""A service around a guard that calls bright pictures unsafe, with an engine that can be broken, slowed and mended."""

from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from PIL import Image
from starlette.testclient import TestClient

from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.errors import ErrorType
from eyeward.guard import Guard
from eyeward.guard.card import EyewardCard, Vocabulary
from eyeward.guard.llavaguard import LlavaGuardProfile
from eyeward.images.fetch import Fetcher
from eyeward.images.known import KnownHashes
from eyeward.policy import Policy
from eyeward.serve.app import make_app
from eyeward.serve.canary import KnownAnswer
from eyeward.serve.counters import Counters
from eyeward.serve.keys import Keys
from eyeward.serve.policies import PolicyBook
from eyeward.serve.queue import QueueLimits
from eyeward.serve.service import Service
from eyeward.serve.settings import ServeSettings
from eyeward.verdict import Failure, ModelRef, Rating
from tests.fakes import CAPABILITIES, brightness, model_text, raw_answer, rule

DEFAULT = Policy.load("default")
BRIGHT, GREY, DARK = 250, 128, 5
LOCAL = "http://127.0.0.1"
SHIPPED = PolicyBook()
"""Nothing can be kept there, so that all services may have the same one."""


def png(level: int, side: int = 8) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side, side), (level, level, level)).save(file, "PNG")
    return file.getvalue()


def bmp(level: int, side: int) -> bytes:
    """Return a picture of 3 x side x side bytes and a few."""
    file = io.BytesIO()
    Image.new("RGB", (side, side), (level, level, level)).save(file, "BMP")
    return file.getvalue()


def coded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def data_url(data: bytes) -> str:
    return f"data:image/png;base64,{coded(data)}"


@dataclass
class Engine:
    """Judges by brightness, unless it is told otherwise."""

    capabilities = CAPABILITIES
    trouble: str = ""
    """`crash`, `unavailable`, `deadline`, `unparsable`, `wrong`, `few`: what goes wrong with every prompt.

    `patchy unavailable` and `patchy deadline` spare the probe images.
    """
    seconds: float = 0.0
    hold: threading.Event | None = None
    """What every batch waits for."""
    batches: list[int] = field(default_factory=list)

    def judge(self, prompts: Sequence[Prompt]) -> Iterator[RawAnswer]:
        self.batches.append(len(prompts))
        if self.hold is not None:
            assert self.hold.wait(60.0)
        time.sleep(self.seconds)
        if self.trouble == "crash":
            raise RuntimeError("the device is gone")
        for prompt in prompts[1:] if self.trouble == "few" else prompts:
            yield self._answer(prompt)

    def _answer(self, prompt: Prompt) -> RawAnswer:
        failures = {
            "unavailable": ErrorType.engine_unavailable,
            "deadline": ErrorType.deadline,
            "unparsable": ErrorType.unparsable_answer,
        }
        kind = failures.get(self.trouble.removeprefix("patchy "))
        is_probe = round(255 * brightness(prompt)) in (BRIGHT, DARK)
        if kind is not None and not (is_probe and self.trouble.startswith("patchy")):
            return RawAnswer(error=Failure(type=kind, message="Trouble."))
        labels = prompt.form.label_slots[1].labels
        weapons = next((label for label in labels if label.startswith("O6")), labels[0])
        weights = {labels[0]: 1.0, weapons: 3.0}
        p_unsafe = brightness(prompt)
        return raw_answer(prompt, 1.0 - p_unsafe if self.trouble == "wrong" else p_unsafe, weights)


def guard(engine: Engine, band: tuple[float, float] | None = (0.45, 0.55), unknown: Sequence[str] = ()) -> Guard:
    card = EyewardCard(name="fake", vocabulary=Vocabulary.met_in_training)
    return Guard(
        engine=engine,
        profile=LlavaGuardProfile(card, model_text(unknown)),
        model=ModelRef(name="fake", revision="1", engine="fake"),
        rule=rule(band=band),
    )


PROBES = (
    KnownAnswer("bright.png", png(BRIGHT), DEFAULT, BRIGHT / 255, rating=Rating.Unsafe),
    KnownAnswer("dark.png", png(DARK), DEFAULT, DARK / 255, rating=Rating.Safe),
)


def service(
    engine: Engine | None = None,
    *,
    settings: ServeSettings | None = None,
    keys: Keys | None = None,
    book: PolicyBook | None = None,
    known: KnownHashes | None = None,
    unknown: Sequence[str] = (),
    counters: Counters | None = None,
    fetcher: Fetcher | None = None,
) -> Service:
    quick = ServeSettings(deadline=60.0, queue=QueueLimits(retry_seconds=0.05, probe_seconds=60.0))
    return Service(
        guard(engine or Engine(), unknown=unknown),
        PROBES,
        settings=settings or quick,
        keys=keys,
        book=book or SHIPPED,
        known=known,
        counters=counters,
        fetcher=fetcher,
    )


@contextmanager
def serving(of: Service, key: str | None = None) -> Iterator[TestClient]:
    """Serve in this process, from when the engine was probed."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    with TestClient(make_app(of), base_url=LOCAL, headers=headers, raise_server_exceptions=False) as client:
        patiently(lambda: of.queue.problem != "The engine was not tried yet.")
        yield client


def patiently(happens: Any, seconds: float = 60.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def assess(client: TestClient, *levels: int, **more: Any) -> Any:
    """Ask about pictures of these levels."""
    return client.post("/v1/assess", json={"images": [{"base64": coded(png(level))} for level in levels], **more})
