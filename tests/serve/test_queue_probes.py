"""An engine that fails, judges wrong or hangs is noticed by its probe, and comes back by itself."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import pytest

from eyeward.serve.queue import JudgingQueue, QueueLimits
from eyeward.serve.refusals import EngineDown
from eyeward.verdict import Rating
from tests.serve.clock import Clock
from tests.serve.queues import held, later, ratings, running
from tests.serve.sleeping import SleepingGuard, question
from tests.serve.world import patiently


@pytest.mark.parametrize("trouble", ["crash", "down"])
def test_an_engine_that_goes_down_refuses_at_once_and_comes_back_by_itself(trouble: str) -> None:
    guard = SleepingGuard()
    with running(guard, probe=lambda: "It is down." if guard.trouble else None) as queue:
        assert queue.submit([question()], later()).result()
        guard.trouble = trouble
        with pytest.raises(EngineDown, match="It is down"):
            queue.submit([question()], later()).result()
        assert queue.problem == "It is down."
        with pytest.raises(EngineDown):
            queue.submit([question()], later())
        guard.trouble = ""
        patiently(lambda: queue.problem is None)
        assert ratings(queue.submit([question(b"unsafe")], later()).result()) == [Rating.Unsafe]


def test_what_waits_behind_a_dead_engine_is_refused_not_lost() -> None:
    guard = SleepingGuard()
    with running(guard, probe=lambda: "It is down." if guard.trouble else None) as queue:
        first = held(guard, queue)
        waiting = [queue.submit([question()] * 2, later()) for _ in range(3)]
        guard.trouble = "crash"
        guard.hold.set()
        for ticket in (first, *waiting):
            with pytest.raises(EngineDown):
                ticket.result()
        assert queue.depth == 0


def test_an_engine_that_judges_wrong_judges_nothing_more() -> None:
    guard = SleepingGuard()
    wrong: list[str] = []
    limits = QueueLimits(together=1, probe_seconds=0.05, retry_seconds=0.05)
    with running(guard, limits, probe=lambda: "It judges wrong." if wrong else None) as queue:
        first = held(guard, queue)
        waiting = [queue.submit([question(b"waiting")], later()) for _ in range(3)]
        wrong.append("from now on")
        time.sleep(0.1)
        guard.hold.set()
        assert first.result(), "it was under way"
        for ticket in waiting:
            with pytest.raises(EngineDown, match="judges wrong"):
                ticket.result()
        assert b"waiting" not in [content for batch in guard.batches for content in batch]


def test_a_probe_that_raises_or_is_slow_is_an_engine_that_is_down() -> None:
    def raising() -> str | None:
        raise RuntimeError("no")

    with running(SleepingGuard(), probe=raising) as queue:
        assert "RuntimeError" in (queue.problem or "")
    limits = QueueLimits(probe_limit=0.01, retry_seconds=60.0)
    with running(SleepingGuard(), limits, probe=lambda: time.sleep(0.05)) as queue:
        assert "0.01 s are allowed" in (queue.problem or "")
        with pytest.raises(EngineDown):
            queue.submit([question()], later())


def test_a_probe_that_hangs_is_noticed_while_it_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, entered, hold = Clock(monkeypatch), threading.Event(), threading.Event()
    hangs: list[str] = []

    def probe() -> None:
        if hangs:
            entered.set()
            assert hold.wait(60.0)

    limits = QueueLimits(probe_limit=1e3, probe_seconds=1e4, stall_seconds=1e6, retry_seconds=0.02)
    with running(SleepingGuard(), limits, probe) as queue, ExitStack() as last:
        last.callback(hold.set)
        hangs.append("from now on")
        clock.put_on(1.1e4)
        waiting = queue.submit([question()], clock.now() + 1e6)
        assert entered.wait(60.0)
        assert queue.problem is None, "it has its time"
        clock.put_on(1.1e3)
        assert "not judged after" in (queue.problem or "")
        with pytest.raises(EngineDown, match="1000 s are allowed"):
            queue.submit([question()], clock.now() + 1e6)
        hangs.clear()
        hold.set()
        with pytest.raises(EngineDown, match="1000 s are allowed"):
            waiting.result()
        patiently(lambda: queue.problem is None)
        assert queue.submit([question()], clock.now() + 1e6).result()


def test_a_sound_engine_is_probed_again_and_again_even_while_it_is_busy() -> None:
    probes: list[float] = []
    limits = QueueLimits(probe_seconds=0.05, together=1, waiting=1000)
    with running(SleepingGuard(0.01), limits, probe=lambda: probes.append(time.monotonic())) as queue:
        tickets = [queue.submit([question()], later()) for _ in range(30)]
        assert all(ticket.result() for ticket in tickets)
        assert len(probes) >= 4


def test_an_engine_that_hangs_counts_as_down_until_it_comes_back() -> None:
    guard = SleepingGuard()
    limits = QueueLimits(stall_seconds=1.0, probe_seconds=60.0)
    with running(guard, limits) as queue:
        first = held(guard, queue)
        patiently(lambda: queue.problem is not None)
        with pytest.raises(EngineDown, match="at one batch for"):
            queue.submit([question()], later())
        guard.hold.set()
        assert first.result()
        patiently(lambda: queue.problem is None)
        assert queue.submit([question()], later()).result()


def test_two_workers_probe_once_and_both_stop_taking_in() -> None:
    probes: list[float] = []

    def probe() -> None:
        probes.append(time.monotonic())
        time.sleep(0.05)

    queue = JudgingQueue(
        [SleepingGuard(), SleepingGuard()],
        probe,
        QueueLimits(probe_seconds=0.1),
    )
    queue.start()
    patiently(lambda: len(probes) >= 4)
    queue.stop()
    assert all(later - before > 0.09 for before, later in zip(probes, probes[1:], strict=False))
    assert queue.problem == "All workers have ended."
