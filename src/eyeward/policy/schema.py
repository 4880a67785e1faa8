"""What a policy is: categories with rules and stances, closed, immutable and hashed."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import lru_cache
from os import PathLike
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from eyeward.errors import PolicyError
from eyeward.policy.wording import EYEWARD, Reworded
from eyeward.verdict import NA, PolicyRef

if TYPE_CHECKING:
    from eyeward.policy.diff import PolicyDiff
    from eyeward.policy.lint import Finding, TokenCounter

_SLUG = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_ID = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,31}")
_BLANKS = " \t\r\n"


class Stance(StrEnum):
    """How a policy treats a whole category."""

    enforced = "enforced"
    """Its rules apply."""
    non_violating = "non_violating"
    """Everything in it is allowed: a policy exception."""
    sensitive = "sensitive"
    """Everything in it is a violation, what its *can* rules allow too."""


RuleList = Literal["should_not", "can"]


def problem_with_slug(name: str) -> str | None:
    """Return what is wrong with the name of a policy, or None."""
    if _SLUG.fullmatch(name):
        return None
    return f"the name {name!r} is not a lower-case slug; use letters, digits and hyphens, for example 'news-archive'"


def problem_with_id(id: str) -> str | None:
    """Return what is wrong with the id of a category, or None."""
    if id == NA.partition(":")[0]:
        return f"the id {id!r} is reserved for images to which no category applies; choose another"
    if _ID.fullmatch(id):
        return None
    return f"the id {id!r} must be a letter followed by at most 31 letters, digits, '-', '_' or '.', for example 'O6'"


def problem_with_line(text: str, what: str) -> str | None:
    """Return what is wrong with text that must fill one line of a prompt (a rule or a name), or None."""
    text = text.strip(_BLANKS)
    if not text:
        return f"{what} is empty; write it or take the line away"
    control = next((character for character in text if unicodedata.category(character) == "Cc"), None)
    if control is not None:
        return f"{what} holds the control character {control!r}; write it on one line of plain text"
    return None


def problem_with_category_name(name: str) -> str | None:
    """Return what is wrong with the name of a category, or None."""
    if name.strip(_BLANKS).endswith(":"):
        return f"the category name {name!r} ends with a colon, which prompts add by themselves; take it away"
    return problem_with_line(name, "the category name")


def problem_with_wording(sentences: tuple[Reworded, ...], verbatim: str | None = None) -> str | None:
    """Return what is wrong with the sentences that a policy is asked in, or None."""
    if verbatim is not None:
        return "`verbatim` is asked to the letter, so `wording` would say nothing; take one of the two away"
    fields = [sentence.field for sentence in sentences]
    twice = next((field for field in fields if fields.count(field) > 1), None)
    if twice is not None:
        return f"`wording` says {twice!r} twice; keep one"
    try:
        EYEWARD.reworded(sentences)
    except PolicyError as problem:
        return f"{problem.message[0].lower()}{problem.message[1:].rstrip('.')}"
    return None


def _checked(check: Callable[[str], str | None]) -> BeforeValidator:
    def validate(value: object) -> object:
        if not isinstance(value, str):
            return value
        problem = check(value)
        if problem is not None:
            raise PolicyError(f"{problem[0].upper()}{problem[1:]}.")
        return value.strip(_BLANKS)

    return BeforeValidator(validate)


Rule = Annotated[str, _checked(lambda text: problem_with_line(text, "a rule"))]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Category(_Record):
    """One kind of content, with the rules that say what of it violates and what of it is allowed."""

    id: Annotated[str, _checked(problem_with_id)]
    name: Annotated[str, _checked(problem_with_category_name)]
    should_not: tuple[Rule, ...] = ()
    can: tuple[Rule, ...] = ()
    stance: Stance = Stance.enforced

    @property
    def label(self) -> str:
        """The full label, as guards write it: `O6: Weapons or Substance Abuse`."""
        return f"{self.id}: {self.name}"

    @property
    def rules(self) -> tuple[str, ...]:
        """All rules, *should not* first."""
        return self.should_not + self.can


class Policy(_Record):
    """A named, versioned set of categories. Every edit returns a new policy.

    `verbatim` is the exact prompt text that published weights were trained on; `render` gives it as it is. An edit
    drops it, because the text would no longer say what the policy says. `wording` holds sentences around the rules that
    stand in the place of those that a guard is otherwise asked in; edits keep it. A policy has one of the two at most.
    """

    name: Annotated[str, _checked(problem_with_slug)]
    version: int = Field(default=1, ge=1)
    categories: tuple[Category, ...]
    verbatim: str | None = None
    wording: tuple[Reworded, ...] = Field(default=(), exclude_if=lambda sentences: not sentences)

    def model_post_init(self, context: object, /) -> None:
        """Refuse a policy without categories, ids that occur twice, and words that no prompt can be asked in."""
        if not self.categories:
            raise PolicyError(f"Policy {self.name!r} has no categories; a policy needs at least one.")
        seen: set[str] = set()
        for id in self.ids:
            if id in seen:
                raise PolicyError(f"Policy {self.name!r} has two categories with the id {id!r}; rename one of them.")
            seen.add(id)
        if self.wording:
            problem = problem_with_wording(self.wording, self.verbatim)
            if problem is not None:
                raise PolicyError(f"Policy {self.name!r}: {problem}.")

    @classmethod
    def load(cls, source: str | PathLike[str]) -> Policy:
        """Load a pack by its name or a YAML file by its path.

        Raises:
            PolicyError: with file and line, when there is no such policy or it cannot be read.
        """
        from eyeward.policy.loading import load_policy

        return load_policy(source)

    @classmethod
    def from_text(cls, text: str, file: str | PathLike[str] | None = None) -> Policy:
        """Read a policy from YAML text; `file` is named in errors.

        Raises:
            PolicyError: with the line, when the text is not a policy.
        """
        from eyeward.policy.loading import parse_policy

        return parse_policy(text, file)

    def to_yaml(self) -> str:
        """Return the YAML that `Policy.load` reads back as the same policy."""
        from eyeward.policy.loading import dump_policy

        return dump_policy(self)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the categories, in order."""
        return tuple(category.id for category in self.categories)

    @property
    def labels(self) -> tuple[str, ...]:
        """The full labels of the categories, in order; `NA: None applying` is not among them."""
        return tuple(category.label for category in self.categories)

    @property
    def hash(self) -> str:
        """The sha256 of what a guard reads: categories, their order, names, rules, stances, `verbatim` and `wording`.

        `name` and `version` do not count, nor does the file, its comments or the order of its keys: two policies that
        say the same have the same hash. Wording, the order of rules and of categories count.
        """
        return _hash_of(_Content(self.categories, self.verbatim, self.wording))

    @property
    def ref(self) -> PolicyRef:
        """What a verdict says about the policy it was given under."""
        return PolicyRef(name=self.name, version=self.version, hash=self.hash)

    def category(self, id: str) -> Category:
        """Return the category with this id.

        Raises:
            PolicyError: when there is none.
        """
        for category in self.categories:
            if category.id == id:
                return category
        raise PolicyError(f"Policy {self.name!r} has no category {id!r}; it has {', '.join(self.ids)}.")

    def with_stance(self, stance: Stance | str, *ids: str) -> Self:
        """Give these categories a stance."""
        try:
            chosen = Stance(stance)
        except ValueError:
            raise PolicyError(f"There is no stance {stance!r}; use one of {', '.join(Stance)}.") from None
        self._require(ids)
        return self._with(
            category.model_copy(update={"stance": chosen}) if category.id in ids else category
            for category in self.categories
        )

    def sensitive(self, *ids: str) -> Self:
        """Make everything in these categories a violation."""
        return self.with_stance(Stance.sensitive, *ids)

    def non_violating(self, *ids: str) -> Self:
        """Allow everything in these categories."""
        return self.with_stance(Stance.non_violating, *ids)

    def only(self, *ids: str) -> Self:
        """Keep these categories alone, in the order that they have here."""
        self._require(ids)
        return self._with(category for category in self.categories if category.id in ids)

    def without(self, *ids: str) -> Self:
        """Take these categories away."""
        self._require(ids)
        return self._with(category for category in self.categories if category.id not in ids)

    def reorder(self, ids: Iterable[str]) -> Self:
        """Put the categories in this order; every id must be named once."""
        order = tuple(ids)
        self._require(order)
        if sorted(order) != sorted(self.ids):
            expected, given = ", ".join(self.ids), ", ".join(order)
            raise PolicyError(f"A new order must name each of {expected} once; this one is {given}.")
        return self._with(self.category(id) for id in order)

    def renamed(self, name: str, version: int | None = None) -> Self:
        """Give the policy itself another name, and a version; what it says and its hash stay the same."""
        chosen = self.version if version is None else version
        return type(self)(
            name=name, version=chosen, categories=self.categories, verbatim=self.verbatim, wording=self.wording
        )

    def reworded(self, *sentences: Reworded) -> Self:
        """Ask in these sentences, whatever a guard has in their place; of two for one field the later one counts."""
        by_field = {sentence.field: sentence for sentence in (*self.wording, *sentences)}
        return type(self)(
            name=self.name, version=self.version, categories=self.categories, wording=tuple(by_field.values())
        )

    def rename(self, id: str, name: str) -> Self:
        """Give a category another name."""
        return self._replace(Category(**{**self.category(id).model_dump(), "name": name}))

    def add_rule(self, id: str, rule: str, to: RuleList) -> Self:
        """Add a rule at the end of a list of a category."""
        category = self.category(id)
        return self._replace(Category(**{**category.model_dump(), to: (*_rules(category, to), rule)}))

    def move_rule(self, id: str, rule: str, to: RuleList) -> Self:
        """Take a rule out of the other list of its category and put it at the end of this one."""
        category = self.category(id)
        other: RuleList = "should_not" if to == "can" else "can"
        target, source = _rules(category, to), _rules(category, other)
        if rule not in source:
            where = f"it stands under {to} already" if rule in target else "see `eyeward policy show` for its rules"
            raise PolicyError(f"Category {id!r} has no rule {rule!r} under {other}; {where}.")
        lists: dict[str, object] = {other: _without(source, rule), to: (*_without(target, rule), rule)}
        return self._replace(Category(**{**category.model_dump(), **lists}))

    def remove_rule(self, id: str, rule: str) -> Self:
        """Take a rule away, whichever list it stands in."""
        category = self.category(id)
        if rule not in category.rules:
            raise PolicyError(f"Category {id!r} has no rule {rule!r}; see `eyeward policy show` for its rules.")
        lists = {"should_not": _without(category.should_not, rule), "can": _without(category.can, rule)}
        return self._replace(Category(**{**category.model_dump(), **lists}))

    def diff(self, other: Policy) -> PolicyDiff:
        """Return what changes for a reader who goes from this policy to `other`."""
        from eyeward.policy.diff import diff

        return diff(self, other)

    def lint(self, count_tokens: TokenCounter | None = None, context_length: int | None = None) -> tuple[Finding, ...]:
        """Return what is doubtful in this policy; with both arguments, also whether its prompt fits a model."""
        from eyeward.policy.lint import lint

        return lint(self, count_tokens=count_tokens, context_length=context_length)

    def _require(self, ids: Iterable[str]) -> None:
        for id in ids:
            self.category(id)

    def _replace(self, changed: Category) -> Self:
        return self._with(changed if category.id == changed.id else category for category in self.categories)

    def _with(self, categories: Iterable[Category]) -> Self:
        return type(self)(name=self.name, version=self.version, categories=tuple(categories), wording=self.wording)


class _Content:
    """What a policy says, the same only if it is the very same objects: comparing all rules takes longer than asking.

    They never change. A cached property of the policy would be carried over by `model_copy` into a changed one.
    """

    __slots__ = ("categories", "verbatim", "wording")

    def __init__(self, categories: tuple[Category, ...], verbatim: str | None, wording: tuple[Reworded, ...]) -> None:
        self.categories = categories
        self.verbatim = verbatim
        self.wording = wording

    def __hash__(self) -> int:
        return hash((id(self.categories), id(self.verbatim), id(self.wording)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Content):
            return NotImplemented
        same = self.categories is other.categories and self.verbatim is other.verbatim
        return same and self.wording is other.wording


@lru_cache(maxsize=128)
def _hash_of(content: _Content) -> str:
    return _hash(content.categories, content.verbatim, content.wording)


@lru_cache(maxsize=1024)
def _hash(categories: tuple[Category, ...], verbatim: str | None, wording: tuple[Reworded, ...]) -> str:
    content: dict[str, object] = {
        "categories": [category.model_dump(mode="json") for category in categories],
        "verbatim": verbatim,
    }
    if wording:  # left out where there is none, so that hashes of older files stay
        content["wording"] = {sentence.field: sentence.to for sentence in wording}
    canonical = json.dumps(content, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _rules(category: Category, of: RuleList) -> tuple[str, ...]:
    if of not in ("should_not", "can"):
        raise PolicyError(f"There is no list of rules {of!r}; use 'should_not' or 'can'.")
    return category.should_not if of == "should_not" else category.can


def _without(rules: tuple[str, ...], rule: str) -> tuple[str, ...]:
    return tuple(kept for kept in rules if kept != rule)
