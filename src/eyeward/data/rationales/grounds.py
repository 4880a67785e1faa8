"""What decides a label under its policy, in one sentence, and the whole reason where nobody has seen the image.

The sentences are those of drawn scenes (`scenes/rationale.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from eyeward.data.sample import Sample
from eyeward.policy.schema import Policy, Stance
from eyeward.verdict import NA, Rating

_DECLARED = {Stance.non_violating: "non-violating", Stance.sensitive: "sensitive"}


class Groundless(StrEnum):
    """Why nothing right can be said about a label."""

    category_not_in_policy = "category_not_in_policy"
    label_against_policy = "label_against_policy"
    """A stance or the deciding rule says the opposite of the rating."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What decides a label."""

    sentence: str
    excepted: bool = False
    """Whether the policy itself turns the category or lifts the ban: a stance, or a rule of what it allows. A reason
    has to say so, because the image alone does not."""


def grounds_of(sample: Sample, policy: Policy) -> Grounds | Groundless:
    """Return what decides a label as far as the label tells; nothing is guessed."""
    if sample.category == NA:
        return Grounds("No category applies.")
    if sample.category not in policy.labels:
        return Groundless.category_not_in_policy
    id = sample.category.partition(":")[0]
    category = policy.category(id)
    unsafe = sample.rating is Rating.Unsafe
    if category.stance is not Stance.enforced:
        if unsafe is not (category.stance is Stance.sensitive):
            return Groundless.label_against_policy
        return Grounds(f"Category {id} is declared as {_DECLARED[category.stance]}.", excepted=True)
    forbidding, allowing = (_stands_in(sample.decided_by, rules) for rules in (category.should_not, category.can))
    if forbidding or allowing:  # a rule of both lists forbids
        if unsafe is not forbidding:
            return Groundless.label_against_policy
        how = "It breaks the rule" if unsafe else "It is allowed by the rule"
        rule = on_one_line(sample.decided_by or "").rstrip(".")
        return Grounds(f"{how}: {rule}.", excepted=not unsafe)
    return Grounds(f"It breaks a rule of {id}." if unsafe else f"No rule of {id} forbids it.")


def from_label(sample: Sample, grounds: Grounds) -> str:
    """Return the reason of a label without a word about what is to be seen, which nobody has told."""
    if sample.category == NA:
        return f"The image shows nothing that the policy is about. {grounds.sentence}"
    return f"The image falls under {on_one_line(sample.category)}. {grounds.sentence}"


def with_grounds(text: str, grounds: Grounds) -> str:
    """Return a reason that says what decides where it has to, by the sentence behind it if not by itself."""
    if not grounds.excepted or f" {_words(grounds.sentence)} " in f" {_words(text)} ":
        return text
    return f"{text if text.endswith(('.', '!', '?')) else f'{text}.'} {grounds.sentence}"


def on_one_line(text: str) -> str:
    """Return text without marks that JSON escapes, line breaks turned to blanks."""
    return " ".join(text.replace('"', "").replace("\\", "").split())


def _stands_in(rule: str | None, rules: Iterable[str]) -> bool:
    return rule is not None and _words(rule) in map(_words, rules)


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
