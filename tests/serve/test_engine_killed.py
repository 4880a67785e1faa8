"""A guard behind a server in a process of its own, which is killed, or made to hang, while callers ask about images."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import httpx2

from eyeward.serve.queue import QueueLimits
from eyeward.serve.run import Files, ServeOptions, load_served, make_service
from eyeward.serve.service import Service
from eyeward.serve.settings import ServeSettings
from tests.serve.listening import listening
from tests.serve.world import BRIGHT, DARK, coded, patiently, png

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from tests.engine.remote.fake_server import FakeServer, Trouble
with FakeServer(port=int(sys.argv[1]), keep_requests=False, trouble=lambda image, times: Trouble.slow) as server:
    print(server.port, flush=True)
    sys.stdin.read()
"""
"""Answers each request after a moment, so that there is always one under way."""
CALLERS = 6


class EngineProcess:
    """The server with the weights; it keeps its port when it is started again."""

    def __init__(self) -> None:
        self.port = 0
        self.start()

    def start(self) -> None:
        paths = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": paths},
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def kill(self) -> None:
        """Send SIGKILL, and wait until nothing of it is left."""
        with self.process:
            self.process.kill()


@dataclass
class Answer:
    """What one request came to."""

    name: str
    level: int
    sent: float
    came: float
    response: httpx2.Response


@dataclass
class Callers:
    """Who ask about one numbered image after the other, each as soon as it was answered."""

    address: str
    sent: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask all the while; at the end every request has been waited for."""
        stop = threading.Event()
        threads = [threading.Thread(target=self._ask, args=(number, stop)) for number in range(CALLERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def count(self, status: int) -> int:
        return sum(answer.response.status_code == status for answer in self.answers)

    def _ask(self, caller: int, stop: threading.Event) -> None:
        images = {level: coded(png(level)) for level in (BRIGHT, DARK)}
        number = 0
        with httpx2.Client(base_url=self.address, timeout=120.0) as client:
            while not stop.is_set():
                name, level, number = f"{caller}-{number}", (BRIGHT, DARK)[number % 2], number + 1
                self.sent.append(name)
                began = time.monotonic()
                body = {"images": [{"base64": images[level], "name": name}]}
                response = client.post("/v1/assess", json=body)
                self.answers.append(Answer(name, level, began, time.monotonic(), response))

    def check(self, statuses: set[int]) -> None:
        """Check that every request has one answer, and that no answer says more than it may."""
        assert Counter(answer.name for answer in self.answers) == Counter(self.sent)
        for answer in self.answers:
            assert answer.response.status_code in statuses
            if answer.response.status_code != 200:
                assert "Safe" not in answer.response.text
                continue
            (verdict,) = answer.response.json()["verdicts"]
            assert verdict["image"] == answer.name
            assert verdict["rating"] == ("Unsafe" if answer.level == BRIGHT else "Safe")


@contextmanager
def served(deadline: float) -> Iterator[tuple[EngineProcess, Service, str]]:
    """Yield an engine, the service that asks it, and the service's address."""
    engine = EngineProcess()
    try:
        settings = ServeSettings(deadline=deadline, queue=QueueLimits(retry_seconds=0.1, stall_seconds=2 * deadline))
        options = ServeOptions(model=f"zero_shot:http://127.0.0.1:{engine.port}/v1#guard", settings=settings)
        service = make_service(options, Files.read(options), load_served(options))
        with listening(service) as address:
            yield engine, service, address
    finally:
        engine.kill()


def judged(client: httpx2.Client) -> int:
    """Return how many images have a rating, as the service counts."""
    lines = client.get("/metrics").text.splitlines()
    return sum(
        int(float(line.rpartition(" ")[2]))
        for line in lines
        if line.startswith("eyeward_verdicts_total{") and 'rating="error"' not in line
    )


def test_an_engine_process_that_is_killed_costs_503_and_no_answer_and_needs_no_restart_of_the_service() -> None:
    with served(60.0) as (engine, service, address), httpx2.Client(base_url=address, timeout=120.0) as client:
        callers = Callers(address)
        with callers.asking():
            patiently(lambda: callers.count(200) >= CALLERS)
            killed = time.monotonic()
            engine.kill()
            patiently(lambda: service.queue.problem is not None)
            down = time.monotonic()
            assert client.get("/ready").status_code == 503
            assert client.get("/health").status_code == 200
            patiently(lambda: callers.count(503) >= 5 * CALLERS)
            assert service.queue.problem is not None
            up = time.monotonic()
            engine.start()
            patiently(lambda: service.queue.problem is None)
            assert client.get("/ready").status_code == 200
            before = callers.count(200)
            patiently(lambda: callers.count(200) >= before + CALLERS)
        callers.check({200, 503})
        assert judged(client) == callers.count(200)
        assert [answer for answer in callers.answers if answer.sent < killed < answer.came], "it was at work"
        assert max(answer.came - answer.sent for answer in callers.answers) < 30.0, "nobody waits for the deadline"
        refused = [answer.came - answer.sent for answer in callers.answers if down < answer.sent < up]
        assert median(refused) < 1.0, "at once"


def test_an_engine_process_that_hangs_costs_no_answer_either_and_comes_back() -> None:
    with served(2.0) as (engine, service, address), httpx2.Client(base_url=address, timeout=120.0) as client:
        callers = Callers(address)
        with callers.asking():
            patiently(lambda: callers.count(200) >= CALLERS)
            engine.process.send_signal(signal.SIGSTOP)
            patiently(lambda: service.queue.problem is not None)
            assert client.get("/ready").status_code == 503
            engine.process.send_signal(signal.SIGCONT)
            patiently(lambda: service.queue.problem is None)
            before = callers.count(200)
            patiently(lambda: callers.count(200) >= before + CALLERS)
        callers.check({200, 429, 503, 504})
        assert callers.count(503) + callers.count(504) >= CALLERS
