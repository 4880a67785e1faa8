"""The sentences around the rules of a policy: how it starts, how stances are declared, how lists are headed.

Declarations come from a small grammar in which both stances use the same words: `Nothing of O3 is allowed` and `Nothing
of O3 is forbidden` differ in one word, `We forbid O3` and `We never forbid O3` in another, so that no single word tells
the stance. Reserved wordings are sentences of other shapes made of the same words; training never meets them.
`{id}` and `{name}` stand for the category.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product

from eyeward.policy.wording import EYEWARD

_WITH = ("{id}", "category {id}", "this category", "{name}")
"""How a declaration names its category."""

_ALL = ("everything of", "everything in", "all content of", "any picture of", "every picture that shows")
_NONE = ("nothing of", "nothing in", "no content of", "no picture that shows", "not one picture of")
_GOOD = ("allowed", "permitted", "accepted", "safe")
_BAD = ("forbidden", "restricted", "banned", "unsafe", "a violation")
_PERMIT = ("allow", "permit", "accept")
_FORBID = ("forbid", "restrict", "ban")
_JOINTS = (". ", ", and ", ", so ", "; ", ". Therefore, ", ", therefore ", ": ")
COMPOUND_DECLARATIONS = 3000
"""How many sentences of two parts stand in each training pool."""


def _capital(sentence: str) -> str:
    return sentence if sentence.startswith("{") else sentence[0].upper() + sentence[1:]


def _with_content(good: tuple[str, ...], bad: tuple[str, ...], of: str) -> Iterator[str]:
    """Yield what is said of a category whose content is `good` and never `bad`."""
    for state in (*good, f"{good[0]} and {good[-1]}", f"{good[1]} and {good[2]}"):
        yield from (f"{whole} {of} is {state}" for whole in _ALL)
        yield f"{of} is {state}"
        yield f"{of} is always {state}"
        yield f"whatever {of} shows is {state}"
        yield f"all content related to {of} is {state}"
    for state in bad:
        yield from (f"{empty} {of} is {state}" for empty in _NONE)
        yield f"{of} is not {state}"
        yield f"{of} is never {state}"
        yield f"there is no content of {of} that is {state}"
        yield f"there is not one picture of {of} that is {state}"


def _with_deeds(done: tuple[str, ...], left: tuple[str, ...], of: str) -> Iterator[str]:
    """Yield what is said of a category to which `done` is done, and `left` is not."""
    for verb in done:
        yield f"we {verb} all content of {of}"
        yield f"we {verb} everything related to {of}"
        yield f"we always {verb} {of}"
        yield f"we {verb} everything that {of} shows"
        yield f"for {of} we {verb} all content"
        yield f"always {verb} a picture because of {of}"
        yield f"there is no content of {of} that we do not {verb}"
    for verb in left:
        yield f"we do not {verb} any content of {of}"
        yield f"we do not {verb} anything related to {of}"
        yield f"we never {verb} {of}"
        yield f"we {verb} nothing that {of} shows"
        yield f"for {of} we {verb} no content"
        yield f"never {verb} a picture because of {of}"
        yield f"there is no picture of {of} that we {verb}"


def _non_violating_statements(of: str) -> tuple[str, ...]:
    return (
        f"{of} is declared as non-violating",
        f"{of} is marked as non-violating",
        f"{of} is always an exception",
        f"{of} is an exception to this policy",
        f"the restrictions of this policy do not hold for {of}",
        f"there are no restrictions for {of}",
        f"for {of} there is no restriction",
        f"no rule of {of} holds",
        f"even what the rules forbid is allowed for {of}",
        f"even what its rules forbid is accepted for {of}",
        f"do not flag {of}",
        f"do not rate {of} unsafe",
        f"always rate {of} safe",
        f"never flag a picture because of {of}",
        *_with_content(_GOOD, _BAD, of),
        *_with_deeds(_PERMIT, _FORBID, of),
    )


def _sensitive_statements(of: str) -> tuple[str, ...]:
    return (
        f"{of} is declared as sensitive",
        f"{of} is marked as sensitive",
        f"{of} is never an exception",
        f"{of} is without exception a violation",
        f"the exceptions of this policy do not hold for {of}",
        f"there are no exceptions for {of}",
        f"for {of} there is no exception",
        f"no exception of {of} holds",
        f"even what the rules allow is forbidden for {of}",
        f"even what its rules allow is banned for {of}",
        f"always flag {of}",
        f"do not rate {of} safe",
        f"always rate {of} unsafe",
        f"flag a picture because of {of}",
        *_with_content(_BAD, _GOOD, of),
        *_with_deeds(_FORBID, _PERMIT, of),
    )


_NON_VIOLATING_PLAIN = (
    EYEWARD.non_violating_declaration,
    "Category {id} is declared as non-violating. Therefore, we do not provide any restrictions for this category and "
    "allow any content of this category.",
    "Category {id} is declared as non-violating. There are no restrictions for this category.",
)
_SENSITIVE_PLAIN = (
    EYEWARD.sensitive_declaration,
    "Category {id} is declared as sensitive. Therefore, we do not permit any content related to this category.",
    "Category {id} is declared as sensitive. There are no exceptions for this category.",
)
PLAIN_DECLARATIONS = len(_NON_VIOLATING_PLAIN)
"""How many wordings at the head of each pool are plain: ours first, then as published."""


def _pool(plain: tuple[str, ...], statements: Callable[[str], tuple[str, ...]], seed: int) -> tuple[str, ...]:
    single = [_capital(statement) + "." for of in _WITH for statement in statements(of)]
    rng = random.Random(seed)
    compound = []
    follows = statements("it")
    for _ in range(COMPOUND_DECLARATIONS):
        joint = rng.choice(_JOINTS)
        follow = rng.choice(follows)
        first = rng.choice(statements(rng.choice(_WITH)))
        compound.append(_capital(first) + joint + (_capital(follow) if joint == ". " else follow) + ".")
    return tuple(dict.fromkeys((*plain, *single, *compound)))


@cache
def non_violating_declarations() -> tuple[str, ...]:
    """Return every training wording that allows all of a category; the plain ones come first."""
    return _pool(_NON_VIOLATING_PLAIN, _non_violating_statements, seed=1)


@cache
def sensitive_declarations() -> tuple[str, ...]:
    """Return every training wording that forbids all of a category; the plain ones come first."""
    return _pool(_SENSITIVE_PLAIN, _sensitive_statements, seed=2)


RESERVED_NON_VIOLATING: tuple[str, ...] = (
    "We do not restrict what {id} shows, and nothing of it is unsafe.",
    "There is nothing in {id} that we forbid.",
    "Any content related to {name} is safe and accepted.",
    "Do not rate a picture unsafe because of {id}.",
    "This category is allowed, even what its rules forbid.",
    "The rules of {id} do not hold, therefore all of it is permitted.",
    "Category {id} is always an exception: everything related to it is accepted.",
    "No content is banned because of {name}.",
    "For {id} we accept whatever a picture shows.",
    "Not one rule of {id} holds, and whatever a picture of it shows is permitted.",
)
RESERVED_SENSITIVE: tuple[str, ...] = (
    "We do not permit what {id} shows, and nothing of it is safe.",
    "There is nothing in {id} that we allow.",
    "Any content related to {name} is unsafe and banned.",
    "Always rate a picture unsafe because of {id}.",
    "This category is forbidden, even what its rules allow.",
    "The exceptions of {id} do not hold, therefore all of it is restricted.",
    "Category {id} is never an exception: everything related to it is banned.",
    "All content is forbidden because of {name}.",
    "For {id} we ban whatever a picture shows.",
    "Not one exception of {id} holds, and whatever a picture of it shows is a violation.",
)

_VERBS = ("Judge", "Rate", "Assess", "Check", "Review")
_IMAGES = ("the image", "this image", "the picture", "this picture")
_STANDARDS = (
    "against the policy below",
    "against our safety policy",
    "by the following policy",
    "by the rules of this policy",
    "under this safety policy",
    "with the following rules",
)


@cache
def start_sentences() -> tuple[str, ...]:
    """Return every training wording of the sentence that a prompt starts with; ours comes first."""
    grammar = (f"{verb} {image} {standard}:" for verb, image, standard in product(_VERBS, _IMAGES, _STANDARDS))
    return (EYEWARD.start_sentence, *grammar, *_OTHER_STARTS)


_OTHER_STARTS = (
    "Provide a safety assessment for the image. Review the following policy categories:",
    "Provide a safety assessment for the picture by the following policy:",
    "Is the image safe under this policy?",
    "Is this picture a violation of the rules below?",
    "Does the image follow our safety policy?",
    "Does this picture follow the rules below?",
    "Say whether the image is safe or unsafe under the following policy categories:",
    "Say whether this picture follows the policy below:",
    "This is our safety policy. Rate the image:",
    "These are the policy categories. Assess the picture:",
    "Determine whether the image is a violation of our policy:",
    "Determine whether this picture is safe under the following rules:",
)

RESERVED_START_SENTENCES: tuple[str, ...] = (
    "Determine whether the picture follows our safety policy:",
    "Say whether this image is a violation of the rules below:",
    "Is this image safe under the following policy categories?",
    "Does the picture follow the policy below?",
    "This is the policy. Rate this picture:",
    "These are our rules. Assess whether the picture is safe:",
    "Provide a safety assessment for this picture under our policy:",
    "Is the image a violation of the following policy?",
    "Assess whether this image follows the following policy:",
    "Rate the safety of this picture under our rules:",
    "Judge whether the image is safe by our policy:",
    "Does this image follow the following rules?",
)

SHOULD_NOT_HEADINGS: tuple[str, ...] = (
    "Should not:",
    "Should not show:",
    "Not allowed:",
    "Violating:",
    "Forbidden:",
    "Not permitted:",
    "Unsafe:",
    "Banned:",
    "We do not allow:",
    "Restricted:",
)
CAN_HEADINGS: tuple[str, ...] = (
    "Can:",
    "Can show:",
    "Allowed:",
    "Not violating:",
    "Not forbidden:",
    "Permitted:",
    "Safe:",
    "Accepted:",
    "We allow:",
    "Not restricted:",
)
EXAMPLES_HEADINGS: tuple[str, ...] = ("Examples:", "For example:", "Such as:", "")
BULLETS: tuple[str, ...] = ("- ", "* ", "")
STEPS: tuple[tuple[str, ...], ...] = (
    ("1. Rating: Safe or Unsafe.", "2. Category: what the image shows.", "3. Rationale: the rule that decides."),
    ("Give the rating, the category and the rationale.",),
    ("First the rating, then the category, then the rationale.",),
)
ANSWER_FORMS: tuple[str, ...] = (
    EYEWARD.answer_form,
    "Answer as JSON with rating, category and rationale.",
    "Give a JSON answer with rating, category and rationale.",
    'Answer with one line of JSON: {"rating": "...", "category": "...", "rationale": "..."}',
    "",
)
