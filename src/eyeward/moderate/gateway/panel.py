"""Who judges for a gateway: readers around one engine, and the probe that says whether it judges right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

from eyeward.annotate.judging import Judge
from eyeward.annotate.known import Report, Screening
from eyeward.guard import Guard, Request, Scored
from eyeward.guard.self_check import settle
from eyeward.images import Limits
from eyeward.images.known import KnownHashes
from eyeward.policy import Policy
from eyeward.serve.canary import Canary, KnownAnswer, known_answers
from eyeward.serve.engine_thread import EngineThread
from eyeward.serve.loading import is_remote, load_within
from eyeward.serve.queue import Probe, Turn
from eyeward.serve.turns import TakingTurns
from eyeward.verdict import ModelRef

READERS = 2
"""Batches that are on their way: the images of one are read while another is judged."""

REMOTE_SECONDS = 30.0
"""What one image may take at a guard behind a server: thrice what its probe may."""


@dataclass(frozen=True)
class Panel:
    """Judges that may be asked at the same time, each by one thread."""

    judges: tuple[Judge, ...]
    limits: Limits
    """Those of the images."""
    together: int
    """Images that are judged together, whoever asked for them."""
    probe: Probe
    knows_answers: bool
    """Whether the probe images have known answers, or need only be judged; false where there is no probe."""
    seconds: float | None = None
    """What one image may take behind a server; None where the weights run here."""
    turn: Turn = nullcontext
    """What the judges wait for, and the probe."""

    @classmethod
    def of(cls, judge: Judge) -> Panel:
        """Return the panel of one judge that nobody probes."""
        limits: Limits = getattr(judge, "limits", Limits())
        return cls((judge,), limits, together=8, probe=lambda: None, knows_answers=False)

    @classmethod
    def around(
        cls,
        guard: Guard,
        answers: Sequence[KnownAnswer],
        known: KnownHashes | None = None,
        report: Report = lambda request, found: None,
        thread: EngineThread | None = None,
    ) -> Panel:
        """Return the panel of a guard. Its readers look at the lists of known images first, and `report` is told.

        `thread` is the one that loaded it, if it was one of its own.
        """
        engine = TakingTurns(guard.engine, thread)
        readers: list[Judge] = [replace(guard, engine=engine) for _ in range(READERS)]
        if known is not None:
            readers = [Screening(reader, known, guard.limits, report) for reader in readers]
        canary = Canary(replace(guard, engine=engine), answers)
        together = guard.engine.capabilities.prompts_at_once
        return cls(tuple(readers), guard.limits, together, canary, canary.knows_answers, turn=engine.turn)


@dataclass(frozen=True)
class Scoring:
    """A judge as a queue asks it: verdicts without numbers for every category."""

    judge: Judge

    @property
    def model(self) -> ModelRef:
        """The model of the judge."""
        return self.judge.model

    def score_requests(self, requests: Iterable[Request]) -> Iterator[Scored]:
        """Yield one answer a request, in order."""
        for verdict in self.judge.assess_requests(requests):
            yield Scored(verdict)


def load_panel(
    model: str,
    policy: Policy,
    device: str = "auto",
    known: KnownHashes | None = None,
    report: Report | None = None,
    seconds: float = REMOTE_SECONDS,
) -> tuple[Panel, tuple[str, ...]]:
    """Load a guard and check it; return its panel, and the categories of a policy that it cannot judge.

    `seconds` is what one image may take behind a server.

    Raises:
        EyewardError: when it cannot be loaded, answers otherwise than it should, or cannot be asked about the policy.
    """
    thread = EngineThread()
    subject = thread.do(lambda: load_within(model, seconds, device))
    try:
        thread.do(lambda: settle(subject, "refuse"))
        missed = subject.guard.coverage(policy).not_covered
        answers = known_answers(subject, subject.guard)
    except BaseException:
        subject.close()
        raise
    panel = Panel.around(subject.guard, answers, known, report or (lambda request, found: None), thread)
    return replace(panel, seconds=seconds if is_remote(model) else None), missed
