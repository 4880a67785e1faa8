"""What can be wrong with a rationale, told from its text: a check of form and consistency, not of truth."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum

from eyeward.policy import Category, Policy, Stance
from eyeward.verdict import NA, Rating

MOST_WORDS = 120
"""Published rationales are two or three sentences."""


class RationaleFault(StrEnum):
    """What can be wrong."""

    contradicts_rating = "contradicts_rating"
    """It argues for the other rating, and for this one nowhere."""
    names_other_category = "names_other_category"
    """It names a category, or cites a rule of one, and never that of the verdict."""
    cites_unknown_rule = "cites_unknown_rule"
    """It cites a rule that is not in the policy."""
    misstates_policy = "misstates_policy"
    """It cites a rule from the wrong list, or a stance that the category does not have."""
    repeats_itself = "repeats_itself"
    """A sentence stands in it twice, or five words in a row three times."""
    too_long = "too_long"


_AGAINST = re.compile(
    r"\b(?:not|n't|never|no longer|neither|nor|without|nothing|none|no rule)\b[^.;]{0,30}?"
    r"\b(?:violat\w*|break\w*|prohibited|forbidden|unsafe|harmful)",
    re.IGNORECASE,
)
_FOR_SAFE = re.compile(
    r"\b(?:is|are) (?:therefore |thus |hence |considered |rated )*(?:safe|allowed|permitted|acceptable|compliant)\b"
    r"|\bcompl(?:y|ies) with\b|\bdeclared as non-violating\b|\bno category applies\b|\bno rule of \S+ forbids\b"
    r"|\bdo(?:es)? not (?:fall|apply)\b",
    re.IGNORECASE,
)
_NOT_ALLOWED = re.compile(
    r"\b(?:not|n't|never) (?:be )?(?:safe|allowed|permitted|acceptable|compliant)\b|\bdeclared as sensitive\b"
    r"|\bdo(?:es)? not comply\b",
    re.IGNORECASE,
)
_FOR_UNSAFE = re.compile(
    r"\b(?:violat(?:es?|ing|ions?)|breaks (?:the|a) rule|(?:is|are) (?:\w+ ){0,2}(?:unsafe|prohibited|forbidden))\b",
    re.IGNORECASE,
)
_NON_VIOLATING = re.compile(r"\bnon-violating\b", re.IGNORECASE)
_CITED = re.compile(r"\b(?P<how>breaks|violates|allowed by|permitted by)? ?the rule:? +(?P<rule>[^\n]+)", re.IGNORECASE)
_STANCE = re.compile(
    r"\bCategory (?P<id>[A-Za-z][\w.-]*?) is declared as (?P<stance>non-violating|sensitive)\b", re.IGNORECASE
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_STANCES = {"non-violating": Stance.non_violating, "sensitive": Stance.sensitive}


def rationale_faults(rationale: str, rating: Rating, category: str, policy: Policy) -> frozenset[RationaleFault]:
    """Return what is wrong with the rationale of a verdict of this rating and category label."""
    return frozenset(_faults(rationale, rating, category, policy))


def _faults(rationale: str, rating: Rating, category: str, policy: Policy) -> Iterator[RationaleFault]:
    if argues_for(rationale) not in (rating, None):
        yield RationaleFault.contradicts_rating
    named = _named(rationale, policy)
    if named and category.partition(":")[0] not in named:
        yield RationaleFault.names_other_category
    cited = list(_CITED.finditer(rationale))
    if any(not _ruled(match["rule"], policy.categories) for match in cited):
        yield RationaleFault.cites_unknown_rule
    if any(_from_wrong_list(match, policy) for match in cited) or _wrong_stances(rationale, policy):
        yield RationaleFault.misstates_policy
    if repeats(rationale):
        yield RationaleFault.repeats_itself
    if len(rationale.split()) > MOST_WORDS:
        yield RationaleFault.too_long


def argues_for(rationale: str) -> Rating | None:
    """Return the rating that a text argues for; None where it argues for both, or for neither."""
    negated = bool(_AGAINST.search(rationale))
    rest = _NON_VIOLATING.sub(" ", _AGAINST.sub(" ", rationale))
    refused = bool(_NOT_ALLOWED.search(rest))
    unsafe = refused or bool(_FOR_UNSAFE.search(rest))
    safe = negated or bool(_FOR_SAFE.search(_NOT_ALLOWED.sub(" ", rationale)))
    if safe == unsafe:
        return None
    return Rating.Unsafe if unsafe else Rating.Safe


def repeats(rationale: str) -> bool:
    """Whether a sentence stands in it twice, or five words in a row three times."""
    sentences = [" ".join(words) for part in _SENTENCE.split(rationale) if len(words := _words(part)) > 2]
    words = _words(rationale)
    runs = Counter(tuple(words[start : start + 5]) for start in range(len(words) - 4))
    return len(set(sentences)) < len(sentences) or any(count >= 3 for count in runs.values())


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _named(rationale: str, policy: Policy) -> set[str]:
    """Return the ids of categories that are named by id, by name, or through one of their rules."""
    found = {c.id for c in policy.categories if re.search(rf"\b{re.escape(c.id)}\b", rationale)}
    found |= {
        c.id for c in policy.categories if re.search(rf"(?<!\w){re.escape(c.name)}(?!\w)", rationale, re.IGNORECASE)
    }
    for match in _CITED.finditer(rationale):
        found |= {category.id for category in _ruled(match["rule"], policy.categories)}
    if re.search(r"\bno category applies\b", rationale, re.IGNORECASE):
        found.add(category_na())
    return found


def category_na() -> str:
    """Return the id that stands for no category."""
    return NA.partition(":")[0]


def _ruled(cited: str, categories: Iterable[Category]) -> list[Category]:
    return [category for category in categories if _stands_in(cited, category.rules)]


def _stands_in(cited: str, rules: Iterable[str]) -> bool:
    text = _plain(cited)
    return any(text == (plain := _plain(rule)) or text.startswith(f"{plain} ") for rule in rules)


def _plain(text: str) -> str:
    return " ".join(_words(text))


def _from_wrong_list(match: re.Match[str], policy: Policy) -> bool:
    how = (match["how"] or "").lower()
    ruled = _ruled(match["rule"], policy.categories)
    if not how or not ruled:
        return False
    allowed = how.startswith(("allowed", "permitted"))
    return not any(_stands_in(match["rule"], category.can if allowed else category.should_not) for category in ruled)


def _wrong_stances(rationale: str, policy: Policy) -> bool:
    claims = ((match["id"], _STANCES[match["stance"].lower()]) for match in _STANCE.finditer(rationale))
    return any(id not in policy.ids or policy.category(id).stance is not stance for id, stance in claims)
