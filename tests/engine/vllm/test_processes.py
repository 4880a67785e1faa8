"""Replicas in processes of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from eyeward.engine.vllm.processes import Make, ProcessReplica
from eyeward.engine.vllm.replica import Model, Question, Said
from eyeward.engine.vllm.settings import VllmSettings
from eyeward.errors import CheckpointError
from tests.engine.local.questions import picture

MODEL = Model(Path("nowhere"), "auto", VllmSettings(longest=77), with_video=False)
QUESTION = Question((1, 2), (picture(0),), ("key",), options=(3, 4))


class Telling:
    """A replica that says what it sees of its process; token 13 ends it."""

    def __init__(self, model: Model) -> None:
        assert model.settings.longest is not None
        self.context_length = model.settings.longest

    def ask(self, questions: Sequence[Question]) -> list[Said]:
        if any(13 in question.tokens for question in questions):
            os._exit(1)
        seen = f"{os.environ['CUDA_VISIBLE_DEVICES']} {os.environ['VLLM_ENABLE_V1_MULTIPROCESSING']}"
        return [Said(dict.fromkeys(q.options, -1.0), text=f"{seen} {q.images[0].size}") for q in questions]

    def close(self) -> None:
        pass


def refusing(model: Model) -> Telling:
    raise ValueError("no room for the weights")


@contextmanager
def started(gpu: str, make: Make = Telling) -> Iterator[ProcessReplica]:
    replica = ProcessReplica(MODEL, gpu, make)
    try:
        yield replica
    finally:
        replica.close()


def test_a_replica_sees_its_own_gpu_and_answers_from_its_process() -> None:
    with started("5") as replica:
        replica.wait()
        assert replica.context_length == 77
        (said,) = replica.ask([QUESTION])
    assert said.text == "5 0 (80, 60)"
    assert said.log_probabilities == {3: -1.0, 4: -1.0}


def test_weights_that_do_not_load_are_an_error_with_the_cause() -> None:
    with started("0", refusing) as replica, pytest.raises(CheckpointError, match="GPU 0 .*no room for the weights"):
        replica.wait()


def test_questions_to_a_process_that_has_ended_fail_and_do_not_hang() -> None:
    with started("0") as replica:
        replica.wait()
        ended = replica.ask([QUESTION, Question((13,), (picture(0),), ("key",))])
        after = replica.ask([QUESTION])
    assert ["has ended" in (said.error or "") for said in (*ended, *after)] == [True, True, True]
