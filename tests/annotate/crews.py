"""Guards that workers load in processes of their own, where some of them kill, and workers that are only played."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from eyeward.annotate.claims import Claims, Owner
from eyeward.annotate.on_processes import annotate_on_processes
from eyeward.annotate.progress import Rows
from eyeward.annotate.sources import open_source
from eyeward.annotate.storage import storage_at
from eyeward.annotate.tasks import Task
from eyeward.annotate.worker import Died, Failed, Job, News, Worker
from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.errors import ErrorType
from eyeward.guard import Guard, Request
from eyeward.verdict import Failure
from tests.annotate.world import DEFAULT, EXEMPT
from tests.evaluate.worlds import guard
from tests.fakes import by_brightness, raw_answer

DEADLY = 19
"""The level of the picture that kills: the seventh of shard 1."""


def bright() -> Guard:
    """Load the guard of all tests."""
    return guard()


def load_bright(name: str, **options: object) -> Guard:
    """Stand in for `load_guard`."""
    return guard()


def deadly(marker: Path | None) -> Guard:
    """Load one whose process is killed by a picture: once, if there is a marker, else every time."""

    def answer(prompt: Prompt) -> RawAnswer:
        level = prompt.images[0].convert("L").getpixel((0, 0))
        if level == DEADLY and (marker is None or _is_first(marker)):
            os.kill(os.getpid(), signal.SIGKILL)
        return by_brightness(prompt)

    return guard(answer)


def fickle(marker: Path) -> Guard:
    """Load one that decides otherwise in the second process, as where machines are not alike; the first is slow."""

    def answer(prompt: Prompt) -> RawAnswer:
        time.sleep(0.1)
        return by_brightness(prompt)

    return guard(answer) if _is_first(marker) else guard(threshold=0.7)


def silent() -> Guard:
    """Load one whose engine answers nothing."""
    failure = Failure(type=ErrorType.engine_unavailable, message="Nobody answers.")
    return guard(lambda prompt: RawAnswer(error=failure))


def slow(seconds: float = 0.05) -> Guard:
    """Load one that takes its time for every question, and always says the same."""

    def answer(prompt: Prompt) -> RawAnswer:
        time.sleep(seconds)
        return raw_answer(prompt, 0.1)

    return guard(answer)


def noted(folder: Path, request: Request, found: str) -> None:
    """Leave a file for every image that is known: its hash, under the key."""
    folder.mkdir(exist_ok=True)
    (folder / str(request.key)).write_text(found, encoding="ascii")


def stillborn() -> Guard:
    """Load nothing: the process ends while it is at it."""
    os._exit(3)


def job(source: Path, out: Path | str, load: Callable[[], Guard] = bright) -> Job:
    """Ask under two policies."""
    return Job(load, replace(open_source(source), shards=()), out, (DEFAULT, EXEMPT), lease=60.0)


def lead(source: Path, out: Path) -> None:
    """Lead two slow workers; what Ctrl-C is for."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        annotate_on_processes(job(source, out, slow), open_source(source).shards, 2)
    except KeyboardInterrupt:
        os._exit(130)


def _is_first(marker: Path) -> bool:
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


class PlayedCrew:
    """Workers in this process, one after the other, who say that they are on another machine.

    Some die when they are asked: those who are named, and all who get a certain shard. They leave their claims behind.
    """

    def __init__(
        self, of: Job, dying: Sequence[str] = (), unready: Sequence[str] = (), deadly_shard: str | None = None
    ) -> None:
        self.job = of
        self.hired: list[str] = []
        self.asked: list[tuple[str, str, bool]] = []
        """Worker, shard, and whether failures are judged again."""
        self.dismissed = False
        self._dying = dying
        self._unready = unready
        self._deadly_shard = deadly_shard
        self._workers: dict[str, Worker] = {}
        self._do: deque[tuple[str, Callable[[], News]]] = deque()

    def hire(self, is_first: bool) -> str:
        """Load a guard when it is this worker's turn."""
        name = f"worker {len(self.hired) + 1}"
        self.hired.append(name)
        self._do.append((name, lambda: self._load(name, is_first)))
        return name

    def ask(self, name: str, task: Task, retry_failed: bool) -> None:
        """Judge a shard when it is this worker's turn."""
        self.asked.append((name, task.shard.name, retry_failed))
        dies = name in self._dying or task.shard.name == self._deadly_shard
        self._do.append((name, lambda: self._die(task) if dies else self._workers[name].do(task, retry_failed)))

    def news(self, seconds: float) -> Sequence[tuple[str, News]]:
        """Let one worker say that it is at something, and then what came of it."""
        if not self._do:
            time.sleep(0.01)
            return []
        name, do = self._do.popleft()
        if name not in self._workers:
            return [(name, do())]
        part = self._workers[name]._progress.part()
        return [(name, replace(part, shard="this one", under_way=Rows(3, {"Safe": 3}))), (name, do())]

    def dismiss(self) -> None:
        """Note it."""
        self.dismissed = True

    def _load(self, name: str, is_first: bool) -> News:
        if name in self._unready:
            return Died("it ended with exit code 3.")
        try:
            self._workers[name] = Worker(self.job, lambda part: None, is_first)
        except Exception as problem:
            return Failed.by(problem)
        ready = self._workers[name].introduction()
        return replace(ready, owner=_far(ready.owner))

    def _die(self, task: Task) -> News:
        storage = storage_at(self.job.out)
        claim = Claims(storage, self.job.lease).take(task.shard.name)
        assert claim is not None, "the claim of the one before was not freed"
        storage.put(claim._file(claim._last), _far(claim.owner).model_dump_json().encode())
        return Died("killed by SIGKILL.")


def _far(owner: Owner) -> Owner:
    return owner.model_copy(update={"host": "far away"})
