"""Several workers at one run, led from here: shards are given out one by one, and those of the dead once more.

The files of the shards say what is done; nothing else is remembered, so the leader may die as well. Where the workers
are, processes of this machine or actors of a cluster, is for a `Crew` to know.
"""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from eyeward.annotate.arrow import arrow
from eyeward.annotate.claims import Claims
from eyeward.annotate.item import Shard
from eyeward.annotate.progress import Part, Progress, Watch
from eyeward.annotate.record import RUN_FILE, read_run
from eyeward.annotate.run import WAIT_SECONDS, check
from eyeward.annotate.storage import Storage, storage_at
from eyeward.annotate.tasks import Answered, Task, refuse_strangers, tasks_of
from eyeward.annotate.worker import Died, Failed, Job, News, Ready, Settled
from eyeward.errors import EyewardError, UsageError

MOST_DEATHS = 3
"""Workers that may die of one shard, or before they are ready; then the run stops."""
_LISTEN_SECONDS = 0.5
_SLOW_SECONDS = 120.0
"""Without a worker that is ready; then it is said that this takes long."""
_NO_SHARD = ""


class Crew(Protocol):
    """Workers somewhere, told apart by name. Each does one thing at a time."""

    def hire(self, is_first: bool) -> str:
        """Start a worker and return its name; it will be heard of when it is ready."""
        ...

    def ask(self, name: str, task: Task, retry_failed: bool) -> None:
        """Give a shard to a worker that is ready."""
        ...

    def news(self, seconds: float) -> Sequence[tuple[str, News]]:
        """Return what is heard of workers, waiting so long for it at the most. Of one that died it is the last."""
        ...

    def dismiss(self) -> None:
        """End all workers; shards under way are dropped cleanly where that does not take long."""
        ...


def annotate_together(
    job: Job,
    shards: Sequence[Shard],
    crew: Crew,
    count: int,
    *,
    rank: int = 0,
    world_size: int = 1,
    watch: Watch = lambda progress: None,
) -> Progress:
    """Do what `annotate` does, with `count` workers at most; `watch` is told every half second, and of all together.

    No guard is loaded here. A worker that dies is named in `notes`, its claim is freed, and its shard is judged by
    another one, whom the crew hires in its place.

    Raises:
        UsageError: when the folder holds another run, or a worker's guard makes it one, or an argument makes no sense.
        EyewardError: when a worker cannot go on, or several die of one shard; shards that are finished stay.
        OSError: when the output cannot be written; shards that are finished stay.
    """
    arrow()
    check(job.policies, job.sample, rank, world_size)
    if count < 1:
        raise UsageError(f"A run has at least one worker, not {count}.")
    storage = storage_at(job.out)
    tasks = tasks_of(shards, job.sample)
    refuse_strangers(storage, tasks)
    led = _Led(job, storage, tasks[rank::world_size], crew, count, watch)
    try:
        return led.work()
    finally:
        crew.dismiss()


class _Led:
    """A run that is led from here."""

    def __init__(self, job: Job, storage: Storage, tasks: Sequence[Task], crew: Crew, count: int, watch: Watch) -> None:
        self._job = job
        self._storage = storage
        self._tasks = tasks
        self._crew = crew
        self._count = count
        self._watch = watch
        self._total = Progress(len(tasks))
        self._found = Progress(len(tasks))
        """What was done before, or by others."""
        self._parts: dict[str, Part] = {}
        self._waiting: deque[Task] = deque()
        self._elsewhere: list[tuple[float, Task]] = []
        """Shards that another run has claimed, and when to look again."""
        self._at: dict[str, Task | None] = {}
        """What the living workers are at; None is nothing."""
        self._loading: set[str] = set()
        self._ready: dict[str, Ready] = {}
        self._answered: Answered | None = None
        """Once it is known what is asked."""
        self._others: set[str] = set()
        """Shards that others had claimed, by name."""
        self._deaths: Counter[str] = Counter()

    def work(self) -> Progress:
        """Do all tasks that nobody else does, and wait for those that others do."""
        self._watch(self._total)
        self._hire()
        late = time.monotonic() + _SLOW_SECONDS
        while self._answered is None or self._is_left:
            for name, news in self._crew.news(_LISTEN_SECONDS):
                self._hear(name, news)
            if self._answered is None and time.monotonic() >= late:
                late = math.inf
                self._total.notes.append("No worker is ready yet: it still loads, or waits for a free machine.")
            self._look_again()
            self._give_out()
            self._hire()
            self._total.add_up(self._found.part(), self._parts)
            self._watch(self._total)
        Claims(self._storage, self._job.lease).forget(task.shard.name for task in self._tasks)
        self._storage.sweep({task.file for task in self._tasks})
        return self._total

    @property
    def _is_left(self) -> bool:
        return bool(self._waiting or self._elsewhere or any(task is not None for task in self._at.values()))

    def _hear(self, name: str, news: News) -> None:
        if isinstance(news, Part):
            at = self._at.get(name)  # it may not have begun to count
            shard = news.shard or (None if at is None else at.shard.name)
            self._parts[name] = replace(news, shard=shard)
        elif isinstance(news, Ready):
            self._loading.discard(name)
            self._ready[name] = news
            self._at[name] = None
            self._parts[name] = Part()
            self._deaths.pop(_NO_SHARD, None)
            if self._answered is None:
                self._begin(news)
        elif isinstance(news, Settled):
            task, self._at[name] = self._at[name], None
            self._parts[name] = news.part
            if not news.done and task is not None:
                self._others.add(task.shard.name)
                self._elsewhere.append((time.monotonic() + min(WAIT_SECONDS, self._job.lease / 4), task))
        elif isinstance(news, Failed):
            raise news.problem
        else:
            self._mourn(name, news)

    def _begin(self, first: Ready) -> None:
        """Find out what is left, now that it is known what is asked."""
        there = self._storage.read(RUN_FILE) is not None and read_run(self._storage).fingerprint == first.fingerprint
        if not there:
            raise UsageError(
                f"{self._storage} is not the folder that {first.name} writes to; all machines must share it."
            )
        self._answered = Answered(self._storage, first.fingerprint, self._job.redo_changed)
        self._total.notes.extend(first.remarks)
        self._total.start()
        self._waiting.extend(self._answered.left_of(self._tasks, self._found, self._job.retry_failed))

    def _mourn(self, name: str, news: Died) -> None:
        """Free what a worker held, and name it; unless too many die, another one will do its work."""
        task = self._at.pop(name, None)
        known = self._ready.get(name)
        self._loading.discard(name)
        who = name if known is None else f"{name} ({known.name})"
        if known is not None:
            self._parts[name] = self._parts[name].abandoned()
            Claims(self._storage, self._job.lease).end(known.owner)
        of_what = _NO_SHARD if task is None else task.shard.name
        self._deaths[of_what] += 1
        where = f"at shard {of_what!r}" if task is not None else "between shards" if known else "before it was ready"
        self._total.notes.append(f"{who} died {where}: {news.why}")
        if self._deaths[of_what] >= MOST_DEATHS:
            raise EyewardError(f"{MOST_DEATHS} workers died, the last one {where}: {news.why} What is finished stays.")
        if task is not None:
            self._waiting.appendleft(task)

    def _look_again(self) -> None:
        """Look at shards that others had claimed; what these gave up is done here."""
        now = time.monotonic()
        due = [task for when, task in self._elsewhere if when <= now]
        self._elsewhere = [(when, task) for when, task in self._elsewhere if when > now]
        if self._answered is not None:
            self._waiting.extend(self._answered.left_of(due, self._found))

    def _give_out(self) -> None:
        for name, under_way in self._at.items():
            if under_way is None and self._waiting:
                task = self._waiting.popleft()
                # Once is enough: a shard that others have just tried again is not tried once more.
                self._crew.ask(name, task, self._job.retry_failed and task.shard.name not in self._others)
                self._at[name] = task
                self._parts[name] = replace(self._parts[name], shard=task.shard.name)

    def _hire(self) -> None:
        """Hire as many as there is work for: one to begin with, who tells what the run is."""
        if self._answered is None:
            if not self._loading:
                self._loading.add(self._crew.hire(is_first=True))
            return
        while len(self._at) + len(self._loading) < self._count and len(self._waiting) > len(self._loading):
            self._loading.add(self._crew.hire(is_first=False))
