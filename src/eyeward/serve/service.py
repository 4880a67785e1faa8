"""From uploads to verdicts: policies are chosen, addresses fetched, known images found, the others judged."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from eyeward.engine.protocol import TextSegment
from eyeward.engine.recent import Recent
from eyeward.errors import ErrorType, PolicyError
from eyeward.guard import Coverage, Guard, Request, Scored
from eyeward.guard.profile import Question
from eyeward.images.fetch import Fetcher, FetchRules
from eyeward.images.known import Digests, KnownHashes, verdict_of_known
from eyeward.policy import Policy
from eyeward.policy.lint import Finding
from eyeward.serve.canary import Canary, KnownAnswer
from eyeward.serve.engine_thread import EngineThread
from eyeward.serve.fetching import Content, Fetching
from eyeward.serve.in_flight import InFlight
from eyeward.serve.keys import Keys, Principal
from eyeward.serve.landing import Landing, end
from eyeward.serve.logs import log
from eyeward.serve.metrics import Metrics
from eyeward.serve.policies import PolicyBook, read_policy
from eyeward.serve.queue import JudgingQueue
from eyeward.serve.refusals import (
    BadRequest,
    DeadlinePassed,
    Disconnected,
    EngineDown,
    NotAllowed,
    Refused,
    Unjudgeable,
)
from eyeward.serve.settings import ServeSettings
from eyeward.serve.texts import TextModerator
from eyeward.serve.threads import LARGE, Threads, beside
from eyeward.serve.turns import TakingTurns
from eyeward.serve.uploads import Upload
from eyeward.verdict import Failure, Verdict

if TYPE_CHECKING:
    from eyeward.serve.counters import Counters

Gone = Callable[[], Awaitable[None]]
"""Returns when nobody waits for the answer any more."""
SMALL = 16 << 10
"""Bytes of an image up to which the thread that has it judged decodes it as well."""
READERS_OF_POLICIES, POLICIES_WAITING = 2, 128
"""Policies that were sent and are read at the same time, and those that may wait for that."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was understood."""

    images: tuple[Upload, ...]
    policies: tuple[Policy, ...]
    explain: bool
    deadline: float
    """As `time.monotonic` counts."""


class Service:
    """Everything behind the routes; made once, used by the event loop."""

    def __init__(
        self,
        guard: Guard,
        answers: Sequence[KnownAnswer],
        *,
        keys: Keys | None = None,
        book: PolicyBook | None = None,
        settings: ServeSettings | None = None,
        fetcher: Fetcher | None = None,
        known: KnownHashes | None = None,
        texts: TextModerator | None = None,
        counters: Counters | None = None,
        thread: EngineThread | None = None,
    ) -> None:
        """Put the parts together; `answers` are what the engine is probed with, `thread` the one that loaded it."""
        self.settings = settings or ServeSettings()
        self._engine = TakingTurns(guard.engine, thread)
        self.guard = replace(guard, limits=self.settings.image, engine=self._engine, decoded_at_once=SMALL)
        self.keys = keys or Keys(None)
        self.book = book or PolicyBook()
        self.metrics = Metrics()
        self.texts = texts
        self._counters = counters
        self.in_flight = InFlight(self.settings.bytes_in_flight)
        fetcher = fetcher or Fetcher(FetchRules())
        self._fetching = Fetching(fetcher, self.settings.fetches, self.in_flight)
        self._reading = Threads("eyeward-policy", READERS_OF_POLICIES, POLICIES_WAITING)
        self.known = known or KnownHashes(frozenset())
        self._asker = replace(self.guard)
        """Asked about policies by other threads than the engine's; it has a memory of its own."""
        self._asking = threading.Lock()
        self._covered: Recent[str, Coverage] = Recent(256)
        self._told: str | None = "nothing yet"
        self._landings: dict[str, Landing] = {}
        self.canary = Canary(replace(guard, engine=self._engine), answers)
        judges = [replace(self.guard) for _ in range(self.settings.readers)]
        self.queue = JudgingQueue(judges, self._probe, self.settings.queue, self.metrics.batch, self._engine.turn)

    def principal(self, headers: Mapping[str, str]) -> Principal:
        """Return who sends a request with these headers.

        Raises:
            NoKey: when nobody is known by its key.
        """
        scheme, _, key = headers.get("authorization", "").partition(" ")
        return self.keys.principal(key.strip() if scheme.lower() == "bearer" else headers.get("x-api-key"))

    async def coverage(self, policy: Policy) -> Coverage:
        """Say what of a policy the guard can judge.

        Raises:
            Unjudgeable: when it cannot be asked at all.
        """
        name = policy.hash
        known = self._covered.get(name)
        found = await asyncio.to_thread(self._coverage, policy) if known is None else known
        return self._covered.get_or_make(name, lambda: found)

    async def read(self, text: str) -> tuple[Policy, tuple[Finding, ...]]:
        """Read a policy that was sent, with the doubts about it, in threads that nobody else waits for.

        Raises:
            PolicyRejected: when there are errors in it.
            TooBusy: when too many wait to be read.
        """
        return await self._reading.do(lambda: read_policy(text))

    async def policies(
        self, principal: Principal, wanted: Sequence[str], deadline: float | None = None
    ) -> tuple[Policy, ...]:
        """Return the policies of a request: names, or whole policies as YAML; the key's own where none is named.

        `deadline` is as `time.monotonic` counts; None: that of a request that begins now.

        Raises:
            NotAllowed: when the key may not use one of them.
            Unjudgeable: when there is no such policy, or it cannot be asked.
            DeadlinePassed: when they cannot be read in time.
        """
        if len(wanted) > self.settings.questions:  # before any of them is looked for
            raise Unjudgeable(
                f"A request names at most {self.settings.questions} policies; here they are {len(wanted)}."
            )
        names = wanted or principal.policies[:1] or (self.book.default.name,)
        end = self.deadline(None) if deadline is None else deadline
        found = []
        for name in names:
            inline = "\n" in name or "{" in name
            policy = await self._inline(principal, name, end) if inline else self._named(principal, name)
            await self.coverage(policy)
            found.append(policy)
        return tuple(found)

    async def prompt(self, policy: Policy) -> tuple[str, ...]:
        """Return the exact text that asks the guard about a policy, cut where the image stands.

        Raises:
            Unjudgeable: when it cannot be asked at all.
        """
        question = await asyncio.to_thread(self._question, policy)
        texts = [""]
        for segment in question.segments:
            if isinstance(segment, TextSegment):
                texts[-1] += segment.text
            else:
                texts.append("")
        return tuple(texts)

    def deadline(self, seconds: float | None) -> float:
        """Return when a request that begins now has to be answered; it may ask for less time than others get."""
        return time.monotonic() + min(self.settings.deadline, seconds or self.settings.deadline)

    def check_room(self) -> None:
        """Say at once that not even one question would be taken in now.

        Raises:
            Refused: when that is so.
        """
        self.queue.check(1, self.deadline(None), False)

    async def let_in(self) -> None:
        """Wait for the turn to be taken apart, as one request is in each round of the event loop.

        Raises:
            Refused: at once, when there is no room with those who wait for their turn.
        """
        door = self._landing_here("door")
        self.queue.check(1 + len(door), self.deadline(None), False)
        turn = door.loop.create_future()
        door.wake(turn)
        await turn

    async def judged(self, asked: Asked, gone: Gone) -> list[list[Scored]]:
        """Return what is said of each image, under each policy.

        Raises:
            Refused: when that is nothing.
        """
        self._check_size(asked)
        if all(upload.url is None for upload in asked.images):
            return await self._judged(asked, [upload.data or b"" for upload in asked.images], gone)
        self.queue.check(len(asked.images) * len(asked.policies), asked.deadline, asked.explain)  # nothing is in vain
        async with self._fetching.contents(asked.images, asked.deadline, gone) as contents:
            return await self._judged(asked, contents, gone)

    def close(self) -> None:
        """Judge what was taken in, and end."""
        self._reading.close(wait=False)
        self.queue.stop()
        self._engine.close()
        if self._counters is not None:
            self._counters.close()

    def _coverage(self, policy: Policy) -> Coverage:
        with self._asking:
            try:
                return self._asker.coverage(policy)
            except PolicyError as problem:
                raise Unjudgeable(str(problem)) from None

    def _question(self, policy: Policy) -> Question:
        with self._asking:
            try:
                return self._asker.profile.question(policy)
            except PolicyError as problem:
                raise Unjudgeable(str(problem)) from None

    async def _inline(self, principal: Principal, text: str, deadline: float) -> Policy:
        if not principal.inline_policies:
            raise NotAllowed(f"The key {principal.name!r} may not send a policy along; name one that is kept here.")
        if len(text) > self.settings.inline_bytes:
            raise Unjudgeable(f"A policy that is sent along has at most {self.settings.inline_bytes:,} letters.")
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                policy, coverage = await self._reading.do(lambda: self._sent(text))
        except TimeoutError:
            raise DeadlinePassed from None
        self._covered.get_or_make(policy.hash, lambda: coverage)
        return policy

    def _sent(self, text: str) -> tuple[Policy, Coverage]:
        policy, _ = read_policy(text)
        return policy, self._coverage(policy)

    def _named(self, principal: Principal, name: str) -> Policy:
        try:
            policy = self.book.find(name)
        except PolicyError as problem:
            raise Unjudgeable(f"The policy {name!r} cannot be read: {problem.message}") from None
        if policy is None or not principal.may_use(policy.name, policy.version):
            if principal.policies:
                raise NotAllowed(f"The key {principal.name!r} may use {', '.join(principal.policies)}, not {name!r}.")
            raise Unjudgeable(f"There is no policy {name!r}; GET /v1/policies lists those that there are.")
        return policy

    def _check_size(self, asked: Asked) -> None:
        settings = self.settings
        if not asked.images:
            raise BadRequest("There is no image in this request.")
        if len(asked.images) > settings.images:
            raise Unjudgeable(f"A request holds at most {settings.images} images; this one has {len(asked.images)}.")
        questions = len(asked.images) * len(asked.policies)
        if questions > settings.questions:
            raise Unjudgeable(
                f"Images times policies are at most {settings.questions} in one request; here they are {questions}."
            )

    async def _judged(self, asked: Asked, contents: Sequence[Content], gone: Gone) -> list[list[Scored]]:
        known = await self._known(contents)
        answers = [
            self._without_engine(asked, upload, data, sha256)
            for upload, data, sha256 in zip(asked.images, contents, known, strict=True)
        ]
        requests = [
            Request(data, policy, asked.explain, upload.name)
            for upload, data, answer in zip(asked.images, contents, answers, strict=True)
            for policy in asked.policies
            if answer is None and isinstance(data, bytes)
        ]
        judged = iter(await self._from_queue(requests, asked.deadline, gone))
        whole = [answer or [next(judged) for _ in asked.policies] for answer in answers]
        for scored in (scored for row in whole for scored in row):
            self.metrics.verdict(scored.verdict)
            if self._counters is not None:
                self._counters.add(scored.verdict)
        _refuse_if_silent([scored.verdict for row in whole for scored in row])
        return whole

    async def _known(self, contents: Sequence[Content]) -> list[str | None]:
        """Return the SHA-256 of each image that is on a list, None for all others."""
        if not self.known.hashes:
            return [None] * len(contents)
        images = [data if isinstance(data, bytes) else None for data in contents]
        size = sum(len(data) for data in images if data is not None)
        size = LARGE if self.known.holds_pdq else size  # then they are decoded
        return await beside(size, lambda: [None if data is None else self._listed(data) for data in images])

    def _listed(self, data: bytes) -> str | None:
        digests = Digests.of([data])
        found = self.known.match_digests(digests) or self.known.match_pictures(data, self.settings.image)
        return None if found is None else digests.sha256

    def _without_engine(self, asked: Asked, upload: Upload, data: Content, known: str | None) -> list[Scored] | None:
        """Answer for an image that is not there, or is known; None for all others."""
        model = self.guard.model
        if isinstance(data, Failure):
            return [
                Scored(Verdict.failed(data, image=upload.name, policy=policy.ref, model=model))
                for policy in asked.policies
            ]
        if known is None:
            return None
        self.metrics.match()
        log("hash_match")
        return [Scored(verdict_of_known(known, upload.name, policy.ref, model)) for policy in asked.policies]

    async def _from_queue(self, requests: Sequence[Request], deadline: float, gone: Gone) -> list[Scored]:
        """Wait for the answers, but no longer than somebody wants them."""
        ticket = self.queue.submit(requests, deadline)
        if ticket.future.done():
            return ticket.future.result()
        landing = self._landing_here("answers")
        waiter: asyncio.Future[None] = landing.loop.create_future()
        ticket.future.add_done_callback(lambda _: landing.wake(waiter))
        watch = asyncio.ensure_future(gone())
        watch.add_done_callback(lambda _: end(waiter))
        late = landing.loop.call_later(max(0.0, deadline - time.monotonic()), end, waiter)
        try:
            await waiter
            if ticket.future.done():
                return ticket.future.result()
            raise Disconnected if watch.done() else DeadlinePassed
        finally:
            ticket.future.cancel()
            watch.cancel()
            late.cancel()

    def _landing_here(self, what: str) -> Landing:
        """Return where something lands for this event loop."""
        loop = asyncio.get_running_loop()
        landing = self._landings.get(what)
        if landing is None or landing.loop is not loop:
            landing = self._landings[what] = Landing(loop)
        return landing

    def _probe(self) -> str | None:
        """Try the engine, and say in the log when it changes its mind."""
        problem = self.canary()
        if problem != self._told:
            self._told = problem
            log("engine_up" if problem is None else "engine_down", problem=problem)
        return problem


def _refuse_if_silent(verdicts: Sequence[Verdict]) -> None:
    """Refuse a request of which the engine answered nothing, though no image was at fault."""
    types = {None if verdict.error is None else verdict.error.type for verdict in verdicts}
    if not types <= {ErrorType.engine_unavailable, ErrorType.deadline}:
        return
    reason: Refused = DeadlinePassed()
    if ErrorType.engine_unavailable in types:
        reason = EngineDown("The engine did not answer; it may do so when it is asked again.", 1.0)
    raise reason
