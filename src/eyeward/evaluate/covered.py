"""What a guard covers: the questions about categories that it can see, and how its answers count there.

A guard that looks for nudity alone is asked about weapons too, and every image that it does not flag is Review. That is
right for whoever relies on it, and says little about how well it sees nudity. So its numbers are given twice: on every
question, and on those that it covers, as if the policy had held the covered categories and no other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from eyeward.errors import EyewardError
from eyeward.evaluate.breakdown import TRIVIAL, Counts, Estimates, Tables, in_natural_order, policy_names, tables
from eyeward.evaluate.intervals import RESAMPLES
from eyeward.evaluate.metrics import OVERALL, estimates
from eyeward.evaluate.outcome import Outcome, OutcomeKind, Question, category_id
from eyeward.evaluate.table import OutcomeTable
from eyeward.guard import Guard
from eyeward.guard.profile import Coverage
from eyeward.policy import Policy
from eyeward.verdict import NA, Note, Rating, Review, ReviewReason, Verdict


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PolicyCoverage(_Record):
    """Which categories of a policy a guard can judge, by id."""

    covered: tuple[str, ...]
    not_covered: tuple[str, ...] = ()
    partly: tuple[str, ...] = ()
    """Those of `not_covered` in which it sees something."""
    unknown_words: dict[str, tuple[str, ...]] = {}
    """By category id: words that the guard has never met. A policy with some is not read at all."""

    @classmethod
    def of(cls, coverage: Coverage) -> Self:
        """Take what a guard says."""
        return cls(
            covered=coverage.covered,
            not_covered=coverage.not_covered,
            partly=coverage.partly,
            unknown_words={id: tuple(words) for id, words in coverage.unknown_words.items()},
        )

    def includes(self, question: Question) -> bool:
        """Whether a question under this policy counts: its right category is covered, or no category is touched.

        None counts where nothing is covered, or where words of the policy are unknown: what the guard would say to the
        covered categories alone cannot be told from what it said.
        """
        id = category_id(question.category)
        return bool(self.covered) and not self.unknown_words and (id == category_id(NA) or id in self.covered)


class GuardCoverage(_Record):
    """What a guard covers under each policy that it was asked, and what decides its ratings there."""

    policies: dict[str, PolicyCoverage]
    """By hash."""
    review_band: tuple[float, float] | None = None

    @classmethod
    def of(cls, guard: Guard, policies: Iterable[Policy]) -> Self:
        """Ask a guard. A policy that it cannot be asked fails for every image, and is nothing that it disclaims."""
        return cls(
            policies={policy.hash: _coverage(guard, policy) for policy in policies},
            review_band=None if guard.rule is None else guard.rule.band,
        )


def _coverage(guard: Guard, policy: Policy) -> PolicyCoverage:
    try:
        return PolicyCoverage.of(guard.coverage(policy))
    except EyewardError:
        return PolicyCoverage(covered=policy.ids)


@dataclass(frozen=True)
class CoveredOutcomes:
    """The outcomes that count, read as under the covered categories alone, and what became of the others."""

    outcomes: tuple[Outcome, ...]
    left_out: Counter[str]
    """Questions that do not count, by id of the right category."""
    read_as_answers: int
    """Answers that were Review only because of categories that are not covered."""
    found_elsewhere: int
    """Answers that are Unsafe for a category that is not covered; they stand."""


def on_covered(outcomes: Sequence[Outcome], coverage: GuardCoverage) -> CoveredOutcomes:
    """Keep the questions of one guard that it covers."""
    kept: list[Outcome] = []
    left_out: Counter[str] = Counter()
    read = elsewhere = 0
    for outcome in outcomes:
        here = coverage.policies.get(outcome.question.policy_hash)
        if here is None or not here.includes(outcome.question):
            left_out[category_id(outcome.question.category)] += 1
            continue
        verdict = as_covered(outcome.verdict, coverage.review_band)
        read += verdict is not outcome.verdict
        elsewhere += verdict.rating is Rating.Unsafe and category_id(verdict.category) in here.not_covered
        kept.append(outcome.model_copy(update={"verdict": verdict}))
    return CoveredOutcomes(tuple(kept), left_out, read, elsewhere)


def as_covered(verdict: Verdict, band: tuple[float, float] | None = None) -> Verdict:
    """Return a verdict as it would be if the policy held the covered categories alone.

    A Review that only says *there are categories that I cannot see* was Safe before it was said: with fewer categories
    no score of a detector or service rises, so it is Safe, or Review where `p_unsafe` lies inside the band. All other
    verdicts stay: also Review for another reason as well (an image out of scope, frames that were not judged).
    """
    blind = Note.categories_not_covered.value
    review, p = verdict.review, verdict.p_unsafe
    if review is None or review.reason is not ReviewReason.out_of_scope or review.scope_distance is not None:
        return verdict
    if blind not in verdict.notes or Note.frames_sampled.value in verdict.notes:
        return verdict
    notes = tuple(note for note in verdict.notes if note != blind)
    if band is not None and (p is None or band[0] <= p <= band[1]):
        unsure = Review(reason=ReviewReason.band, band=band)
        return verdict.model_copy(update={"review": unsure, "notes": notes})
    if p is not None and verdict.threshold is not None and p >= verdict.threshold:
        return verdict
    return verdict.model_copy(update={"rating": Rating.Safe, "review": None, "notes": notes})


class CoveredMetrics(_Record):
    """What is counted about one guard on the questions that it covers, with the trivial guards on the same."""

    questions: int
    images: int
    left_out: dict[str, int]
    """Questions that do not count, by id of the right category; empty where the guard covers every question."""
    read_as_answers: int
    """Answers that were Review only because of categories that are not covered: Safe here, or Review by the band."""
    found_elsewhere: int
    """Answers that are Unsafe for a category that is not covered. They stand, though it might have said Safe had it
    been asked about the covered categories alone."""
    outcomes: dict[str, int]
    """Questions by `OutcomeKind`."""
    counts: Counts
    tables: Tables
    trivial: dict[str, Estimates]

    def in_words(self, of: int) -> str:
        """Say which of so many questions count."""
        left_out = ", ".join(f"{id} {count:,}" for id, count in self.left_out.items())
        said = f"It covers all {of:,} questions."
        if left_out:
            said = f"{self.questions:,} of {of:,} questions; left out, by right category: {left_out}."
        if self.read_as_answers:
            said += f" {self.read_as_answers:,} x Review, only about other categories, is lifted."
        if self.found_elsewhere:
            said += f" {self.found_elsewhere:,} x Unsafe for a category that it does not cover stands."
        return said


def covered_metrics(
    outcomes: Sequence[Outcome],
    coverage: GuardCoverage,
    everything: Tables,
    trivial: Mapping[str, Tables],
    resamples: int = RESAMPLES,
) -> CoveredMetrics:
    """Count one guard on what it covers; `everything` and `trivial` are what was counted on all questions.

    They are given again where the guard covers all questions.
    """
    found = on_covered(outcomes, coverage)
    table = OutcomeTable.of(found.outcomes)
    kinds = Counter(outcome.kind for outcome in found.outcomes)
    if not found.left_out and not found.read_as_answers:
        here, beside = everything, {name: same.overall for name, same in trivial.items()}
    else:
        here = tables(table, policy_names(found.outcomes), resamples)
        beside = {name: estimates(table.always(says), OVERALL, resamples) for name, says in TRIVIAL.items()}
    return CoveredMetrics(
        questions=len(table),
        images=len(np.unique(table.item)),
        left_out={id: found.left_out[id] for id in in_natural_order(found.left_out)},
        read_as_answers=found.read_as_answers,
        found_elsewhere=found.found_elsewhere,
        outcomes={kind.value: kinds[kind] for kind in OutcomeKind},
        counts=Counts.of(table),
        tables=here,
        trivial=beside,
    )
