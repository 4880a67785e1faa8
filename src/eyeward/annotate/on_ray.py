"""Workers as actors of a Ray cluster: one model each, on a GPU where there are any.

Shards are given to actors one by one and not to Ray Data: a shard is judged by the code that judges it everywhere, and
what is done is known by the files of the shards. Ray starts actors where there is room, and says when one dies. With
vLLM for its engine an actor holds one on its GPU; `ray.data.llm` asks one question a row, and a verdict takes several.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from eyeward.annotate.crew import annotate_together
from eyeward.annotate.item import Shard
from eyeward.annotate.progress import Part, Progress, Watch
from eyeward.annotate.tasks import Task
from eyeward.annotate.worker import (
    TOLD_SECONDS,
    Died,
    Failed,
    Job,
    News,
    Ready,
    Settled,
    Worker,
    keep_vllm_here,
    use_threads,
)
from eyeward.errors import MissingExtra, UsageError

STOP_SECONDS = 10.0
"""What workers may take to drop their shards when the run is ended."""
Answer = Ready | Settled | Failed
_CALL_SECONDS = 2 * TOLD_SECONDS
"""How long a worker keeps the question for news before it says how far it is."""


def annotate_on_ray(
    job: Job,
    shards: Sequence[Shard],
    workers: int | None = None,
    *,
    rank: int = 0,
    world_size: int = 1,
    watch: Watch = lambda progress: None,
) -> Progress:
    """Do what `annotate` does, on the Ray cluster that this process belongs to, else on this machine.

    `workers` is one for each GPU unless it is said, and where there is no GPU one for each machine. All machines must
    share the folder of the run, and see the dataset under the same names.

    Raises:
        MissingExtra: when Ray is not installed.
        EyewardError: as `annotate_together` does.
        OSError: when the output cannot be written.
    """
    with _connected() as ray:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if job.cache is not None and len(nodes) > 1:
            raise UsageError("A cache is a file that one machine writes safely, not several; leave --cache out.")
        share = Share.of(nodes, workers)
        crew = RayCrew(ray, job, share)
        return annotate_together(job, shards, crew, share.workers, rank=rank, world_size=world_size, watch=watch)


@dataclass(frozen=True)
class Share:
    """How many workers there are, and what of the cluster each of them gets."""

    workers: int
    processors: int
    gpus: int

    @classmethod
    def of(cls, nodes: Sequence[dict[str, float]], workers: int | None) -> Share:
        """Divide machines, each given by its resources.

        Raises:
            UsageError: when there are more workers than GPUs, or than processors where there is no GPU.
        """
        gpus = sum(int(node.get("GPU", 0)) for node in nodes)
        if gpus:
            with_gpu = [node for node in nodes if node.get("GPU", 0) >= 1]
            if workers is not None and workers > gpus:
                raise UsageError(f"There are {gpus} GPUs for {workers} workers, and each takes one; name fewer.")
            processors = min(int(node.get("CPU", 0) // node["GPU"]) for node in with_gpu)
            return cls(gpus if workers is None else workers, processors, 1)
        cores = [int(node.get("CPU", 0)) for node in nodes if node.get("CPU", 0) >= 1]
        count = len(cores) if workers is None else workers
        if not 1 <= count <= sum(cores):
            raise UsageError(f"There are {sum(cores)} processors for {count} workers, and each takes one at least.")
        # The largest share of which there are enough.
        fits = (size for size in range(max(cores), 0, -1) if sum(core // size for core in cores) >= count)
        return cls(count, next(fits), 0)


class RayCrew:
    """Actors, asked for news in turn."""

    def __init__(self, ray: Any, job: Job, share: Share) -> None:
        """Take Ray, connected, the job, and what each actor gets."""
        self._ray = ray
        self._job = ray.put(job)
        self._share = share
        options = {"num_cpus": share.processors, "num_gpus": share.gpus, "scheduling_strategy": "SPREAD"}
        self._kind = ray.remote(RayWorker).options(**options)
        self._actors: dict[str, Any] = {}
        self._asked: dict[Any, str] = {}
        """Questions for news, and whom they were put to."""
        self._hired = 0

    def hire(self, is_first: bool) -> str:
        """Ask Ray for an actor."""
        self._hired += 1
        name = f"worker {self._hired}"
        self._actors[name] = self._kind.remote(self._job, is_first, max(1, self._share.processors))
        self._wait_for(name)
        return name

    def ask(self, name: str, task: Task, retry_failed: bool) -> None:
        """Send a shard; that an actor has died is heard in the news."""
        self._actors[name].ask.remote(task, retry_failed)
        self._wait_for(name)

    def news(self, seconds: float) -> Sequence[tuple[str, News]]:
        """Return what actors have answered; who is still at it is asked again."""
        refs = list(self._asked)
        answered = self._ray.wait(refs, num_returns=len(refs), timeout=0)[0] if refs else []
        if not answered and refs:
            answered = self._ray.wait(refs, num_returns=1, timeout=seconds)[0]
        heard: list[tuple[str, News]] = []
        for ref in answered:
            name = self._asked.pop(ref)
            try:
                said: News = self._ray.get(ref)
            except self._ray.exceptions.RayError as problem:
                self._ray.kill(self._actors.pop(name))
                said = Died(_first_line(problem))
            heard.append((name, said))
            if isinstance(said, Part):
                self._wait_for(name)
        return heard

    def dismiss(self) -> None:
        """Ask all to end, and kill those that take too long."""
        ended = [actor.stop.remote() for actor in self._actors.values()]
        if ended:
            with suppress(self._ray.exceptions.RayError):
                self._ray.wait(ended, num_returns=len(ended), timeout=STOP_SECONDS)
        for actor in self._actors.values():
            self._ray.kill(actor)
        self._actors = {}

    def _wait_for(self, name: str) -> None:
        self._asked[self._actors[name].news.remote(_CALL_SECONDS)] = name


class RayWorker:
    """A worker as an actor. It works in a thread of its own, so that it can be asked meanwhile how far it is."""

    def __init__(self, job: Job, is_first: bool, threads: int) -> None:
        """Begin to load the guard."""
        use_threads(threads)
        keep_vllm_here()
        self._part = Part()
        self._stopped = False
        self._worker: Worker | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="eyeward-worker")
        self._at: Future[Answer] | None = self._thread.submit(self._begin, job, is_first)

    def ask(self, task: Task, retry_failed: bool) -> None:
        """Begin a shard."""
        self._at = self._thread.submit(self._do, task, retry_failed)

    def news(self, seconds: float) -> Answer | Part:
        """Return what came of what it is at, or, after so many seconds, how far it is."""
        if self._at is None or not wait([self._at], seconds).done:
            return self._part
        ended, self._at = self._at, None
        return ended.result()

    def stop(self) -> None:
        """Drop the shard under way, and keep what waits to be kept."""
        self._stopped = True
        if self._at is not None:
            wait([self._at])
        if self._worker is not None:
            self._thread.submit(self._worker.close).result()

    def _begin(self, job: Job, is_first: bool) -> Answer:
        try:
            self._worker = Worker(job, self._tell, is_first)
        except Exception as problem:
            return Failed.by(problem)
        return self._worker.introduction()

    def _do(self, task: Task, retry_failed: bool) -> Answer:
        assert self._worker is not None
        return self._worker.do(task, retry_failed)

    def _tell(self, part: Part) -> None:
        if self._stopped:
            raise KeyboardInterrupt
        self._part = part


@contextmanager
def _connected() -> Iterator[Any]:
    """Give Ray: as it is where this process is connected, else connected for this time, and told to be quiet."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers what runs here
    try:
        ray = import_module("ray")
    except ModuleNotFoundError as missing:
        raise MissingExtra("ray", "Annotating on a cluster") from missing
    if ray.is_initialized():
        yield ray
        return
    terminated = signal.getsignal(signal.SIGTERM)
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        ray.init(address="auto", **quiet)
    except ConnectionError:  # there is no cluster: this machine, and nobody else may connect to it
        ray.init(include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)
    with suppress(ValueError):  # Ray takes the signal for itself; in another thread it cannot, and neither can we
        signal.signal(signal.SIGTERM, terminated)
    try:
        yield ray
    finally:
        ray.shutdown()


def _first_line(problem: Exception) -> str:
    """Return what Ray says of the end of an actor, without the pages that follow."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    return lines[0] if lines else type(problem).__name__
