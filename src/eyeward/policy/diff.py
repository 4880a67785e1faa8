"""What changes for a reader who goes from one policy to another."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import zip_longest

from eyeward.policy.schema import Category, Policy

REWORDED = 0.6
"""Similarity (difflib's ratio over words, 0 to 1) from which a removed and an added rule count as one rule reworded."""


class ChangeKind(StrEnum):
    """What happened to a category, a rule or the prompt."""

    CATEGORY_ADDED = "category_added"
    CATEGORY_REMOVED = "category_removed"
    CATEGORY_RENAMED = "category_renamed"
    CATEGORIES_REORDERED = "categories_reordered"
    STANCE_CHANGED = "stance_changed"
    RULE_ADDED = "rule_added"
    RULE_REMOVED = "rule_removed"
    RULE_MOVED = "rule_moved"
    RULE_REWORDED = "rule_reworded"
    RULES_REORDERED = "rules_reordered"
    VERBATIM_CHANGED = "verbatim_changed"
    WORDING_CHANGED = "wording_changed"


@dataclass(frozen=True)
class Change:
    """One difference. `old` and `new` hold names, stances, rules or orders, as `kind` says.

    `old_list` and `new_list` name the list (`should_not` or `can`) that a rule stood in and stands in.
    """

    kind: ChangeKind
    category: str | None = None
    old: str | None = None
    new: str | None = None
    old_list: str | None = None
    new_list: str | None = None

    def __str__(self) -> str:
        """Return one line for a reader."""
        return _SENTENCES[self.kind](self)


@dataclass(frozen=True)
class PolicyDiff:
    """All changes, category by category in the order of the new policy; empty when both have the same hash."""

    old: str
    new: str
    changes: tuple[Change, ...]

    def __bool__(self) -> bool:
        return bool(self.changes)

    def to_text(self) -> str:
        """Return the changes for a person, grouped by category."""
        if not self.changes:
            return f"{self.old} and {self.new} say the same.\n"
        lines = [f"{self.old} -> {self.new}"]
        category: str | None = None
        for change in self.changes:
            if change.category != category and change.category is not None:
                lines.append(f"{change.category}:")
            category = change.category
            lines.append(f"  {change}" if category is not None else str(change))
        return "\n".join(lines) + "\n"

    def to_json(self) -> str:
        """Return the changes as JSON; keys that do not apply to a change are null."""
        content = {"old": self.old, "new": self.new, "changes": [asdict(change) for change in self.changes]}
        return json.dumps(content, indent=2, ensure_ascii=False)


def diff(old: Policy, new: Policy) -> PolicyDiff:
    """Compare two policies; equal rules in the same list make no change."""
    return PolicyDiff(_named(old), _named(new), tuple(_changes(old, new)))


def _named(policy: Policy) -> str:
    return f"{policy.name} v{policy.version} ({policy.hash[:12]})"


def _changes(old: Policy, new: Policy) -> Iterator[Change]:
    for category in old.categories:
        if category.id not in new.ids:
            yield Change(ChangeKind.CATEGORY_REMOVED, category.id, old=category.name)
    before = {category.id: category for category in old.categories}
    for category in new.categories:
        if category.id in before:
            yield from _category_changes(before[category.id], category)
        else:
            yield from _added(category)
    kept_old = [id for id in old.ids if id in new.ids]
    kept_new = [id for id in new.ids if id in before]
    if kept_old != kept_new:
        yield Change(ChangeKind.CATEGORIES_REORDERED, old=", ".join(kept_old), new=", ".join(kept_new))
    elif _inserted(old.ids, new.ids):
        yield Change(ChangeKind.CATEGORIES_REORDERED, old=", ".join(old.ids), new=", ".join(new.ids))
    if old.verbatim != new.verbatim:
        before_text, after_text = _first_difference(old.verbatim, new.verbatim)
        yield Change(ChangeKind.VERBATIM_CHANGED, old=before_text, new=after_text)
    before_words, after_words = _wording(old), _wording(new)
    if before_words != after_words:
        yield Change(ChangeKind.WORDING_CHANGED, old=before_words, new=after_words)


def _wording(policy: Policy) -> str:
    """Return the sentences of a policy's own in the order of their fields."""
    said = sorted(f"{sentence.field} {sentence.to!r}" for sentence in policy.wording)
    return ", ".join(said) or "that of the guard"


def _first_difference(old: str | None, new: str | None) -> tuple[str, str]:
    """Return the first line in which two prompt texts differ, or which of the two there is."""
    if old is None or new is None:
        return ("none" if old is None else "a prompt text"), ("none" if new is None else "a prompt text")
    pairs = enumerate(zip_longest(old.split("\n"), new.split("\n")), start=1)
    number, (before, after) = next((number, pair) for number, pair in pairs if pair[0] != pair[1])
    return _line(number, before), _line(number, after)


def _line(number: int, text: str | None) -> str:
    return f"no line {number}" if text is None else f"line {number} {text!r}"


def _inserted(old: tuple[str, ...], new: tuple[str, ...]) -> bool:
    """Whether an added category stands elsewhere than behind all kept ones."""
    kept = [place for place, id in enumerate(new) if id in old]
    return any(id not in old and kept and place < kept[-1] for place, id in enumerate(new))


def _added(category: Category) -> Iterator[Change]:
    yield Change(ChangeKind.CATEGORY_ADDED, category.id, new=category.name)
    if category.stance != "enforced":
        yield Change(ChangeKind.STANCE_CHANGED, category.id, "enforced", str(category.stance))
    for name, rules in _lists(category):
        for rule in rules:
            yield Change(ChangeKind.RULE_ADDED, category.id, new=rule, new_list=name)


def _lists(category: Category) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return ("should_not", category.should_not), ("can", category.can)


def _category_changes(old: Category, new: Category) -> Iterator[Change]:
    if old.name != new.name:
        yield Change(ChangeKind.CATEGORY_RENAMED, new.id, old.name, new.name)
    if old.stance != new.stance:
        yield Change(ChangeKind.STANCE_CHANGED, new.id, str(old.stance), str(new.stance))
    gone, come = _placed(old), _placed(new)
    for place in list(gone):
        if place in come:
            gone.remove(place)
            come.remove(place)
    yield from _moved(new.id, gone, come)
    yield from _reworded(new.id, gone, come)
    for name, rule in gone:
        yield Change(ChangeKind.RULE_REMOVED, new.id, old=rule, old_list=name)
    for name, rule in come:
        yield Change(ChangeKind.RULE_ADDED, new.id, new=rule, new_list=name)
    yield from _rules_reordered(old, new)


def _placed(category: Category) -> list[tuple[str, str]]:
    return [(name, rule) for name, rules in _lists(category) for rule in rules]


def _moved(id: str, gone: list[tuple[str, str]], come: list[tuple[str, str]]) -> Iterator[Change]:
    for place in list(gone):
        target = next((other for other in come if other[1] == place[1]), None)
        if target is not None:
            gone.remove(place)
            come.remove(target)
            yield Change(ChangeKind.RULE_MOVED, id, place[1], target[1], place[0], target[0])


def _reworded(id: str, gone: list[tuple[str, str]], come: list[tuple[str, str]]) -> Iterator[Change]:
    """Pair the most similar first; a pair in different lists is not one rule reworded."""
    pairs = [
        (_similarity(old[1], new[1]), old, new)
        for old in gone
        for new in come
        if old[0] == new[0] and _similarity(old[1], new[1]) >= REWORDED
    ]
    for _, old, new in sorted(pairs, key=lambda pair: -pair[0]):
        if old in gone and new in come:
            gone.remove(old)
            come.remove(new)
            yield Change(ChangeKind.RULE_REWORDED, id, old[1], new[1], old[0], new[0])


def _similarity(old: str, new: str) -> float:
    return difflib.SequenceMatcher(None, old.lower().split(), new.lower().split(), autojunk=False).ratio()


def _rules_reordered(old: Category, new: Category) -> Iterator[Change]:
    for (name, before), (_, after) in zip(_lists(old), _lists(new), strict=True):
        kept_before = [rule for rule in before if rule in after]
        kept_after = [rule for rule in after if rule in before]
        if kept_before != kept_after or (sorted(before) == sorted(after) and before != after):
            yield Change(ChangeKind.RULES_REORDERED, new.id, old_list=name, new_list=name)


_LIST = {"should_not": "should not", "can": "can", None: ""}

_SENTENCES = {
    ChangeKind.CATEGORY_ADDED: lambda c: f"added: the category {c.new!r}",
    ChangeKind.CATEGORY_REMOVED: lambda c: f"removed: the category {c.old!r}",
    ChangeKind.CATEGORY_RENAMED: lambda c: f"renamed: {c.old!r} -> {c.new!r}",
    ChangeKind.CATEGORIES_REORDERED: lambda c: f"order of categories: {c.old} -> {c.new}",
    ChangeKind.STANCE_CHANGED: lambda c: f"stance: {c.old} -> {c.new}",
    ChangeKind.RULE_ADDED: lambda c: f"added to {_LIST[c.new_list]}: {c.new}",
    ChangeKind.RULE_REMOVED: lambda c: f"removed from {_LIST[c.old_list]}: {c.old}",
    ChangeKind.RULE_MOVED: lambda c: f"moved from {_LIST[c.old_list]} to {_LIST[c.new_list]}: {c.new}",
    ChangeKind.RULE_REWORDED: lambda c: f"reworded in {_LIST[c.new_list]}: {c.old} -> {c.new}",
    ChangeKind.RULES_REORDERED: lambda c: f"order of the rules under {_LIST[c.new_list]}",
    ChangeKind.VERBATIM_CHANGED: lambda c: f"verbatim: {c.old} -> {c.new}",
    ChangeKind.WORDING_CHANGED: lambda c: f"wording: {c.old} -> {c.new}",
}
