"""Questions of many callers are judged together, each by its deadline, and each gets one outcome."""

from __future__ import annotations

import gc
import random
import threading
import time
import weakref

import pytest

from eyeward.errors import ErrorType, UsageError
from eyeward.serve.queue import JudgingQueue, QueueLimits
from eyeward.serve.refusals import DeadlinePassed, EngineDown, QueueFull, Refused, Stopping
from eyeward.verdict import Rating
from tests.serve.queues import QUICK, held, later, ratings, running
from tests.serve.sleeping import OTHER, SleepingGuard, question
from tests.serve.world import patiently


def test_a_ticket_that_was_answered_is_gone_without_the_garbage_collector() -> None:
    guard = SleepingGuard(0.0)
    with running(guard) as queue:
        gc.disable()  # it stops everything else: nothing may be left to it
        try:
            ticket = queue.submit([question(b"one")], later())
            assert len(ticket.result()) == 1
            gone = weakref.ref(ticket)
            del ticket
            patiently(lambda: gone() is None)
        finally:
            gc.enable()


def test_answers_come_in_the_order_of_their_questions_whoever_else_asks() -> None:
    guard = SleepingGuard(0.001)
    with running(guard, QueueLimits(waiting=1000, together=4, probe_seconds=60.0)) as queue:
        tickets = []
        for number in range(40):
            contents = [b"unsafe" if (number + place) % 3 == 0 else b"safe" for place in range(5)]
            requests = [question(content, key=f"{number}.{place}") for place, content in enumerate(contents)]
            tickets.append((contents, queue.submit(requests, later())))
        for number, (contents, ticket) in enumerate(tickets):
            answers = ticket.result()
            assert [scored.verdict.image for scored in answers] == [f"{number}.{place}" for place in range(5)]
            assert ratings(answers) == [Rating.Unsafe if c == b"unsafe" else Rating.Safe for c in contents]


def test_what_waits_is_judged_together_as_far_as_a_batch_goes_and_told() -> None:
    guard, told = SleepingGuard(), list[int]()
    with running(guard, judged=lambda size, seconds: told.append(size)) as queue:
        first = held(guard, queue)
        others = [queue.submit([question(b"%d" % number)], later()) for number in range(6)]
        guard.hold.set()
        for ticket in (first, *others):
            assert ratings(ticket.result()) == [Rating.Safe]
        assert [len(batch) for batch in guard.batches] == [1, 4, 2]
        patiently(lambda: told == [1, 4, 2])


def test_a_full_queue_refuses_says_when_to_come_back_and_takes_in_again_later() -> None:
    guard = SleepingGuard()
    with running(guard) as queue:
        held(guard, queue)
        tickets = [queue.submit([question()] * 4, later()) for _ in range(2)]
        assert queue.depth == 8
        with pytest.raises(QueueFull) as refused:
            queue.submit([question()], later())
        assert refused.value.retry_after is not None
        assert refused.value.retry_after >= 1
        with pytest.raises(QueueFull):
            queue.check(1, later(), False)
        guard.hold.set()
        assert all(len(ticket.result()) == 4 for ticket in tickets)
        queue.check(1, later(), False)
        assert queue.submit([question()], later()).result()


def test_who_would_wait_past_the_deadline_is_refused_at_once() -> None:
    guard = SleepingGuard(batch_seconds=0.2)
    with running(guard, QueueLimits(waiting=100, together=1, probe_seconds=60.0)) as queue:
        queue.submit([question()], later()).result()  # now it knows how long a batch takes
        guard.holding = True
        waiting = [queue.submit([question()], later()) for _ in range(3)]
        with pytest.raises(QueueFull) as refused:
            queue.submit([question()], later(0.3))
        assert refused.value.retry_after is not None and refused.value.retry_after >= 1
        guard.hold.set()
        assert all(ticket.result() for ticket in waiting)


def test_an_idle_engine_takes_in_whatever_it_is_asked_however_slow_it_was() -> None:
    guard = SleepingGuard(batch_seconds=0.3)
    with running(guard) as queue:
        queue.submit([question()], later()).result()
        patiently(lambda: guard.under_way == 0)
        queue.check(1, later(0.25), False)


def test_past_its_deadline_a_question_is_refused_and_never_judged() -> None:
    guard = SleepingGuard()
    with running(guard) as queue:
        held(guard, queue)
        late = queue.submit([question(b"late")], later(0.05))
        with pytest.raises(DeadlinePassed):
            late.result()
        guard.hold.set()
        assert queue.submit([question(b"next")], later()).result()
        assert b"late" not in [content for batch in guard.batches for content in batch]
        assert queue.depth == 0


def test_what_is_past_its_deadline_is_never_judged_though_nobody_gave_it_up() -> None:
    guard = SleepingGuard()
    with running(guard) as queue:
        held(guard, queue)
        late = queue.submit([question(b"late")], later(0.05))
        time.sleep(0.1)
        guard.hold.set()
        assert queue.submit([question(b"next")], later()).result()
        assert isinstance(late.future.exception(60.0), DeadlinePassed)
        assert b"late" not in [content for batch in guard.batches for content in batch]


def test_a_queue_that_is_full_of_what_is_past_its_deadline_has_room() -> None:
    guard = SleepingGuard()
    with running(guard) as queue:
        held(guard, queue)
        late = queue.submit([question()] * 8, later(0.05))
        time.sleep(0.1)
        ticket = queue.submit([question(b"unsafe")] * 8, later())
        assert isinstance(late.future.exception(60.0), DeadlinePassed)
        guard.hold.set()
        assert ratings(ticket.result()) == [Rating.Unsafe] * 8


def test_a_deadline_that_passes_while_others_are_judged_ends_in_time() -> None:
    guard = SleepingGuard()
    with running(guard) as queue:
        held(guard, queue)
        ticket = queue.submit([question()], later(0.1))
        began = time.monotonic()
        with pytest.raises(DeadlinePassed):
            ticket.result()
        assert time.monotonic() - began < 30.0


def test_work_that_nobody_waits_for_is_dropped_and_makes_room() -> None:
    guard = SleepingGuard()
    with running(guard) as queue:
        held(guard, queue)
        tickets = [queue.submit([question(b"gone")] * 4, later()) for _ in range(2)]
        assert tickets[0].future.cancel()
        assert queue.depth == 4
        kept = queue.submit([question(b"kept")] * 4, later())
        tickets[1].future.cancel()
        guard.hold.set()
        assert len(kept.result()) == 4
        assert b"gone" not in [content for batch in guard.batches for content in batch]


def test_who_wants_no_rationale_does_not_wait_for_those_of_others() -> None:
    guard = SleepingGuard()
    with running(guard) as queue:
        held(guard, queue)
        queue.submit([question(b"explained", explain=True)], later())
        plain = queue.submit([question(b"plain")], later())
        explained = queue.submit([question(b"explained", explain=True)], later())
        guard.hold.set()
        assert plain.result()
        assert explained.result()
        assert guard.batches[1:] == [[b"explained", b"explained"], [b"plain"]]


def test_a_request_larger_than_a_batch_is_judged_in_several() -> None:
    guard = SleepingGuard()
    with running(guard) as queue:
        answers = queue.submit([question(key=str(number)) for number in range(8)], later()).result()
        assert [scored.verdict.image for scored in answers] == [str(number) for number in range(8)]
        assert [len(batch) for batch in guard.batches] == [4, 4]


def test_nothing_asked_is_answered_with_nothing_and_too_much_is_refused() -> None:
    with running(SleepingGuard()) as queue:
        assert queue.submit([], later()).result() == []
        with pytest.raises(QueueFull):
            queue.submit([question()] * 9, later())


def test_an_image_that_is_at_fault_is_an_error_of_its_own_and_no_fault_of_the_engine() -> None:
    probed = []
    with running(SleepingGuard(), probe=lambda: probed.append(1)) as queue:
        (answer,) = queue.submit([question(b"broken")], later()).result()
        assert answer.verdict.error is not None
        assert answer.verdict.error.type is ErrorType.unreadable
        assert len(probed) == 1, "only at the start"


def test_one_image_that_spoils_its_batch_costs_nobody_else_a_verdict() -> None:
    guard = SleepingGuard()
    with running(guard) as queue:
        held(guard, queue)
        good = queue.submit([question(b"unsafe")], later())
        bad = queue.submit([question(b"poison")], later())
        also_good = queue.submit([question()], later())
        guard.hold.set()
        assert ratings(good.result()) == [Rating.Unsafe]
        assert ratings(also_good.result()) == [Rating.Safe]
        (spoilt,) = bad.result()
        assert spoilt.verdict.error is not None
        assert spoilt.verdict.rating is None


def test_answers_in_another_order_are_not_taken_and_asked_for_once_more() -> None:
    with running(SleepingGuard(trouble="swapped")) as queue:
        answers = queue.submit([question(b"unsafe", key="1"), question(b"safe", key="2")], later()).result()
        assert ratings(answers) == [Rating.Unsafe, Rating.Safe]


@pytest.mark.parametrize("trouble", ["few", "other"])
def test_an_answer_that_is_missing_or_answers_another_question_is_an_error(trouble: str) -> None:
    guard = SleepingGuard(trouble=trouble)
    with running(guard) as queue:
        answers = queue.submit([question(), question()], later()).result()
        assert answers[-1].verdict.error is not None
        assert answers[-1].verdict.error.type is ErrorType.internal
        assert answers[-1].verdict.policy.hash != OTHER.hash


def test_an_answer_too_many_harms_nobody() -> None:
    with running(SleepingGuard(trouble="many")) as queue:
        assert ratings(queue.submit([question(b"unsafe"), question()], later()).result()) == [
            Rating.Unsafe,
            Rating.Safe,
        ]


def test_stopping_answers_what_was_taken_in_and_takes_in_no_more() -> None:
    guard = SleepingGuard()
    with running(guard) as queue:
        first = held(guard, queue)
        waiting = queue.submit([question(b"unsafe")] * 6, later())
        stopper = threading.Thread(target=queue.stop)
        stopper.start()
        patiently(lambda: queue._stopping)
        with pytest.raises(Stopping):
            queue.submit([question()], later())
        guard.hold.set()
        assert ratings(first.result()) == [Rating.Safe]
        assert ratings(waiting.result()) == [Rating.Unsafe] * 6
        stopper.join(60.0)
        assert not stopper.is_alive()


def test_what_stopping_cannot_wait_for_is_refused() -> None:
    guard = SleepingGuard()
    limits = QueueLimits(stop_seconds=0.05, probe_seconds=60.0, together=1)
    with running(guard, limits) as queue:
        held(guard, queue)
        waiting = queue.submit([question()], later())
        queue.stop()
        with pytest.raises(Stopping):
            waiting.result()


def test_a_queue_that_was_never_started_refuses_and_stops() -> None:
    queue = JudgingQueue([SleepingGuard()], lambda: None)
    with pytest.raises(EngineDown, match="not tried yet"):
        queue.submit([question()], later())
    queue.stop()


def test_every_ticket_ends_once_whatever_happens() -> None:
    guard = SleepingGuard(0.001)
    chance = random.Random(1)
    outcomes: list[str] = []
    lock = threading.Lock()
    limits = QueueLimits(waiting=40, together=8, retry_seconds=0.005, probe_seconds=0.02)
    with running(guard, limits, probe=lambda: "down" if guard.trouble else None) as queue:

        def caller(seed: int) -> None:
            own = random.Random(seed)
            for _ in range(40):
                contents = [own.choice((b"safe", b"unsafe", b"broken", b"poison")) for _ in range(own.randint(1, 10))]
                asked = [question(content, key=str(place)) for place, content in enumerate(contents)]
                try:
                    ticket = queue.submit(asked, later(own.choice((0.002, 0.05, 2.0))))
                    if own.random() < 0.2:
                        outcome = "cancelled" if ticket.future.cancel() else "answered"
                    else:
                        answers = ticket.result()
                        for place, (content, scored) in enumerate(zip(contents, answers, strict=True)):
                            assert scored.verdict.image == str(place)
                            if content != b"safe":
                                assert scored.verdict.flagged
                        outcome = "answered"
                except Refused as reason:
                    outcome = reason.kind
                    time.sleep(0.003)
                with lock:
                    outcomes.append(outcome)

        callers = [threading.Thread(target=caller, args=(seed,)) for seed in range(8)]
        for thread in callers:
            thread.start()
        while any(thread.is_alive() for thread in callers):
            guard.trouble = chance.choice(("", "", "", "", "", "", "crash", "down"))
            time.sleep(0.01)
        guard.trouble = ""
        assert len(outcomes) == 8 * 40
        assert outcomes.count("answered") > 0
        assert queue.depth == 0
        assert not queue._waiting


@pytest.mark.parametrize("wrong", [{"waiting": 0}, {"together": 0}, {"retry_seconds": 0.0}])
def test_limits_under_which_nothing_could_be_judged_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        QueueLimits(**wrong)


def test_with_two_workers_a_batch_is_read_while_another_is_judged() -> None:
    guards = [SleepingGuard(holding=True), SleepingGuard(holding=True)]
    queue = JudgingQueue(guards, lambda: None, QUICK)
    queue.start()
    patiently(lambda: queue.problem is None)
    first = queue.submit([question()], later())
    patiently(lambda: sum(guard.under_way for guard in guards) == 1)
    second = queue.submit([question(b"unsafe")], later())
    patiently(lambda: [guard.under_way for guard in guards] == [1, 1])
    for guard in guards:
        guard.hold.set()
    assert ratings(first.result()) == [Rating.Safe]
    assert ratings(second.result()) == [Rating.Unsafe]
    queue.stop()
