"""Read policies from YAML, with the line of every mistake, and write them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import yaml

from eyeward.errors import PolicyError
from eyeward.policy.schema import (
    Category,
    Policy,
    Stance,
    problem_with_category_name,
    problem_with_id,
    problem_with_line,
    problem_with_slug,
    problem_with_wording,
)
from eyeward.policy.wording import Reworded

PACKS = Path(__file__).parent / "packs"
"""Where the policies that ship with Eyeward are."""

LARGEST_FILE = 4 * 1024 * 1024
"""Bytes; a policy is a page or two of text, so anything larger is another kind of file."""

MOST_PARTS = 5_000
"""Keys, lists and texts of one file; reading stops there."""
MOST_CATEGORIES = 100
MOST_RULES = 200
"""Rules of one category, both lists together."""
LONGEST_TEXT = 2_000
"""Letters of a rule or a name."""

_POLICY_KEYS = ("name", "version", "categories", "verbatim", "wording")
_CATEGORY_KEYS = ("id", "name", "should_not", "can", "stance")
_SENTENCE_KEYS = ("field", "to")


@dataclass(frozen=True)
class Mistake:
    """Why a document is not a policy."""

    code: str
    message: str
    line: int | None


@dataclass(frozen=True)
class RuleSource:
    """A rule and the line that it stands on."""

    text: str
    line: int


@dataclass(frozen=True)
class CategorySource:
    """A category as it stands in a file; its id may occur twice there."""

    id: str
    name: str
    line: int
    name_line: int
    should_not: tuple[RuleSource, ...] = ()
    can: tuple[RuleSource, ...] = ()
    stance: Stance = Stance.enforced
    complete: bool = True
    """Whether all of its rules could be read."""


@dataclass(frozen=True)
class PolicySource:
    """What could be read of a file, with lines (counted from 1), and every mistake in it."""

    file: str | None
    name: str | None = None
    version: int = 1
    categories: tuple[CategorySource, ...] = ()
    verbatim: str | None = None
    verbatim_line: int = 0
    mistakes: tuple[Mistake, ...] = ()
    wording: tuple[Reworded, ...] = ()

    def to_policy(self) -> Policy:
        """Build the policy.

        Raises:
            PolicyError: for the first mistake.
        """
        if self.mistakes:
            first = self.mistakes[0]
            more = len(self.mistakes) - 1
            rest = f" ({more} more: run `eyeward policy lint`)" if more else ""
            raise PolicyError(first.message + rest, self.file, first.line)
        seen: dict[str, int] = {}
        for category in self.categories:
            if category.id in seen:
                message = f"The id {category.id!r} is used on line {seen[category.id]} already; rename one of them."
                raise PolicyError(message, self.file, category.line)
            seen[category.id] = category.line
        return Policy(
            name=self.name or "",
            version=self.version,
            verbatim=self.verbatim,
            wording=self.wording,
            categories=tuple(
                Category(
                    id=category.id,
                    name=category.name,
                    should_not=tuple(rule.text for rule in category.should_not),
                    can=tuple(rule.text for rule in category.can),
                    stance=category.stance,
                )
                for category in self.categories
            ),
        )


def pack_names() -> tuple[str, ...]:
    """Return the names of the policies that ship with Eyeward; `default` comes first."""
    names = sorted(path.stem for path in PACKS.glob("*.yaml"))
    return tuple(sorted(names, key=lambda name: name != "default"))


def policy_path(source: str | PathLike[str]) -> Path:
    """Return the file of a pack or of a path.

    Raises:
        PolicyError: when it is neither.
    """
    if isinstance(source, str) and source in pack_names():
        return PACKS / f"{source}.yaml"
    path = Path(source)
    if path.is_dir():
        raise PolicyError(f"{str(path)!r} is a folder; name a YAML file in it.")
    if not path.exists():
        packs = ", ".join(pack_names())
        raise PolicyError(f"There is no policy file {str(path)!r} and no pack of that name; packs: {packs}.")
    return path


def read_policy_file(source: str | PathLike[str]) -> str:
    """Return the text of a pack or a policy file.

    Raises:
        PolicyError: when there is no such file or it is not text.
    """
    path = policy_path(source)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise PolicyError(f"The file is larger than {LARGEST_FILE} bytes; a policy is a page of text.", path)
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise PolicyError("The file is not UTF-8 text; save it as UTF-8.", path) from None
    except OSError as problem:
        raise PolicyError(f"The file cannot be read: {problem.strerror}.", path) from problem


def load_policy(source: str | PathLike[str]) -> Policy:
    """Load a pack by its name or a YAML file by its path."""
    return read_source(read_policy_file(source), policy_path(source)).to_policy()


def parse_policy(text: str, file: str | PathLike[str] | None = None) -> Policy:
    """Read a policy from YAML text."""
    return read_source(text, file).to_policy()


def read_source(text: str, file: str | PathLike[str] | None = None) -> PolicySource:
    """Read what can be read and note every mistake; never raises for what the text says."""
    name = None if file is None else str(file)
    try:
        root = yaml.compose(text, Loader=_Bounded)
    except _PastBounds as problem:
        return PolicySource(name, mistakes=(problem.mistake,))
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        said = problem.problem or problem.context or "it cannot be parsed"
        message = f"This is not valid YAML: {said}; check indentation, quotes and colons there."
        return PolicySource(name, mistakes=(Mistake("yaml", message, None if mark is None else mark.line + 1),))
    except yaml.reader.ReaderError as problem:
        line = text.count("\n", 0, problem.position) + 1
        message = f"This is not valid YAML: it holds the character {chr(int(problem.character))!r}; take it away."
        return PolicySource(name, mistakes=(Mistake("yaml", message, line),))
    except RecursionError:
        return PolicySource(name, mistakes=(Mistake("yaml", "This YAML is nested too deeply to be a policy.", None),))
    return _Reader(name).policy(root)


def dump_policy(policy: Policy) -> str:
    """Return YAML that reads back as the same policy."""
    content: dict[str, object] = {"name": policy.name, "version": policy.version, "categories": []}
    content["categories"] = [
        {
            "id": category.id,
            "name": category.name,
            "should_not": list(category.should_not),
            "can": list(category.can),
            "stance": str(category.stance),
        }
        for category in policy.categories
    ]
    if policy.verbatim is not None:
        content["verbatim"] = policy.verbatim
    if policy.wording:
        content["wording"] = [sentence.model_dump(mode="json") for sentence in policy.wording]
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=10_000)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    kinds = {"str": "text", "int": "a number", "float": "a number", "bool": "true or false", "null": "nothing"}
    tag = node.tag.rpartition(":")[2]
    return kinds.get(tag, f"a {tag}")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


class _PastBounds(Exception):
    """A document that is no policy, and would take long to read to its end."""

    def __init__(self, code: str, message: str, line: int) -> None:
        super().__init__(message)
        self.mistake = Mistake(code, message, line)


class _Bounded(yaml.SafeLoader):
    """Reads no more than a policy holds, and no part twice: a page of aliases can stand for gigabytes."""

    parts = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Read one part."""
        repeated = self.check_event(yaml.AliasEvent)
        line = int(self.current_event.start_mark.line) + 1  # of what was looked at just now
        if repeated:
            raise _PastBounds("alias", "This repeats a part by its name (`*`); write the part out.", line)
        self.parts += 1
        if self.parts > MOST_PARTS:
            message = f"The file has more than {MOST_PARTS:,} keys, lists and texts; a policy is a page or two."
            raise _PastBounds("too-much", message, line)
        return super().compose_node(parent, index)


@dataclass
class _Reader:
    """Walks the node tree of one document, so that every value keeps its line."""

    file: str | None
    mistakes: list[Mistake] = field(default_factory=list)

    def note(self, code: str, message: str, node: yaml.Node) -> None:
        self.mistakes.append(Mistake(code, message[0].upper() + message[1:] + ".", _line(node)))

    def policy(self, root: yaml.Node | None) -> PolicySource:
        if root is None:
            mistake = Mistake("type", "The file is empty; a policy needs name, version and categories.", 1)
            return PolicySource(self.file, mistakes=(mistake,))
        values = self.mapping(root, "a policy", _POLICY_KEYS)
        name = self.text(values.get("name"), "the key 'name'", problem_with_slug)
        version = self.version(values.get("version"))
        verbatim = self.text(values.get("verbatim"), "the key 'verbatim'", lambda _: None, as_it_is=True)
        verbatim_line = _line(values["verbatim"]) if "verbatim" in values else 0
        wording = self.wording(values["wording"], verbatim) if "wording" in values else ()
        categories: tuple[CategorySource, ...] = ()
        if "categories" in values:
            items = self.sequence(values["categories"], "the key 'categories'")
            if len(items) > MOST_CATEGORIES:
                message = f"there are {len(items)} categories; a policy has at most {MOST_CATEGORIES}"
                self.note("too-much", message, values["categories"])
                items = []
            categories = tuple(item for item in map(self.category, items) if item is not None)
            if not items and not self.mistakes:
                self.note("missing", "there are no categories; a policy needs at least one", values["categories"])
        if isinstance(root, yaml.MappingNode):
            for key in ("name", "categories"):
                if key not in values:
                    self.note("missing", f"the key {key!r} is missing; every policy has it", root)
        self.mistakes.sort(key=lambda mistake: (mistake.code == "missing", mistake.line or 0))
        mistakes = tuple(self.mistakes)
        return PolicySource(self.file, name, version, categories, verbatim, verbatim_line, mistakes, wording)

    def category(self, node: yaml.Node) -> CategorySource | None:
        values = self.mapping(node, "a category", _CATEGORY_KEYS)
        if not isinstance(node, yaml.MappingNode):
            return None
        for key in ("id", "name"):
            if key not in values:
                self.note("missing", f"the key {key!r} is missing; every category has it", node)
        id = self.text(values.get("id"), "the key 'id'", problem_with_id)
        name = self.text(values.get("name"), "the key 'name'", problem_with_category_name)
        stated = self.text(values.get("stance"), "the key 'stance'", _problem_with_stance)
        before = len(self.mistakes)
        should_not = tuple(self.rules(values.get("should_not"), "should_not", MOST_RULES))
        can = tuple(self.rules(values.get("can"), "can", MOST_RULES - len(should_not)))
        if id is None or name is None:
            return None
        complete = len(self.mistakes) == before
        stance = Stance(stated or Stance.enforced)
        return CategorySource(id, name, _line(node), _line(values["name"]), should_not, can, stance, complete)

    def rules(self, node: yaml.Node | None, key: str, most: int) -> Iterator[RuleSource]:
        if node is None:
            return
        items = self.sequence(node, f"the key {key!r}")
        if len(items) > most:
            message = f"this category has more than {MOST_RULES} rules; split it, or say more with fewer"
            self.note("too-much", message, node)
            return
        for item in items:
            text = self.text(item, "a rule", lambda text: problem_with_line(text, "the rule"))
            if text is not None:
                yield RuleSource(text, _line(item))

    def wording(self, node: yaml.Node, verbatim: str | None) -> tuple[Reworded, ...]:
        before = len(self.mistakes)
        found = [self.sentence(item) for item in self.sequence(node, "the key 'wording'")]
        sentences = tuple(sentence for sentence in found if sentence is not None)
        problem = problem_with_wording(sentences, verbatim) if sentences and len(self.mistakes) == before else None
        if problem is not None:
            self.note("value", problem, node)
        return sentences

    def sentence(self, node: yaml.Node) -> Reworded | None:
        values = self.mapping(node, "a sentence of the wording", _SENTENCE_KEYS)
        if not isinstance(node, yaml.MappingNode):
            return None
        for key in _SENTENCE_KEYS:
            if key not in values:
                self.note("missing", f"the key {key!r} is missing; every sentence of the wording has it", node)
        field, to = self.text(values.get("field"), "the key 'field'", lambda _: None), values.get("to")
        if isinstance(to, yaml.SequenceNode):
            lines = [self.text(line, "a line", lambda _: None, as_it_is=True) for line in to.value]
            return None if field is None else Reworded(field=field, to=tuple(line or "" for line in lines))
        words = self.text(to, "the key 'to'", lambda _: None, as_it_is=True)
        return None if field is None or words is None else Reworded(field=field, to=words)

    def version(self, node: yaml.Node | None) -> int:
        if node is None:
            return 1
        number = node.value if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:int" else ""
        if re.fullmatch(r"[1-9][0-9]{0,8}", number) is None:
            self.note("type", "the key 'version' must be a whole number from 1", node)
            return 1
        return int(number)

    def text(
        self, node: yaml.Node | None, what: str, check: Callable[[str], str | None], as_it_is: bool = False
    ) -> str | None:
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode) or node.tag != "tag:yaml.org,2002:str":
            hint = ""
            if isinstance(node, yaml.ScalarNode) and node.value:
                hint = f"; write it in quotes: {node.value!r}"
            elif isinstance(node, yaml.MappingNode):
                hint = "; text that holds a colon followed by a blank needs quotes"
            self.note("type", f"{what} must be text, but this is {_kind(node)}{hint}", node)
            return None
        if len(node.value) > LONGEST_TEXT and not as_it_is:
            self.note("too-much", f"{what} has at most {LONGEST_TEXT:,} letters, not {len(node.value):,}", node)
            return None
        problem = check(node.value)
        if problem is not None:
            self.note("value", problem, node)
            return None
        return str(node.value) if as_it_is else str(node.value).strip(" \t\r\n")

    def sequence(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null":
            return []
        self.note("type", f"{what} must be a list (lines that start with '- '), but this is {_kind(node)}", node)
        return []

    def mapping(self, node: yaml.Node, what: str, keys: tuple[str, ...]) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            message = f"{what} must be a mapping with the keys {_listed(keys)}, but this is {_kind(node)}"
            self.note("type", message, node)
            return {}
        values: dict[str, yaml.Node] = {}
        for key, value in node.value:
            text = key.value if isinstance(key, yaml.ScalarNode) else None
            if text not in keys:
                shown = repr(text) if text is not None else "this key"
                self.note("unknown-key", f"unknown key {shown}; {what} has {_listed(keys)}", key)
            elif text in values:
                self.note("duplicate-key", f"the key {text!r} stands twice in {what}; keep one", key)
            else:
                values[text] = value
        return values


def _problem_with_stance(value: str) -> str | None:
    if value in set(Stance):
        return None
    return f"there is no stance {value!r}; use one of {', '.join(Stance)}"
