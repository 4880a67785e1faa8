"""Find what is wrong or doubtful in a policy, with file and line, before a guard reads it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from os import PathLike

from eyeward.errors import PolicyError
from eyeward.policy.blocks import header_of, scan, stance_of
from eyeward.policy.likeness import Nearness
from eyeward.policy.lines import LineRole
from eyeward.policy.loading import CategorySource, PolicySource, RuleSource, policy_path, read_policy_file, read_source
from eyeward.policy.render import render
from eyeward.policy.schema import Policy, Stance
from eyeward.policy.wording import EYEWARD, PromptWording
from eyeward.verdict import NA

TokenCounter = Callable[[str], int]
"""Gives the number of tokens of a text for one model."""

_INVISIBLE = frozenset(("Cf", "Co", "Cs", "Zl", "Zp"))
_TYPED_PLAIN = {"\u00a0": "a no-break space", "\ufffd": "a replacement character (wrong encoding)"}


class Level(StrEnum):
    """An error makes a policy unusable or contradictory; a warning is worth a look."""

    error = "error"
    warning = "warning"


@dataclass(frozen=True)
class Finding:
    """One thing to mend. `code` is stable, for those who filter; `line` counts from 1."""

    level: Level
    code: str
    message: str
    file: str | None = None
    line: int | None = None
    category: str | None = None

    def __str__(self) -> str:
        """Return `file:line: level: message [code]`."""
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        return f"{place + ': ' if place else ''}{self.level}: {self.message} [{self.code}]"


def lint(
    policy: Policy,
    count_tokens: TokenCounter | None = None,
    context_length: int | None = None,
    wording: PromptWording = EYEWARD,
) -> tuple[Finding, ...]:
    """Return the findings of a policy in memory; they have no file and no line."""
    findings = [
        Finding(finding.level, finding.code, finding.message, category=finding.category)
        for finding in _content(_source_of(policy))
    ]
    return (*findings, *_length(policy, None, count_tokens, context_length, wording))


def lint_file(
    source: str | PathLike[str],
    count_tokens: TokenCounter | None = None,
    context_length: int | None = None,
    wording: PromptWording = EYEWARD,
) -> tuple[Finding, ...]:
    """Return the findings of a pack or a file, in the order of its lines; a file that cannot be read is a finding."""
    try:
        path, text = policy_path(source), read_policy_file(source)
    except PolicyError as problem:
        return (Finding(Level.error, "unreadable", problem.message, problem.file or str(source), problem.line),)
    return lint_text(text, path, count_tokens, context_length, wording)


def lint_text(
    text: str,
    file: str | PathLike[str] | None = None,
    count_tokens: TokenCounter | None = None,
    context_length: int | None = None,
    wording: PromptWording = EYEWARD,
) -> tuple[Finding, ...]:
    """Return the findings of YAML text; `file` is named in them."""
    source = read_source(text, file)
    findings = [Finding(Level.error, m.code, m.message, source.file, m.line) for m in source.mistakes]
    findings += _content(source)
    findings.sort(key=lambda finding: finding.line or 0)
    if any(finding.code in _UNLOADABLE for finding in findings):
        return tuple(findings)
    if not source.mistakes:
        findings += _length(source.to_policy(), source.file, count_tokens, context_length, wording)
    return tuple(findings)


_Found = Callable[[Level, str, str, int], Finding]
_UNLOADABLE = frozenset(("duplicate-id",))


def _source_of(policy: Policy) -> PolicySource:
    categories = tuple(
        CategorySource(
            category.id,
            category.name,
            0,
            0,
            tuple(RuleSource(rule, 0) for rule in category.should_not),
            tuple(RuleSource(rule, 0) for rule in category.can),
            category.stance,
        )
        for category in policy.categories
    )
    return PolicySource(None, policy.name, policy.version, categories, policy.verbatim)


def _content(source: PolicySource) -> Iterator[Finding]:
    ids: dict[str, int] = {}
    names: dict[str, str] = {}
    nearness = Nearness()
    for category in source.categories:
        if category.id in ids:
            message = f"The id {category.id!r} is used {_on(ids[category.id])} already; rename one of them."
            yield Finding(Level.error, "duplicate-id", message, source.file, category.line, category.id)
        ids.setdefault(category.id, category.line)
        same = names.setdefault(category.name.lower(), category.id)
        if same != category.id:
            message = (
                f"{category.id} has the same name as {same}, {category.name!r}, so a guard cannot tell them apart; "
                "rename one of them."
            )
            yield Finding(Level.warning, "duplicate-name", message, source.file, category.name_line, category.id)
        yield from _category(category, source.file, nearness)
    if source.verbatim is not None:
        yield from _verbatim(source, source.verbatim)


def _on(line: int) -> str:
    return f"on line {line}" if line else "by another category"


def _category(category: CategorySource, file: str | None, nearness: Nearness) -> Iterator[Finding]:
    def found(level: Level, code: str, message: str, line: int) -> Finding:
        return Finding(level, code, message, file, line, category.id)

    if not category.complete:
        pass  # its unreadable rules are findings already
    elif not category.should_not and not category.can:
        level = Level.error if category.stance is Stance.enforced else Level.warning
        message = f"{category.id} has no rules, so a guard has only its name to go by; write some."
        yield found(level, "empty-category", message, category.line)
    elif not category.should_not and category.stance is Stance.enforced:
        message = (
            f"{category.id} has no should_not rule, so nothing in it can be a violation; if that is meant, use the "
            "stance non_violating."
        )
        yield found(Level.warning, "no-should-not", message, category.line)
    rules = (*category.should_not, *category.can)
    yield from _repeats(category, nearness, found)
    if category.name.endswith("."):
        message = (
            f"{category.id} has a name that ends with a full stop, {category.name!r}, and guards write it so; take "
            "it away unless it belongs to the name."
        )
        yield found(Level.warning, "name-ends-with-stop", message, category.name_line)
    for text, line in ((category.name, category.name_line), *((rule.text, rule.line) for rule in rules)):
        doubtful = _suspicious(text)
        if doubtful:
            message = f"In {category.id} {text!r} holds {', '.join(doubtful)}; type it as plain text."
            yield found(Level.warning, "suspicious-character", message, line)


def _repeats(category: CategorySource, nearness: Nearness, found: _Found) -> Iterator[Finding]:
    """Name each rule that says what one before it in its category says, or nearly."""
    first: dict[str, RuleSource] = {}
    for rules in (category.should_not, category.can):
        here: set[str] = set()
        for rule in rules:
            folded = _folded(rule.text)
            if folded in here:
                message = f"In {category.id} {rule.text!r} stands twice in one list; keep one."
                yield found(Level.warning, "duplicate-rule", message, rule.line)
            elif folded in first:
                message = f"In {category.id} {rule.text!r} stands under should_not and under can; keep one."
                yield found(Level.error, "rule-in-both-lists", message, rule.line)
            here.add(folded)
            first.setdefault(folded, rule)
    distinct, spent_before = list(first.values()), nearness.spent
    compared = list(nearness.near(list(first)))
    for rule, place in zip(distinct, compared, strict=False):
        if place is not None:
            earlier = distinct[place].text
            message = (
                f"In {category.id} {rule.text!r} is nearly the same as {earlier!r}; keep one, or say what differs."
            )
            yield found(Level.warning, "near-duplicate-rule", message, rule.line)
    if nearness.spent and not spent_before:
        message = (
            "From this rule on nobody looked for rules that say nearly the same: there are too many to compare each "
            "with each; write fewer."
        )
        yield found(Level.warning, "near-duplicates-unsought", message, distinct[len(compared)].line)


def _verbatim(source: PolicySource, text: str) -> Iterator[Finding]:
    """Compare the text that a guard reads with the categories that its answers are taken for.

    Rules are looked for in the whole text: under a declaration a prompt does not say which list they come from.
    """
    said = {id: block for id, block in _blocks(text).items() if id != NA.partition(":")[0]}
    if not said:
        return  # a prompt in a form of its own
    folded = " ".join(text.split())
    for category in source.categories:
        block = said.pop(category.id, None)
        differing: list[tuple[str, int]] = []
        if block is None:
            differing.append((f"does not have {category.id}", category.line))
        else:
            if block.name != category.name.rstrip(": \t"):
                differing.append((f"calls {category.id} {block.name!r} and not {category.name!r}", category.name_line))
            if block.stance is not category.stance:
                differing.append((f"has {category.id} as {block.stance} and not as {category.stance}", category.line))
            differing += [
                (f"does not have the rule {rule.text!r} of {category.id}", rule.line)
                for rule in (*category.should_not, *category.can)
                if " ".join(rule.text.split()) not in folded
            ]
            rules = [" ".join(rule.text.split()) for rule in (*category.should_not, *category.can)]
            differing += [
                (f"also has the rule {rule!r} in {category.id}", category.line)
                for rule, words in ((rule, " ".join(rule.split())) for rule in block.rules)
                if not any(kept.startswith(words) for kept in rules)
            ]
        for difference, line in differing:
            yield _differs(source, difference, line, category.id)
    for id in said:
        yield _differs(source, f"also has {id}", source.verbatim_line, None)


def _differs(source: PolicySource, difference: str, line: int, id: str | None) -> Finding:
    message = f"The verbatim text, which is what a guard reads, {difference}; import it again or remove it."
    return Finding(Level.error, "verbatim-differs", message, source.file, line, id)


@dataclass
class _Block:
    name: str
    stance: Stance = Stance.enforced
    rules: list[str] = field(default_factory=list)
    """First lines of its rules."""


def _blocks(text: str) -> dict[str, _Block]:
    found: dict[str, _Block] = {}
    for line in scan(text):
        header = header_of(line.text) if line.role is LineRole.HEADER else None
        if header is not None:
            found[header[0]] = _Block(header[1])
        elif line.category in found:
            block = found[line.category]
            if line.role is LineRole.DECLARATION:
                block.stance = stance_of(line.text) or block.stance
            if line.rule:
                block.rules.append(line.rule)
    return found


def _folded(rule: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", rule).casefold().split()).rstrip(".")


def _suspicious(text: str) -> list[str]:
    """Return what of a text a reader cannot see or would take for something else."""
    found = [_TYPED_PLAIN[character] for character in text if character in _TYPED_PLAIN]
    for character in text:
        plain = unicodedata.normalize("NFKC", character)
        if unicodedata.category(character) in _INVISIBLE:
            found.append(f"the invisible character U+{ord(character):04X}")
        elif character.isalpha() and plain != character and plain.isascii():
            found.append(f"{character!r}, which only looks like {plain!r}")
    for word in text.split():
        if any("a" <= character.lower() <= "z" for character in word):
            names = {character: unicodedata.name(character, "") for character in word}
            strange = [c for c, name in names.items() if name.startswith(("CYRILLIC", "GREEK"))]
            found += [f"{character!r} ({names[character].lower()}) among Latin letters" for character in strange]
    return sorted(set(found))


def _length(
    policy: Policy,
    file: str | None,
    count_tokens: TokenCounter | None,
    context_length: int | None,
    wording: PromptWording,
) -> Iterator[Finding]:
    if count_tokens is None or context_length is None:
        return
    tokens = count_tokens(render(policy, wording).text)
    if tokens > context_length:
        message = f"The prompt has {tokens} tokens and the model reads {context_length}; take rules or categories away."
        yield Finding(Level.error, "prompt-too-long", message, file)
