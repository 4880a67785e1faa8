"""Workers as processes of this machine, each with its share of the processors, and of the GPUs where there are some."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from eyeward.annotate.crew import annotate_together
from eyeward.annotate.item import Shard
from eyeward.annotate.progress import Progress, Watch
from eyeward.annotate.tasks import Task
from eyeward.annotate.worker import Died, Failed, Job, News, Worker, cores, keep_vllm_here, use_threads

STOP_SECONDS = 10.0
"""What workers may take to drop their shards when the run is ended."""
_GPUS = Path("/proc/driver/nvidia/gpus")


def annotate_on_processes(
    job: Job,
    shards: Sequence[Shard],
    workers: int,
    *,
    rank: int = 0,
    world_size: int = 1,
    one_gpu_each: bool = False,
    watch: Watch = lambda progress: None,
) -> Progress:
    """Do what `annotate` does, in so many processes; with `one_gpu_each` they share the GPUs out among them.

    A script that calls this needs `if __name__ == "__main__":`, because new processes read it again.

    Raises:
        EyewardError: as `annotate_together` does.
        OSError: when the output cannot be written.
    """
    at_once = max(1, min(workers, len(shards)))
    crew = ProcessCrew(job, max(1, cores() // at_once), visible_gpus() if one_gpu_each else [])
    return annotate_together(job, shards, crew, workers, rank=rank, world_size=world_size, watch=watch)


class ProcessCrew:
    """Processes that are started anew, not forked: PyTorch's threads do not survive a fork."""

    def __init__(self, job: Job, threads: int, gpus: Sequence[str] = ()) -> None:
        """Take the job, the threads of each, and GPUs as `CUDA_VISIBLE_DEVICES` names them."""
        self._job = job
        self._threads = threads
        self._gpus = gpus if len(gpus) > 1 else ()
        self._gpu_of: dict[str, str] = {}
        self._context = multiprocessing.get_context("spawn")
        self._pipes: dict[str, Connection] = {}
        self._processes: dict[str, SpawnProcess] = {}
        self._hired = 0

    def hire(self, is_first: bool) -> str:
        """Start a process."""
        gpu = self._gpu()
        self._hired += 1
        name = f"worker {self._hired}"
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve, args=(theirs, self._job, is_first, self._threads, gpu), name=f"eyeward {name}"
        )
        with _deaf():
            process.start()
        theirs.close()
        self._pipes[name], self._processes[name] = ours, process
        if gpu is not None:
            self._gpu_of[name] = gpu
        return name

    def ask(self, name: str, task: Task, retry_failed: bool) -> None:
        """Send a shard; that a process has ended is heard in the news."""
        with suppress(OSError):
            self._pipes[name].send((task, retry_failed))

    def news(self, seconds: float) -> Sequence[tuple[str, News]]:
        """Return what has come through the pipes."""
        names = {pipe: name for name, pipe in self._pipes.items()}
        heard: list[tuple[str, News]] = []
        for pipe in wait(list(self._pipes.values()), seconds):
            assert isinstance(pipe, Connection)
            name = names[pipe]
            try:
                while pipe.poll():
                    heard.append((name, pipe.recv()))
            except (EOFError, OSError):
                heard.append((name, Died(self._bury(name))))
        return heard

    def dismiss(self) -> None:
        """Ask all to end, and kill those that take too long."""
        for process in self._processes.values():
            process.terminate()
        for name, process in list(self._processes.items()):
            process.join(STOP_SECONDS)
            if process.is_alive():
                process.kill()
            self._bury(name)

    def _bury(self, name: str) -> str:
        """Wait for the end of a process and say how it ended."""
        self._pipes.pop(name).close()
        self._gpu_of.pop(name, None)
        process = self._processes.pop(name)
        process.join(STOP_SECONDS)
        code = process.exitcode
        if code is None:
            return "it closed its pipe."
        process.close()
        return f"killed by {signal.Signals(-code).name}." if code < 0 else f"it ended with exit code {code}."

    def _gpu(self) -> str | None:
        """Return the GPU with the fewest processes; None where there is nothing to choose."""
        taken = list(self._gpu_of.values())
        return min(self._gpus, key=taken.count, default=None)


def _serve(pipe: Connection, job: Job, is_first: bool, threads: int, gpu: str | None) -> None:
    """Be a worker until the other end of the pipe closes, or until told to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; whoever leads decides
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    use_threads(threads)
    keep_vllm_here()
    with suppress(KeyboardInterrupt, EOFError, BrokenPipeError, ConnectionResetError):
        try:
            worker = Worker(job, pipe.send, is_first)
        except Exception as problem:
            pipe.send(Failed.by(problem))
            return
        try:
            pipe.send(worker.introduction())
            while True:
                pipe.send(worker.do(*pipe.recv()))
        finally:
            worker.close()


@contextmanager
def _deaf() -> Iterator[None]:
    """Start processes that do not hear Ctrl-C before they know what to do with it; here it comes a little later."""
    if not hasattr(signal, "pthread_sigmask"):  # not on every system
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def visible_gpus() -> list[str]:
    """Return the GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them, without starting CUDA."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip()]
    return [str(number) for number in range(len(list(_GPUS.iterdir())))] if _GPUS.is_dir() else []
