"""Test cases of a policy: images with the verdict that its owner expects, and what a guard said of them.

They lie beside the versions of the policy, in `NAME/cases/`: the image, its expectation, and the results by version.
This is the one place where a service keeps an image, because somebody asked it to.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eyeward.images.hashes import sha256_of_bytes
from eyeward.policy import Policy
from eyeward.serve.refusals import NotAllowed, NotThere, Refused, Unjudgeable
from eyeward.verdict import ModelRef, PolicyRef, Rating, Verdict

MOST_CASES = 64
LONGEST_NAME = 120
_ID = re.compile(r"[0-9a-f]{64}")
_POLICY = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
Record = TypeVar("Record", bound=BaseModel)


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Case(_Closed):
    """An image, named by its hash, and what is expected of it."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    rating: Rating
    category: str | None = None
    """The id; None: any."""
    added_by: str
    added: datetime

    @property
    def wanted(self) -> str:
        """What is expected, for people."""
        return self.rating.value + (f", {self.category}" if self.category else "")

    def outcome(self, verdict: Verdict) -> CaseOutcome:
        """Compare a verdict with what is expected; what was not judged never passes."""
        id = None if verdict.category is None else verdict.category.partition(":")[0]
        right = verdict.rating is self.rating and self.category in (None, id)
        return CaseOutcome(
            sha256=self.sha256,
            wanted_rating=self.rating,
            wanted_category=self.category,
            rating=verdict.rating,
            category=verdict.category,
            p_unsafe=verdict.p_unsafe,
            rationale=verdict.rationale,
            error=None if verdict.error is None else verdict.error.message,
            passed=right and verdict.error is None,
        )


class CaseOutcome(_Closed):
    """What came of a case."""

    sha256: str
    wanted_rating: Rating
    wanted_category: str | None
    rating: Rating | None
    category: str | None
    p_unsafe: float | None
    rationale: str | None
    error: str | None
    passed: bool

    @property
    def said(self) -> str:
        """What the guard said, for people."""
        if self.rating is None:
            return f"not judged: {self.error}"
        p = "" if self.p_unsafe is None else f" ({self.p_unsafe:.3f})"
        return f"{self.rating.value}, {self.category or 'no category'}{p}"


class CaseResults(_Closed):
    """What a guard said of all cases under one version of a policy."""

    policy: PolicyRef
    model: ModelRef
    at: datetime
    outcomes: tuple[CaseOutcome, ...]

    @property
    def passed(self) -> int:
        """How many cases were judged as expected."""
        return sum(outcome.passed for outcome in self.outcomes)

    def of(self, case: Case) -> CaseOutcome | None:
        """Return what came of a case, if it was asked as it stands now."""
        wanted = (case.sha256, case.rating, case.category)
        outcomes = (o for o in self.outcomes if (o.sha256, o.wanted_rating, o.wanted_category) == wanted)
        return next(outcomes, None)

    def with_outcome(self, outcome: CaseOutcome) -> CaseResults:
        """Return these with what came of one more case, in the place of what was said of its image before."""
        others = tuple(other for other in self.outcomes if other.sha256 != outcome.sha256)
        return self.model_copy(update={"outcomes": (*others, outcome)})


class CaseBook:
    """The cases of all policies of a folder. Files are whole or not there; several processes may share them."""

    def __init__(self, folder: Path | None) -> None:
        """Take the folder of the policies; None: no cases are kept."""
        self._folder = folder

    def cases(self, name: str) -> tuple[Case, ...]:
        """Return the cases of a policy, the oldest first.

        Raises:
            Unjudgeable: when a file of them is damaged.
        """
        place = self._place(name)
        files = [] if place is None or not place.is_dir() else sorted(place.glob("*.json"))
        found = [_read(Case, file) for file in files if _ID.fullmatch(file.stem)]
        return tuple(sorted(found, key=lambda case: (case.added, case.sha256)))

    def image(self, name: str, sha256: str) -> bytes:
        """Return the image of a case.

        Raises:
            NotThere: when there is none.
        """
        place = self._place(name)
        if place is None or not _ID.fullmatch(sha256):
            raise NotThere("There is no such test case.")
        try:
            return (place / f"{sha256}.image").read_bytes()
        except OSError:
            raise NotThere("There is no such test case.") from None

    def add(self, policy: Policy, case: Case, image: bytes) -> None:
        """Keep a case; one with the same image takes the place of the former.

        Raises:
            Unjudgeable: when it makes no sense for the policy, or there are too many.
            NotAllowed: when nothing is kept here.
        """
        place = self._place(policy.name)
        if place is None:
            raise NotAllowed("This service keeps no test cases; start it with --policies FOLDER.")
        if case.sha256 != sha256_of_bytes(image):
            raise Unjudgeable("The image of a test case is not the one that it names.")
        if case.category is not None and case.category not in (*policy.ids, "NA"):
            raise Unjudgeable(f"The policy has no category {case.category!r}; it has {', '.join(policy.ids)}.")
        if case.rating is Rating.Unsafe and case.category == "NA":
            raise Unjudgeable("What is Unsafe has a category; choose one, or leave it open.")
        others = [other for other in self.cases(policy.name) if other.sha256 != case.sha256]
        if len(others) >= MOST_CASES:
            raise Unjudgeable(f"A policy has at most {MOST_CASES} test cases; take one away first.")
        place.mkdir(parents=True, exist_ok=True)
        _write(place / f"{case.sha256}.image", image)
        _write(place / f"{case.sha256}.json", case.model_dump_json(indent=2).encode())

    def remove(self, name: str, sha256: str) -> None:
        """Forget a case and its image.

        Raises:
            NotThere: when there is none.
        """
        self.image(name, sha256)
        place = self._place(name)
        assert place is not None
        (place / f"{sha256}.json").unlink(missing_ok=True)
        (place / f"{sha256}.image").unlink(missing_ok=True)

    def keep(self, results: CaseResults) -> None:
        """Keep what a guard said under a version, in the place of what was said before."""
        place = self._place(results.policy.name)
        assert place is not None
        (place / "results").mkdir(parents=True, exist_ok=True)
        file = place / "results" / f"{results.policy.version}.json"
        _write(file, results.model_dump_json(indent=2).encode())

    def results(self, policy: Policy) -> CaseResults | None:
        """Return what was said under a version; None where nothing was, or of another text.

        Raises:
            Unjudgeable: when the file is damaged.
        """
        place = self._place(policy.name)
        file = None if place is None else place / "results" / f"{policy.version}.json"
        if file is None or not file.is_file():
            return None
        found = _read(CaseResults, file)
        return found if found.policy == policy.ref else None

    def _place(self, name: str) -> Path | None:
        if self._folder is None or not _POLICY.fullmatch(name):
            return None
        return self._folder / name / "cases"


def new_case(image: bytes, name: str, rating: Rating, category: str | None, by: str) -> Case:
    """Describe a case that is added now."""
    return Case(
        sha256=sha256_of_bytes(image),
        name=name[:LONGEST_NAME] or "unnamed",
        rating=rating,
        category=category,
        added_by=by,
        added=datetime.now(UTC),
    )


def results_of(policy: Policy, model: ModelRef, cases: Sequence[Case], verdicts: Sequence[Verdict]) -> CaseResults:
    """Compare the verdicts with what was expected, one a case."""
    outcomes = tuple(case.outcome(verdict) for case, verdict in zip(cases, verdicts, strict=True))
    return CaseResults(policy=policy.ref, model=model, at=datetime.now(UTC), outcomes=outcomes)


def _read(record: type[Record], file: Path) -> Record:
    try:
        return record.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as problem:
        raise Unjudgeable(f"The file {file.name} of the test cases is damaged; take it away.") from problem


def _write(file: Path, content: bytes) -> None:
    draft = file.with_name(f".{uuid.uuid4().hex}")
    try:
        with draft.open("wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        draft.replace(file)
    except OSError as problem:
        draft.unlink(missing_ok=True)
        raise Refused(f"The test case cannot be written: {problem.strerror}.") from problem
