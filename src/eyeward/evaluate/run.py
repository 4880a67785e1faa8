"""A run: every question put to every guard once, whatever happens in between, and what came of it on disk."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

import eyeward
from eyeward.errors import PASSING, PolicyError, UsageError, described
from eyeward.evaluate.covered import GuardCoverage
from eyeward.evaluate.outcome import Outcome
from eyeward.evaluate.outcome_file import FILE_NAME as OUTCOMES
from eyeward.evaluate.outcome_file import arrow, read_outcomes, write_outcomes
from eyeward.evaluate.questions import Ask
from eyeward.guard import Guard, Request
from eyeward.policy import Policy
from eyeward.verdict import ModelRef

RUN_FILE = "run.json"
PARTS = "parts"
PART_QUESTIONS = 256
PART_SECONDS = 30.0
"""A part is written when it has so many answers, or is so old."""


class GuardRecord(BaseModel):
    """What decides a guard's answers, as far as it can be known from outside of its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelRef
    settings: str
    """Fingerprint of calibration, threshold, review band and scope check."""
    coverage: GuardCoverage | None = None
    """What it can judge of each policy; None in runs of an older Eyeward."""
    identity: str | None = None
    """Fingerprint of what else of a checkpoint or a server decides answers; None in runs of an older Eyeward."""

    def answers_like(self, other: GuardRecord) -> bool:
        """Whether answers of both may stand in one run."""
        later = ((self.coverage, other.coverage), (self.identity, other.identity))
        same = (self.model, self.settings) == (other.model, other.settings)
        return same and all(None in pair or pair[0] == pair[1] for pair in later)


class RunRecord(BaseModel):
    """What stands in `run.json`: what was asked, of whom."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    eyeward: str
    data: str
    questions: int
    fingerprint: str
    """Of the questions and of whether rationales were asked for."""
    explain: bool
    guards: dict[str, GuardRecord] = {}
    policies: dict[str, Policy]
    """By hash."""


@dataclass(frozen=True)
class Run:
    """The folder of a run. While guards are asked their answers lie in parts, afterwards in `outcomes.parquet`."""

    folder: Path
    asks: tuple[Ask, ...]
    explain: bool

    @classmethod
    def open(cls, folder: Path, data: str, asks: Sequence[Ask], explain: bool = False) -> Self:
        """Begin a run, or go on with one that was stopped.

        Raises:
            UsageError: when the folder holds something else, or a run with other questions.
        """
        arrow()
        record = RunRecord(
            eyeward=eyeward.__version__,
            data=data,
            questions=len(asks),
            fingerprint=_fingerprint([ask.question.model_dump(mode="json") for ask in asks], explain),
            explain=explain,
            policies={ask.policy.hash: ask.policy for ask in asks},
        )
        if (folder / RUN_FILE).is_file():
            before = read_run(folder)
            if before.fingerprint != record.fingerprint:
                raise UsageError(_other_questions(folder, before, record))
        elif folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
            raise UsageError(f"{folder} is not empty and holds no evaluation; name a new folder.")
        else:
            folder.mkdir(parents=True, exist_ok=True)
            _write_run(folder, record)
        return cls(folder, tuple(asks), explain)

    def answered(self, name: str) -> dict[int, Outcome]:
        """Return what a guard has said so far, by number of the question."""
        files = [self.folder / OUTCOMES, *sorted(self._parts(name))]
        return {
            outcome.question.number: outcome
            for file in files
            if file.is_file()
            for outcome in read_outcomes(file)
            if outcome.guard == name
        }

    def ask(
        self, name: str, guard: Guard, progress: Callable[[], None] = lambda: None, retry_failed: bool = False
    ) -> int:
        """Put every question to a guard that it has not answered yet; return how many these were.

        What it has said is kept, whatever ends this: an interrupt, an exception, the machine. With `retry_failed`
        questions are put again that failed for a reason which may have passed, such as a server that was down.

        Raises:
            UsageError: when another guard was asked in this folder under this name.
        """
        policies = {ask.policy.hash: ask.policy for ask in self.asks}
        coverage = GuardCoverage.of(guard, policies.values())
        record = GuardRecord(model=guard.model, settings=_settings(guard), coverage=coverage, identity=_identity(guard))
        before = read_run(self.folder)
        if not before.guards.get(name, record).answers_like(record):
            raise UsageError(
                f"{self.folder} holds answers of another {name!r}: its weights, its files, its server or its "
                "threshold have changed, or what it covers. Name a new folder."
            )
        _write_run(self.folder, before.model_copy(update={"guards": {**before.guards, name: record}}))
        answered = self.answered(name)
        done = {number for number, outcome in answered.items() if not (retry_failed and _may_pass(outcome))}
        for _ in done:
            progress()
        waiting = [ask for ask in self.asks if ask.question.number not in done]
        self._keep(name, self._outcomes(name, guard, waiting, progress))
        return len(waiting)

    def _outcomes(
        self, name: str, guard: Guard, asks: Sequence[Ask], progress: Callable[[], None]
    ) -> Iterator[Outcome]:
        requests = (Request(ask.source, ask.policy, self.explain, ask.question.image) for ask in asks)
        verdicts = guard.assess_requests(requests)
        for ask, verdict in zip(asks, verdicts, strict=True):
            yield Outcome(question=ask.question, guard=name, verdict=verdict)
            progress()

    def _keep(self, name: str, outcomes: Iterable[Outcome]) -> None:
        """Write outcomes in numbered parts as they come; a later part is right where an earlier one has the same."""
        (self.folder / PARTS).mkdir(exist_ok=True)
        part: list[Outcome] = []
        began = time.monotonic()
        try:
            for outcome in outcomes:
                part.append(outcome)
                if len(part) >= PART_QUESTIONS or time.monotonic() - began > PART_SECONDS:
                    self._write_part(name, part)
                    part, began = [], time.monotonic()
        finally:
            if part:
                self._write_part(name, part)

    def _write_part(self, name: str, part: Sequence[Outcome]) -> None:
        written = sum(1 for _ in self._parts(name))
        write_outcomes(self.folder / PARTS / f"{_file_name(name)}-{written:06}.parquet", part)

    def _parts(self, name: str) -> Iterator[Path]:
        return (self.folder / PARTS).glob(f"{_file_name(name)}-*.parquet")

    def finish(self) -> dict[str, list[Outcome]]:
        """Put all parts together and return the outcomes of every guard of the folder that answered everything."""
        found = {}
        for name in read_run(self.folder).guards:
            answers = self.answered(name)
            if len(answers) == len(self.asks):
                found[name] = [answers[ask.question.number] for ask in self.asks]
        write_outcomes(self.folder / OUTCOMES, [outcome for said in found.values() for outcome in said])
        for name in found:
            for part in list(self._parts(name)):
                part.unlink()
        if (self.folder / PARTS).is_dir() and not any((self.folder / PARTS).iterdir()):
            shutil.rmtree(self.folder / PARTS)
        return found


def read_run(folder: Path) -> RunRecord:
    """Read the record of a run.

    Raises:
        UsageError: when there is none.
    """
    file = folder / RUN_FILE
    try:
        return RunRecord.model_validate_json(file.read_text(encoding="utf-8"))
    except OSError as problem:
        raise UsageError(f"{folder} holds no evaluation: {file} cannot be read; {problem.strerror}.") from problem
    except PolicyError as problem:
        raise UsageError(f"{file} holds a policy that makes no sense: {problem}") from problem
    except ValidationError as problem:
        raise UsageError(f"{file} is not the record of an evaluation: {described(problem)}.") from problem


def read_run_outcomes(folder: Path) -> dict[str, list[Outcome]]:
    """Return the outcomes of a finished run by guard.

    Raises:
        UsageError: when the folder holds none.
    """
    found: dict[str, list[Outcome]] = {}
    for outcome in read_outcomes(folder / OUTCOMES):
        found.setdefault(outcome.guard, []).append(outcome)
    return found


def name_guards(models: Sequence[str]) -> Mapping[str, str]:
    """Return the model to load by the name that its guard has in a run: what was typed, without what all share.

    Raises:
        UsageError: when a model is named twice.
    """
    twice = next((model for model in models if models.count(model) > 1), None)
    if twice is not None:
        raise UsageError(f"--model {twice} is given twice; name each guard once.")
    short = {model: Path(model).absolute().name if "://" not in model else model for model in models}
    unique = len(set(short.values())) == len(short)
    return {short[model] if unique else model: model for model in models}


def _write_run(folder: Path, record: RunRecord) -> None:
    unfinished = folder / f".{RUN_FILE}.unfinished"
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(record.model_dump_json(indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / RUN_FILE)


def _fingerprint(*parts: Any) -> str:
    text = json.dumps(parts, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _settings(guard: Guard) -> str:
    rule = None if guard.rule is None else guard.rule.model_dump(mode="json")
    return _fingerprint(rule, guard.scope_threshold)


def _identity(guard: Guard) -> str:
    scope = None if guard.scope is None else guard.scope.digest
    return _fingerprint(dict(guard.settings), guard.engine.capabilities.served, scope)


def _may_pass(outcome: Outcome) -> bool:
    return outcome.verdict.error is not None and outcome.verdict.error.type in PASSING


def _file_name(guard: str) -> str:
    """Return what the parts of a guard are called; names may hold anything."""
    return f"{re.sub(r'[^A-Za-z0-9.]+', '_', guard)[-40:]}.{_fingerprint(guard)[:8]}"


def _other_questions(folder: Path, before: RunRecord, now: RunRecord) -> str:
    if before.explain != now.explain:
        what = "with rationales" if before.explain else "without rationales"
    elif before.questions != now.questions:
        what = f"of {before.questions} questions; there are {now.questions} now"
    else:
        what = "with other labels, images or policies"
    return f"{folder} holds an evaluation {what}. Name a new folder, or ask the same again to go on with it."
