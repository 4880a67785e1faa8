"""Several guards on one engine ask it one after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import cast

import pytest

from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.serve.engine_thread import EngineThread
from eyeward.serve.turns import TakingTurns
from eyeward.verdict import Rating
from tests.fakes import CAPABILITIES
from tests.serve.clock import outlast_a_probe
from tests.serve.world import Engine, patiently, service


class Counting:
    capabilities = CAPABILITIES

    def __init__(self) -> None:
        self.inside = self.most = self.closed = 0

    def judge(self, prompts: Sequence[Prompt]) -> Iterator[RawAnswer]:
        self.inside += 1
        self.most = max(self.most, self.inside)
        time.sleep(0.01)
        yield RawAnswer(text=str(len(prompts)))
        self.inside -= 1

    def close(self) -> None:
        self.closed += 1


def test_one_thread_at_a_time_and_every_one_its_answer() -> None:
    engine = Counting()
    turns = TakingTurns(engine)
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.extend(answer.text for answer in turns.judge([]))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (engine.most, found) == (1, ["0"] * 6)
    assert turns.capabilities is CAPABILITIES
    turns.close()
    assert engine.closed == 1


def test_everything_computes_in_the_thread_that_loads_the_engine_whoever_asks() -> None:
    thread, seen = EngineThread(), []

    class Seeing(Counting):
        def judge(self, prompts: Sequence[Prompt]) -> Iterator[RawAnswer]:
            seen.append(threading.current_thread())
            yield RawAnswer()

    turns = TakingTurns(thread.do(Seeing), thread)
    loader = thread.do(threading.current_thread)
    for asker in [threading.Thread(target=turns.judge, args=([],)) for _ in range(3)]:
        asker.start()
        asker.join()
    turns.judge([])
    assert seen == [loader] * 4 and loader is not threading.current_thread()
    turns.close()
    loader.join(60.0)
    assert not loader.is_alive()


def test_what_goes_wrong_in_the_thread_is_told_to_who_asked_and_the_next_is_judged() -> None:
    class Failing(Counting):
        def judge(self, prompts: Sequence[Prompt]) -> Iterator[RawAnswer]:
            if prompts:
                raise SystemExit("gone")
            yield RawAnswer(text="well")

    turns = TakingTurns(Failing())
    with pytest.raises(SystemExit, match="gone"):
        turns.judge([cast(Prompt, None)])
    assert [answer.text for answer in turns.judge([])] == ["well"]
    turns.close()


def test_who_keeps_the_turn_asks_and_all_others_wait() -> None:
    engine = Counting()
    turns = TakingTurns(engine)
    found: list[str] = []
    with turns.turn():
        thread = threading.Thread(target=lambda: found.extend(answer.text for answer in turns.judge([])))
        thread.start()
        assert [answer.text for answer in turns.judge([])] == ["0"]
        assert found == []
    thread.join()
    assert (engine.most, found) == (1, ["0"])


def test_a_service_whose_batches_take_longer_than_a_probe_may_is_not_down(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine()
    queue = service(engine).queue
    tickets = outlast_a_probe(queue, engine, monkeypatch)
    assert [ticket.result()[0].verdict.rating for ticket in tickets] == [Rating.Unsafe, Rating.Safe]
    patiently(lambda: len(engine.batches) == 4)  # two probes, two questions
    assert queue.problem is None
    queue.stop()
