"""Verdicts in the words of OpenAI's moderation endpoint: thirteen keys, and ours beside them.

A key of theirs counts where a category of the default policy is about the same thing. Keys that ask for more than our
categories tell apart (threats, intent, instructions, gore, minors) are looked for in nothing, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eyeward.guard import Coverage, Scored
from eyeward.policy import Policy
from eyeward.verdict import Note, Rating

STANDARD: Mapping[str, tuple[str, ...]] = {
    "harassment": ("Hate, Humiliation, Harassment",),
    "harassment/threatening": (),
    "hate": ("Hate, Humiliation, Harassment",),
    "hate/threatening": (),
    "illicit": ("Criminal Planning", "Weapons or Substance Abuse"),
    "illicit/violent": (),
    "self-harm": ("Self-Harm",),
    "self-harm/instructions": (),
    "self-harm/intent": (),
    "sexual": ("Sexual Content", "Nudity Content"),
    "sexual/minors": (),
    "violence": ("Violence, Harm, or Cruelty", "Animal Cruelty"),
    "violence/graphic": (),
}
"""Their keys, and the names of our categories that are about the same; another name means another thing."""
REVIEW, KNOWN = "eyeward/review", "eyeward/hash_match"
"""Our keys for what is flagged without a category: the guard abstains, the image is on a list."""


@dataclass
class Scores:
    """What stands in a result of the endpoint."""

    flagged: bool
    categories: dict[str, bool] = field(default_factory=dict)
    category_scores: dict[str, float] = field(default_factory=dict)
    applied: dict[str, list[str]] = field(default_factory=dict)


def scores_of(answers: Sequence[Scored], policy: Policy, coverage: Coverage) -> Scores:
    """Put the answers to all images of one request into one result; the worst image counts in each category.

    Every image must have a verdict: an error cannot be said in these words, and is never left out of them.

    Raises:
        ValueError: when there is none, or one without a rating.
    """
    verdicts = [scored.verdict for scored in answers]
    if not verdicts or any(verdict.rating is None for verdict in verdicts):
        raise ValueError("a result is made of verdicts that have a rating")
    own = {category.label: _of_category(answers, category.id, category.label) for category in policy.categories}
    seen = {category.label for category in policy.categories if category.id in (*coverage.covered, *coverage.partly)}
    result = Scores(flagged=any(verdict.flagged for verdict in verdicts))
    for key, names in STANDARD.items():
        meant = [category.label for category in policy.categories if category.name in names and category.label in seen]
        result.categories[key] = any(own[label][0] for label in meant)
        result.category_scores[key] = max((own[label][1] for label in meant), default=0.0)
        result.applied[key] = ["image"] if meant else []
    for label, (found, score) in own.items():
        result.categories[label], result.category_scores[label] = found, score
        result.applied[label] = ["image"] if label in seen else []
    known = any(Note.hash_match.value in verdict.notes for verdict in verdicts)
    review = any(verdict.rating is Rating.Review for verdict in verdicts)
    for key, found in ((REVIEW, review), (KNOWN, known)):
        result.categories[key], result.category_scores[key] = found, float(found)
        result.applied[key] = ["image"]
    return result


def merged(one: Scores, other: Scores) -> Scores:
    """Put two results about parts of one input together; the worse counts in each category."""
    keys = dict.fromkeys((*one.categories, *other.categories))
    return Scores(
        flagged=one.flagged or other.flagged,
        categories={key: one.categories.get(key, False) or other.categories.get(key, False) for key in keys},
        category_scores={
            key: max(one.category_scores.get(key, 0.0), other.category_scores.get(key, 0.0)) for key in keys
        },
        applied={key: list(dict.fromkeys((*one.applied.get(key, ()), *other.applied.get(key, ())))) for key in keys},
    )


def _of_category(answers: Sequence[Scored], id: str, label: str) -> tuple[bool, float]:
    """Return whether an image was found to violate a category, and the highest probability that one does."""
    found, most = False, 0.0
    for scored in answers:
        verdict, score = scored.verdict, scored.category_scores.get(id, 0.0)
        threshold = 0.5 if verdict.threshold is None else verdict.threshold
        named = verdict.rating is Rating.Unsafe and verdict.category == label
        found = found or named or (verdict.flagged and score >= threshold)
        most = max(most, score)
    return found, most
