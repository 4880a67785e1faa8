"""Replicas in processes of their own, one for each GPU."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection

from eyeward.engine.vllm.replica import LlmReplica, Model, Question, Replica, Said
from eyeward.errors import CheckpointError

_PATIENCE = 30.0
"""Seconds that a process may take to end by itself."""

Make = Callable[[Model], Replica]


class ProcessReplica:
    """A replica that sees one GPU only."""

    def __init__(self, model: Model, gpu: str, make: Make = LlmReplica) -> None:
        """Start the process; `wait` waits until it can be asked.

        `gpu` is what `CUDA_VISIBLE_DEVICES` holds there. `make` is called there, and found by its name.
        """
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, model, gpu, make), name=f"eyeward-vllm-{gpu}")
        self._process.start()
        theirs.close()
        self._one_at_a_time = threading.Lock()
        self._gpu = gpu
        self.context_length = 0

    def wait(self) -> None:
        """Wait until the weights are loaded.

        Raises:
            CheckpointError: when they could not be.
        """
        try:
            said: int | str = self._pipe.recv()
        except (EOFError, OSError):
            said = "its process ended"
        if isinstance(said, str):
            raise CheckpointError(f"vLLM on GPU {self._gpu} could not load the weights: {said}.")
        self.context_length = said

    def ask(self, questions: Sequence[Question]) -> list[Said]:
        """Ask; once the process has ended, every question fails."""
        try:
            with self._one_at_a_time:
                self._pipe.send(list(questions))
                answers: list[Said] = self._pipe.recv()
        except (EOFError, OSError):
            return [Said(error=f"The process of vLLM on GPU {self._gpu} has ended.")] * len(questions)
        return answers

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join(_PATIENCE)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(_PATIENCE)


def _serve(pipe: Connection, model: Model, gpu: str, make: Make) -> None:
    """Answer until the other end closes."""
    os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    try:
        replica = make(model)
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}")
        return
    pipe.send(replica.context_length)
    try:
        while True:
            pipe.send(replica.ask(pipe.recv()))
    except (EOFError, OSError):
        replica.close()
