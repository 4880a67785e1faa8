"""What another guard said to the training samples, read from a folder of `eyeward evaluate`."""

from __future__ import annotations

from pathlib import Path

from eyeward.errors import UsageError
from eyeward.evaluate.outcome import Outcome
from eyeward.evaluate.run import read_run_outcomes
from eyeward.train.tuning.lessons import Distribution
from eyeward.train.tuning.recipe import Teacher
from eyeward.verdict import Rating


def read_teacher(teacher: Teacher) -> dict[tuple[str, str], Distribution]:
    """Return a teacher's word by image and hash of the policy; questions that it did not answer are left out.

    Raises:
        UsageError: when there are no answers, or those of several guards.
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
    return said


def _word(outcome: Outcome) -> Distribution | None:
    verdict = outcome.verdict
    if verdict.p_unsafe is None:
        return None
    shown = Rating.Unsafe if verdict.p_unsafe >= 0.5 else Rating.Safe
    if verdict.rating in (Rating.Safe, Rating.Unsafe):
        shown = verdict.rating
    probabilities = {Rating.Unsafe: verdict.p_unsafe, Rating.Safe: 1.0 - verdict.p_unsafe}
    categories = verdict.category_probabilities or None
    return {rating: (p, categories if rating is shown else None) for rating, p in probabilities.items()}
