"""What another guard said to the training samples, read from a folder of `eyeward evaluate`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from eyeward.data.changes import worded
from eyeward.data.folder import SampleFolder
from eyeward.data.sample import Sample
from eyeward.errors import UsageError
from eyeward.evaluate.outcome import Outcome
from eyeward.evaluate.run import read_run_outcomes
from eyeward.train.tuning.lessons import Distribution
from eyeward.train.tuning.recipe import Teacher
from eyeward.verdict import Rating, ReviewReason

QuestionKey = tuple[str, str]
"""An image as the labels name it, and the hash of the policy that is asked."""


def question_of(folder: SampleFolder, sample: Sample) -> QuestionKey:
    """Return what a sample is asked, as evaluations name it: with the words of its own prompt."""
    return sample.image, worded(folder.policy_of(sample), sample.changes).hash


def read_teacher(teacher: Teacher, folder: SampleFolder, samples: Iterable[Sample]) -> dict[QuestionKey, Distribution]:
    """Return a teacher's word on samples, by question; those that it did not answer, or is blind to, are left out.

    Raises:
        UsageError: when there are no answers to them, or those of several guards.
    """
    found = read_run_outcomes(Path(teacher.outcomes))
    name = teacher.guard or (next(iter(found)) if len(found) == 1 else None)
    if name is None or name not in found:
        named = ", ".join(found) or "none"
        raise UsageError(f"{teacher.outcomes} holds the answers of {named}; name one of them as teacher.guard.")
    said = {
        (outcome.question.image, outcome.question.policy_hash): word
        for outcome in found[name]
        if (word := _word(outcome)) is not None
    }
    if not said:
        raise UsageError(f"{name} gives no probabilities in {teacher.outcomes}, so nothing can be learnt from it.")
    keys = (question_of(folder, sample) for sample in samples)
    taught = {key: said[key] for key in keys if key in said}
    if not taught:
        raise UsageError(
            f"{name} was asked about none of the training samples in {teacher.outcomes}; run "
            f"`eyeward evaluate {folder.path} --split train --model …`, and name its folder as teacher.outcomes."
        )
    return taught


def _word(outcome: Outcome) -> Distribution | None:
    verdict = outcome.verdict
    blind = verdict.review is not None and verdict.review.reason is ReviewReason.out_of_scope
    if verdict.p_unsafe is None or blind:
        return None
    shown = Rating.Unsafe if verdict.p_unsafe >= 0.5 else Rating.Safe
    if verdict.rating in (Rating.Safe, Rating.Unsafe):
        shown = verdict.rating
    probabilities = {Rating.Unsafe: verdict.p_unsafe, Rating.Safe: 1.0 - verdict.p_unsafe}
    categories = verdict.category_probabilities or None
    return {rating: (p, categories if rating is shown else None) for rating, p in probabilities.items()}
