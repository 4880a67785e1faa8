"""A queue before a guard: questions of many callers are judged together, in bounded number, each by its deadline.

Workers judge what waits, up to a batch at a time, and try a probe image now and then; while the probe fails nothing is
taken in, and what waits is refused. Whoever is taken in gets one outcome: the answers, or the reason why there are
none. This module knows nothing of HTTP.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Protocol

from eyeward.errors import ErrorType, UsageError
from eyeward.guard import Request, Scored
from eyeward.serve.refusals import DeadlinePassed, EngineDown, QueueFull, Refused, Stopping
from eyeward.verdict import Failure, ModelRef, Verdict

_LONGEST_WAIT = 60.0
_LATEST = 0.3
"""Weight of the latest batch in the mean time of a batch."""
_DOUBTFUL = frozenset((ErrorType.engine_unavailable, ErrorType.deadline, ErrorType.internal))
"""Failures that may be the engine's fault and not the image's."""


class Judge(Protocol):
    """What judges: a guard. It raises nothing, and gives one answer a question, in order."""

    @property
    def model(self) -> ModelRef:
        """Names the weights and where they run."""
        ...

    def score_requests(self, requests: Iterable[Request]) -> Iterator[Scored]:
        """Yield one answer a question, in order."""
        ...


Probe = Callable[[], str | None]
"""Asks the engine something with a known answer; returns what is wrong, or None."""
Turn = Callable[[], AbstractContextManager[object]]
"""Waits until nobody else asks the engine, and keeps all others waiting until it is left."""


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """What may wait, and how long the engine may take. A question is one image under one policy."""

    waiting: int = 256
    """Questions that wait; more are refused."""
    together: int = 32
    """Questions that are judged together."""
    probe_seconds: float = 30.0
    """From one probe of a sound engine to the next."""
    probe_limit: float = 10.0
    """Seconds in which a probe has to be answered, from when the engine is asked; what it waits for does not count."""
    retry_seconds: float = 2.0
    """From one probe of an engine that is down to the next."""
    stall_seconds: float = 60.0
    """Seconds after which a batch that is still under way counts as an engine that is down."""
    stop_seconds: float = 60.0
    """Seconds that stopping waits for what was taken in."""

    def __post_init__(self) -> None:
        """Refuse limits under which nothing could be judged."""
        if self.waiting < 1 or self.together < 1:
            raise UsageError("A queue holds one question at least, and judges one at least.")
        if min(self.probe_seconds, self.probe_limit, self.retry_seconds, self.stall_seconds) <= 0.0:
            raise UsageError("The times of a queue are seconds above zero.")


class Ticket:
    """Questions of one request, and what comes of them. Cancelling the future gives them up."""

    def __init__(self, requests: Sequence[Request], deadline: float) -> None:
        self.requests = tuple(requests)
        self.deadline = deadline
        """As `time.monotonic` counts."""
        self.future: Future[list[Scored]] = Future()
        self.explain = any(request.explain for request in requests)
        self._taken = 0
        self._answers: dict[int, Scored] = {}

    @property
    def left(self) -> int:
        """Questions that nobody has begun to judge."""
        return len(self.requests) - self._taken

    def result(self) -> list[Scored]:
        """Wait for the answers, one a question, in order.

        Raises:
            Refused: when there are none.
        """
        try:
            return self.future.result(max(0.0, self.deadline - time.monotonic()))
        except TimeoutError:
            self.future.cancel()
            raise DeadlinePassed from None

    def take(self, most: int) -> list[_Question]:
        """Hand out the next questions."""
        places = range(self._taken, min(self._taken + most, len(self.requests)))
        self._taken = places.stop
        return [_Question(self, place) for place in places]

    def answer(self, place: int, scored: Scored) -> None:
        """Take in one answer; the last one completes the ticket."""
        self._answers[place] = scored
        if len(self._answers) == len(self.requests):
            with suppress(InvalidStateError):  # nobody waits any more
                self.future.set_result([self._answers[number] for number in range(len(self.requests))])

    def refuse(self, reason: Refused) -> None:
        """End it without answers, unless it has ended."""
        with suppress(InvalidStateError):
            self.future.set_exception(reason)


@dataclass(frozen=True, slots=True)
class _Question:
    ticket: Ticket
    place: int

    @property
    def request(self) -> Request:
        return self.ticket.requests[self.place]

    def settle(self, scored: Scored) -> None:
        self.ticket.answer(self.place, scored)


@dataclass
class _Worker:
    """A thread that judges, and since when it has been at its batch, or at the probe."""

    judge: Judge
    since: float | None = None
    probing_since: float | None = None

    def begin(self) -> None:
        self.since = time.monotonic()

    def end(self) -> float:
        """Return the seconds that it took."""
        seconds, self.since = self.busy_for(), None
        return seconds

    def busy_for(self) -> float:
        since = self.since
        return 0.0 if since is None else time.monotonic() - since

    def probing_for(self) -> float:
        since = self.probing_since
        return 0.0 if since is None else time.monotonic() - since


class JudgingQueue:
    """Start it, submit to it from any thread, stop it."""

    def __init__(
        self,
        judges: Sequence[Judge],
        probe: Probe,
        limits: QueueLimits | None = None,
        judged: Callable[[int, float], None] = lambda size, seconds: None,
        turn: Turn = nullcontext,
    ) -> None:
        """Take guards, one a worker, and their probe; `judged` is told the size and the seconds of every batch.

        Where the guards share an engine, `turn` is what they wait for: the time of the probe runs from then on.
        """
        self.limits = limits or QueueLimits()
        self._probe = probe
        self._judged = judged
        self._turn = turn
        self._changed = threading.Condition()
        self._waiting: dict[Ticket, None] = {}
        self._depth = 0
        self._earliest = math.inf
        """No deadline of those that wait is before this."""
        self._problem: str | None = "The engine was not tried yet."
        self._next_check = math.inf
        self._tried = False
        self._pace = {True: 0.0, False: 0.0}
        """Seconds from one batch to the next, with rationales and without."""
        self._stopping = False
        self._workers = [_Worker(judge) for judge in judges]
        self._threads = [
            threading.Thread(target=self._run, args=(worker,), name="eyeward-judge", daemon=True)
            for worker in self._workers
        ]
        self._running = len(self._threads)

    @property
    def depth(self) -> int:
        """Questions that wait."""
        return self._depth

    @property
    def problem(self) -> str | None:
        """What is wrong with the engine, or None while it judges right."""
        if self._problem is not None:
            return self._problem
        longest = max(worker.busy_for() for worker in self._workers)
        if longest > self.limits.stall_seconds:
            return f"The engine has been at one batch for {longest:.0f} s."
        probing = max(worker.probing_for() for worker in self._workers)
        if probing > self.limits.probe_limit:
            return f"The probe image is not judged after {probing:.0f} s; {self.limits.probe_limit:g} s are allowed."
        return None

    def start(self) -> None:
        """Begin to judge, with the probe first."""
        for thread in self._threads:
            thread.start()

    def wait_for_probe(self, seconds: float) -> None:
        """Wait until the engine was tried for the first time, but no longer than so."""
        with self._changed:
            self._changed.wait_for(lambda: self._tried, seconds)

    def stop(self) -> None:
        """Take nothing in any more, judge what was taken in, and end; what takes too long is refused."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        end = time.monotonic() + self.limits.stop_seconds
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, end - time.monotonic()))
        self._refuse_all(Stopping)

    def check(self, questions: int, deadline: float, explain: bool) -> None:
        """Say at once that so many questions would not be taken in.

        Raises:
            Refused: when they would not.
        """
        with self._changed:
            self._check_room(questions, deadline, explain)

    def submit(self, requests: Sequence[Request], deadline: float) -> Ticket:
        """Take in questions that belong together; `deadline` is as `time.monotonic` counts.

        Raises:
            QueueFull: when there is no room for them, or they would have to wait past the deadline.
            EngineDown: while the engine does not judge.
            Stopping: when it was told to stop.
        """
        ticket = Ticket(requests, deadline)
        if not requests:
            ticket.future.set_result([])
            return ticket
        with self._changed:
            self._check_room(len(requests), deadline, ticket.explain)
            self._waiting[ticket] = None
            self._depth += len(requests)
            self._earliest = min(self._earliest, deadline)
            self._changed.notify()
        kept = weakref.ref(ticket)  # a future keeps what it called: the two would wait for the garbage collector
        ticket.future.add_done_callback(lambda _: self._forget(kept()))
        return ticket

    def _check_room(self, questions: int, deadline: float, explain: bool) -> None:
        if self._stopping:
            raise Stopping
        problem = self.problem
        if problem is not None:
            raise EngineDown(problem, self.limits.retry_seconds)
        if self._depth + questions > self.limits.waiting:
            self._drop_dead()
        wait = self._expected_wait(questions, explain)
        too_late = self._depth > 0 and time.monotonic() + wait > deadline
        if too_late or self._depth + questions > self.limits.waiting:
            raise QueueFull(wait)

    def _expected_wait(self, questions: int, explain: bool) -> float:
        """Return the seconds after which new questions would be answered, as far as recent batches tell."""
        pace = self._pace[explain]
        under_way = sum(max(0.0, pace - worker.busy_for()) for worker in self._workers if worker.since is not None)
        batches = -(-(self._depth + questions) // self.limits.together)
        return under_way + batches * pace

    def _forget(self, ticket: Ticket | None) -> None:
        """Take a ticket that has ended out of the queue; one that is gone was not in it."""
        with self._changed:
            if ticket is not None and ticket in self._waiting:
                del self._waiting[ticket]
                self._depth -= ticket.left

    def _drop_dead(self) -> None:
        now = time.monotonic()
        if now < self._earliest:
            return
        for ticket in [ticket for ticket in self._waiting if now >= ticket.deadline]:
            ticket.refuse(DeadlinePassed())
            self._forget(ticket)
        self._earliest = min((ticket.deadline for ticket in self._waiting), default=math.inf)

    def _run(self, worker: _Worker) -> None:
        try:
            if worker is self._workers[0]:
                self._check_engine(worker)
            while (questions := self._next()) is not None:
                if questions:
                    self._answer(worker, questions)
                else:
                    self._check_engine(worker)
        finally:
            with self._changed:
                self._running -= 1
                ended = self._running == 0
                if ended:
                    self._problem = self._problem or "All workers have ended."
            if ended:
                self._refuse_all(Stopping)

    def _next(self) -> list[_Question] | None:
        """Wait for questions; none when the engine is to be probed, None when all is done."""
        with self._changed:
            while True:
                self._drop_dead()
                now = time.monotonic()
                if now >= self._next_check and not self._stopping:
                    self._next_check = math.inf  # one worker is enough
                    return []
                if self._waiting:
                    return self._pick()
                if self._stopping:
                    return None
                self._changed.wait(min(self._next_check - now, _LONGEST_WAIT))

    def _pick(self) -> list[_Question]:
        """Take a batch: the first in the queue, and those behind it that are alike, with rationales or without."""
        picked: list[_Question] = []
        explain = next(iter(self._waiting)).explain
        for ticket in [ticket for ticket in self._waiting if ticket.explain is explain]:
            picked += ticket.take(self.limits.together - len(picked))
            if not ticket.left:
                del self._waiting[ticket]
            if len(picked) == self.limits.together:
                break
        self._depth -= len(picked)
        return picked

    def _answer(self, worker: _Worker, questions: Sequence[_Question]) -> None:
        """Judge a batch. What failed without a fault of the image's is settled last, when the engine was looked at."""
        worker.begin()
        doubtful: list[tuple[_Question, Scored]] = []
        for question, scored in zip(questions, _answers(worker.judge, questions), strict=True):
            error = scored.verdict.error
            if error is not None and error.type in _DOUBTFUL:
                doubtful.append((question, scored))
            else:
                question.settle(scored)
        side_by_side = sum(other.since is not None for other in self._workers)
        seconds = worker.end()
        explain = questions[0].ticket.explain
        known, latest = self._pace[explain], seconds / max(1, side_by_side)
        self._pace[explain] = latest if known == 0.0 else known + _LATEST * (latest - known)
        self._judged(len(questions), seconds)
        if doubtful:
            self._look_again(worker, doubtful, alone=len(questions) == 1, sound=len(doubtful) < len(questions))

    def _look_again(
        self, worker: _Worker, doubtful: Sequence[tuple[_Question, Scored]], alone: bool, sound: bool
    ) -> None:
        """Settle failures: is the engine down? If not, one image may have spoilt the batch of others."""
        problem = None if sound else self._check_engine(worker)
        for question, scored in doubtful:
            error = scored.verdict.error
            if problem is not None:
                question.ticket.refuse(EngineDown(problem, self.limits.retry_seconds))
            elif alone or error is None or error.type is not ErrorType.internal or question.ticket.future.done():
                question.settle(scored)
            else:
                worker.begin()
                question.settle(next(_answers(worker.judge, [question])))
                worker.end()

    def _check_engine(self, worker: _Worker) -> str | None:
        """Try the probe, and say what is wrong; then all that wait are refused."""
        limits = self.limits
        try:
            with self._turn():  # a batch of others may be under way: that is no fault of the engine
                worker.probing_since = time.monotonic()
                problem = self._probe()
                seconds = worker.probing_for()
                if problem is None and seconds > limits.probe_limit:
                    problem = f"The probe image took {seconds:.1f} s; {limits.probe_limit:g} s are allowed."
        except Exception as error:
            problem = f"The probe failed: {type(error).__name__}: {error}."
        with self._changed:
            self._problem = problem
            self._tried = True
            self._next_check = time.monotonic() + (limits.retry_seconds if problem else limits.probe_seconds)
            worker.probing_since = None
            self._changed.notify_all()
        if problem is not None:
            self._refuse_all(lambda: EngineDown(problem, limits.retry_seconds))
        return problem

    def _refuse_all(self, reason: Callable[[], Refused]) -> None:
        with self._changed:
            waiting = list(self._waiting)
            self._waiting.clear()
            self._depth = 0
        for ticket in waiting:
            ticket.refuse(reason())


def _answers(judge: Judge, questions: Sequence[_Question]) -> Iterator[Scored]:
    """Yield one answer a question, whatever the guard does; an answer to another question is none."""
    given = 0
    reason = "The guard gave too few answers."
    policies = {id(question.request.policy): question.request.policy for question in questions}
    hashes = {key: policy.hash for key, policy in policies.items()}
    try:
        for scored in judge.score_requests([question.request for question in questions]):
            if given == len(questions):
                break
            asked = questions[given].request
            if scored.verdict.policy.hash != hashes[id(asked.policy)] or scored.verdict.image != asked.key:
                reason = "The guard gave an answer to another question."
                break
            given += 1
            yield scored
    except Exception as error:
        reason = f"The guard failed: {type(error).__name__}."
    failure = Failure(type=ErrorType.internal, message=reason)
    for question in questions[given:]:
        asked = question.request
        yield Scored(Verdict.failed(failure, image=asked.key, policy=asked.policy.ref, model=judge.model))
