"""From the words of a source to ratings, severities, categories and policies, or the reason why not."""

from __future__ import annotations

import re
from functools import lru_cache

from eyeward.data.changes import Change, StanceChanged
from eyeward.data.importing.row import Discard, side_of
from eyeward.data.sample import Severity, Split
from eyeward.errors import EyewardError
from eyeward.policy.importer import choose, import_text
from eyeward.policy.schema import Policy, Stance
from eyeward.verdict import NA, Rating

_RATINGS = {
    "safe": Rating.Safe,
    "compliant": Rating.Safe,
    "unsafe": Rating.Unsafe,
    "review needed": Rating.Unsafe,
    "non-compliant": Rating.Unsafe,
}
"""The words of every published version, and Eyeward's."""
_NONE = frozenset(("na", "n/a", "none", "none applying", "na: none applying"))


class Unknown(EyewardError):
    """A word that stands for nothing here."""

    def __init__(self, reason: Discard, message: str) -> None:
        self.reason = reason
        super().__init__(message)


def rating_in(word: str) -> Rating:
    """Return the rating that a word stands for.

    Raises:
        Unknown: for any other word.
    """
    rating = _RATINGS.get(_plain(word))
    if rating is None:
        raise Unknown(Discard.unknown_rating, f"the rating is {word!r}, which is neither Safe nor Unsafe")
    return rating


def is_rating(word: str) -> bool:
    """Return whether a word stands for a rating."""
    return _plain(word) in _RATINGS


def severity_in(word: str) -> Severity:
    """Return the severity that a word such as `Highly Unsafe` stands for.

    Raises:
        Unknown: for any other word.
    """
    try:
        return Severity(_plain(word).replace(" ", "_"))
    except ValueError:
        raise Unknown(Discard.unknown_severity, f"the severity is {word!r}; use one of {', '.join(Severity)}") from None


def split_in(word: str) -> Split:
    """Return the split that a word stands for.

    Raises:
        Unknown: for any other word.
    """
    side = side_of(word)
    if side is None:
        raise Unknown(Discard.unknown_split, f"the split is {word!r}; use one of {', '.join(Split)}")
    return Split(side)


def category_in(word: str, policy: Policy) -> str:
    """Return the full label of a category that is named by its id, its name or both.

    Raises:
        Unknown: for a category that the policy does not have, and for an id that means something else in it.
    """
    if _plain(word) in _NONE:
        return NA
    if word in policy.labels:
        return word
    id, separator, name = (part.strip() for part in word.partition(":"))
    by_id = {category.id.lower(): category for category in policy.categories}
    found = by_id.get(id.lower())
    if found is not None:
        if separator and _letters(name) != _letters(found.name):
            message = f"{id} is {name!r} here and {found.name!r} in the policy; map the one to the other"
            raise Unknown(Discard.policy_does_not_fit, message)
        return found.label
    for category in policy.categories:
        if _letters(word) == _letters(category.name):
            return category.label
    known = ", ".join(policy.ids)
    raise Unknown(Discard.unknown_category, f"the category {word!r} is not in the policy {policy.name!r} ({known})")


def policy_in(text: str, name: str = "imported", verbatim: bool = False) -> Policy:
    """Return the policy in a prompt of the published form.

    Raises:
        PolicyError: when there is none, or several.
    """
    return _policy_in(text, name, verbatim)


@lru_cache(maxsize=256)  # thousands of rows share a few prompts
def _policy_in(text: str, name: str, verbatim: bool) -> Policy:
    return choose(import_text(text, name=name, keep_verbatim=verbatim), None, None).policy


def changes_of(policy: Policy) -> tuple[Change, ...]:
    """Return how a policy out of a prompt differs from the one that labellers read: its declared categories."""
    return tuple(
        StanceChanged(category=category.id, to=category.stance)
        for category in policy.categories
        if category.stance is not Stance.enforced
    )


def _plain(word: str) -> str:
    return " ".join(word.replace("_", " ").split()).lower()


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", name.lower()).strip()
