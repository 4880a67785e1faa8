"""A run: every image of a dataset answered exactly once under every policy, whatever happens in between.

The shard is the unit. It is judged, written where nobody looks, made to last, and given its name; its footer proves
what it answers. Whoever comes next, after a crash or beside this process, looks at the proofs and does what is missing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from eyeward.annotate.arrow import arrow
from eyeward.annotate.cache import Remembering, VerdictCache
from eyeward.annotate.claims import LEASE_SECONDS, Claim, Claims, worker_name
from eyeward.annotate.explain import Explain
from eyeward.annotate.item import Item, Shard
from eyeward.annotate.judging import Judge, drawn, judged
from eyeward.annotate.known import Report, Screening, unreported
from eyeward.annotate.ledger import Ledger
from eyeward.annotate.looks import NO_LOOK, Looks
from eyeward.annotate.progress import ERROR, Progress, Watch
from eyeward.annotate.record import RunRecord
from eyeward.annotate.shard_file import Overtaken, Proof, Reached, ShardFile, Step
from eyeward.annotate.sources import Kind, Source, open_source
from eyeward.annotate.storage import Storage, storage_at
from eyeward.annotate.tasks import Answered, Task, refuse_strangers, tasks_of
from eyeward.annotate.videos import Viewing
from eyeward.errors import DataError, ErrorType, EyewardError, UsageError
from eyeward.guard import Guard
from eyeward.images.known import KnownHashes
from eyeward.policy import Policy
from eyeward.verdict import Verdict

SILENT_ROWS = 100
"""Questions in a row that no engine answered; then a run stops."""
WAIT_SECONDS = 1.0
"""Between two looks at shards that others work at."""


def annotate(
    source: Source | str | Path | Sequence[str],
    out: str | Path | Storage,
    guard: Guard,
    policies: Sequence[Policy | str] = ("default",),
    *,
    explain: Explain | str = "never",
    sample: int | None = None,
    phash: bool = False,
    statistics: bool = False,
    known: KnownHashes | None = None,
    report: Report = unreported,
    cache: VerdictCache | None = None,
    rank: int = 0,
    world_size: int = 1,
    retry_failed: bool = False,
    redo_changed: bool = False,
    lease: float = LEASE_SECONDS,
    watch: Watch = lambda progress: None,
    reached: Reached = lambda step, shard: None,
) -> Progress:
    """Judge a dataset and write a Parquet file for each of its shards; go on with a run that was stopped.

    `out` is a folder, or an address in an object store (`s3://bucket/run`). Several processes may work at one: they
    claim shards, for the length of a `lease` in seconds, or share them by `rank` and `world_size`. `sample` draws so
    many images, spread over all shards. `phash` and `statistics` fill columns about how images look. With
    `retry_failed` shards are judged again that hold failures which may have passed, such as a server that was down;
    with `redo_changed` those whose input has changed. Images in `known` are Unsafe before they are judged, and `report`
    is told of them. `cache` holds verdicts of other runs. `watch` is told after every row, `reached` at every step of a
    shard.

    Returns what there is in the end; `unread` names the shards that could not be read, all others are done.

    Raises:
        UsageError: when there is another run, or an argument makes no sense.
        PolicyError: when a policy cannot be read or cannot be asked of the guard.
        EyewardError: when the guard answers nothing at all; shards that are finished stay.
        OSError: when the output cannot be written; shards that are finished stay.
    """
    arrow()
    chosen = [Policy.load(policy) if isinstance(policy, str) else policy for policy in policies]
    check(chosen, sample, rank, world_size)
    opened = source if isinstance(source, Source) else open_source(source, limits=guard.limits)
    explained = explain if isinstance(explain, Explain) else Explain.parse(explain)
    storage = storage_at(out)
    run = Run.prepared(
        opened,
        storage,
        guard,
        chosen,
        explained,
        sample=sample,
        phash=phash,
        statistics=statistics,
        known=known,
        report=report,
        cache=cache,
        retry_failed=retry_failed,
        redo_changed=redo_changed,
        watch=watch,
        reached=reached,
    )
    tasks = tasks_of(opened.shards, sample)
    refuse_strangers(storage, tasks)
    return run.work(tasks[rank::world_size], Claims(storage, lease))


@dataclass
class Run:
    """A run where it lies, with the guard that judges what is missing."""

    guard: Guard
    judge: Judge
    """The guard, or what stands before it."""
    policies: Sequence[Policy]
    explain: Explain
    record: RunRecord
    ledger: Ledger
    watch: Watch
    reached: Reached
    storage: Storage
    answered: Answered
    retry_failed: bool

    @classmethod
    def prepared(
        cls,
        source: Source,
        storage: Storage,
        guard: Guard,
        policies: Sequence[Policy],
        explain: Explain,
        *,
        sample: int | None = None,
        phash: bool = False,
        statistics: bool = False,
        known: KnownHashes | None = None,
        report: Report = unreported,
        cache: VerdictCache | None = None,
        retry_failed: bool = False,
        redo_changed: bool = False,
        watch: Watch = lambda progress: None,
        reached: Reached = lambda step, shard: None,
    ) -> Self:
        """Go on with the run that lies there, or begin one; of the source the shards do not count.

        Raises:
            UsageError: when there is another run, or an argument does not go with videos.
            PolicyError: when a policy cannot be asked of the guard.
        """
        videos, packed = source.sampling is not None, source.kind is Kind.tar
        if videos and (phash or statistics or cache is not None):
            raise UsageError(
                "Videos have no perceptual hash and no statistics, and are kept in no cache; leave --phash, "
                "--statistics and --cache out" + (", or have images alone judged: --kind tar." if packed else ".")
            )
        digest = None if known is None else known.digest
        record = RunRecord.of(source, guard, policies, explain, sample, phash, digest, statistics)
        record.keep(storage)
        judge: Judge = guard
        if cache is not None:
            decides = {policy.hash: record.decides(policy) for policy in policies}
            judge = Remembering(judge, cache, decides, guard.limits)
        if source.sampling is not None:
            judge = Viewing(judge, source.sampling, guard.limits)
        if known is not None:
            judge = Screening(judge, known, guard.limits, report)
        ledger = Ledger(storage, worker_name())
        answered = Answered(storage, record.fingerprint, redo_changed)
        return cls(guard, judge, policies, explain, record, ledger, watch, reached, storage, answered, retry_failed)

    def work(self, tasks: Sequence[Task], claims: Claims) -> Progress:
        """Do all tasks that nobody else does, and wait for those that others do."""
        progress = Progress(len(tasks))
        waiting = self.answered.left_of(tasks, progress, self.retry_failed)
        self.watch(progress)
        while waiting:
            left = []
            for task in waiting:
                if not self.do(task, claims, progress):
                    left.append(task)
            if len(left) == len(waiting):
                time.sleep(min(WAIT_SECONDS, claims.lease / 4))
                left = self.answered.left_of(left, progress, self.retry_failed)
            waiting = left
            self.retry_failed = False  # once is enough: what fails again stays failed
        claims.forget(task.shard.name for task in tasks)
        self.storage.sweep({task.file for task in tasks})
        return progress

    def do(self, task: Task, claims: Claims, progress: Progress) -> bool:
        """Return whether a task is settled: done here, done by another, or its shard cannot be read."""
        claim = claims.take(task.shard.name)
        if claim is None:
            return False
        with claim:
            if claim.before is not None:
                self.storage.draft(task.file, claim.before.token).discard()
            if self.answered.is_done(task, progress, self.retry_failed):
                return True
            progress.begin(task.shard.name)
            try:
                self._write(task, claim, progress)
            except BaseException as problem:
                progress.abandon()
                if isinstance(problem, Overtaken):
                    return False
                if isinstance(problem, DataError):
                    progress.unread[task.shard.name] = str(problem)
                    self.watch(progress)
                    return True
                raise
            progress.finish()
            self.watch(progress)
            return True

    def _write(self, task: Task, claim: Claim, progress: Progress) -> None:
        began = time.monotonic()
        shard = task.shard
        identity = shard.identity()
        with ExitStack() as stack:
            looks = None
            if self.record.phash or self.record.statistics:
                looks = stack.enter_context(
                    Looks(self.guard.limits, phash=self.record.phash, statistics=self.record.statistics)
                )
            file = stack.enter_context(
                ShardFile(
                    self.storage.draft(task.file, claim.owner.token),
                    shard.name,
                    self.reached,
                    videos=self.record.sampling is not None,
                    statistics=self.record.statistics,
                )
            )
            last: Item | None = None
            silent = 0
            found = judged(self.judge, self._items(task, looks), self.policies, self.explain)
            for item, verdict in stack.enter_context(closing(found)):
                file.add(item, verdict, NO_LOOK if looks is None else looks.of(item))
                progress.add(verdict, item is not last)
                last = item
                self.watch(progress)
                silent = 0 if verdict.rating is not None else silent + _is_unavailable(verdict)
                if silent >= SILENT_ROWS:
                    raise self._silence(shard, silent)
            counts = file.counts
            if silent and set(counts.ratings) == {ERROR}:
                raise self._silence(shard, silent)
            proof = Proof(
                shard=shard.name,
                fingerprint=self.record.fingerprint,
                input=identity,
                sample=task.draws,
                counts=counts,
            )
            file.finish(proof, claim.is_held)
        self.reached(Step.before_ledger, shard.name)
        self.ledger.write(shard.name, counts, time.monotonic() - began)
        self.reached(Step.ledger_written, shard.name)

    def _items(self, task: Task, looks: Looks | None) -> Iterable[Item]:
        only = None if task.draws is None else drawn(task.shard.keys(), task.draws)
        items = task.shard.items(only=only)
        return items if looks is None else looks.passing(items)

    def _silence(self, shard: Shard, questions: int) -> EyewardError:
        """Return the error that stops a run before a dead server turns a whole dataset into errors."""
        return EyewardError(
            f"The engine of the guard {self.guard.model.name!r} is not available: {questions} questions about "
            f"{shard.name!r} one after the other, and no answer. Nothing of this shard is written; start again when it "
            "is back."
        )


def _is_unavailable(verdict: Verdict) -> bool:
    return verdict.error is not None and verdict.error.type is ErrorType.engine_unavailable


def check(policies: Sequence[Policy], sample: int | None, rank: int, world_size: int) -> None:
    """Refuse what makes no sense, before anything is loaded.

    Raises:
        UsageError: for such.
    """
    if not policies:
        raise UsageError("No policy is named; name one at least.")
    hashes = [policy.hash for policy in policies]
    if len(set(hashes)) < len(hashes):
        raise UsageError("Two of the policies say the same; name each once.")
    if sample is not None and sample < 1:
        raise UsageError(f"A sample has at least one image, not {sample}.")
    if not 0 <= rank < world_size:
        raise UsageError(f"The rank is a number from 0 to {world_size - 1}, the world size less one; it is {rank}.")
