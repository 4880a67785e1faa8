"""The closed part of an answer form as a tree of tokens: every answer that may be written is a path in it.

Each possible answer is tokenised whole, because tokens may span the borders of labels; what the paths share is one
node. A node after which paths part is a *branch*: there, and only there, the model is asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from eyeward.engine.protocol import AnswerForm, Forced, LabelSlot, TextSlot

ROOT = -1
"""The parent of the first node: the last token of the prompt."""

# What free text may start with; forced tokens that change when one of these follows are left to the free text.
_OPENINGS = ("", "The", "A", "a", "1", "(", ".", "\\", '"')


@dataclass(frozen=True)
class Leaf:
    """One way to fill the labels."""

    labels: tuple[tuple[str, str], ...]
    """Pairs (slot, label), in the order of the form."""
    tokens: tuple[int, ...]
    """The whole path, from the first token of the answer, but for `unsettled`."""
    text: str
    """The answer up to the free text, or all of it."""
    unsettled: tuple[int, ...]
    """Tokens of the end of `text` that free text may change; what they spell is forced, they are not."""
    nodes: tuple[int, ...] = ()
    """Indices of the nodes of the tree on this path."""
    choices: tuple[tuple[int, int], ...] = ()
    """Pairs (branch, option): the way the path takes at each branch on it."""


@dataclass(frozen=True)
class Branch:
    """A place where paths part."""

    node: int
    """The node after which they do; `ROOT` for the last token of the prompt."""
    options: tuple[int, ...]
    """The tokens with which they go on."""


@dataclass(frozen=True)
class AnswerTree:
    """Nodes up to the last branches. A parent stands before its children."""

    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    branches: tuple[Branch, ...]
    leaves: tuple[Leaf, ...]
    tail: str
    """Forced text after the free text; empty where there is none."""

    @property
    def depths(self) -> tuple[int, ...]:
        """How many tokens of the answer stand before each node."""
        depths: list[int] = []
        for parent in self.parents:
            depths.append(0 if parent == ROOT else depths[parent] + 1)
        return tuple(depths)


def build_tree(form: AnswerForm, tokenize: Callable[[str], Sequence[int]]) -> AnswerTree:
    """Lay out every way to fill the labels of a form.

    `tokenize` gives the tokens of an answer as they stand behind the prompt.

    Raises:
        ValueError: when two answers have the same tokens, so that the model cannot tell them apart.
    """
    slots = [n for n, part in enumerate(form.parts) if isinstance(part, TextSlot)]
    closed = form.parts[: slots[0]] if slots else form.parts
    open_after = bool(slots)
    tail = "".join(part.text for part in form.parts[len(closed) :] if isinstance(part, Forced))
    leaves = []
    for labels, text in _answers(closed, (), ""):
        tokens = tuple(tokenize(text))
        settled = _settled(text, tokens, tokenize) if open_after else len(tokens)
        leaves.append(Leaf(labels, tokens[:settled], text, tokens[settled:]))
    return _tree(leaves, tail)


def _answers(
    parts: Sequence[object], labels: tuple[tuple[str, str], ...], text: str
) -> Iterator[tuple[tuple[tuple[str, str], ...], str]]:
    if not parts:
        yield labels, text
        return
    part, rest = parts[0], parts[1:]
    if isinstance(part, Forced):
        yield from _answers(rest, labels, text + part.text)
    elif isinstance(part, LabelSlot):
        for label in part.allowed(dict(labels)):
            yield from _answers(rest, (*labels, (part.name, label)), text + in_json(label))


def in_json(text: str) -> str:
    """Return text as it stands between the quotes of a JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _settled(text: str, tokens: tuple[int, ...], tokenize: Callable[[str], Sequence[int]]) -> int:
    """Count the leading tokens that stay the same whatever free text follows."""
    count = len(tokens)
    for opening in _OPENINGS:
        count = min(count, _common(tokens, tokenize(text + opening)))
    return count


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    count = 0
    for a, b in zip(first, second, strict=False):
        if a != b:
            break
        count += 1
    return count


def _tree(leaves: list[Leaf], tail: str) -> AnswerTree:
    if len({leaf.tokens for leaf in leaves}) != len(leaves):
        raise ValueError("two different answers have the same tokens")
    for leaf in leaves:
        if any(other.tokens[: len(leaf.tokens)] == leaf.tokens for other in leaves if other is not leaf):
            raise ValueError(f"the tokens of {leaf.text!r} are the beginning of those of another answer")
    prefixes: dict[tuple[int, ...], list[int]] = {}
    for leaf in leaves:
        for end in range(len(leaf.tokens)):
            options = prefixes.setdefault(leaf.tokens[:end], [])
            if leaf.tokens[end] not in options:
                options.append(leaf.tokens[end])
    parting = {prefix for prefix, options in prefixes.items() if len(options) > 1}
    needed = sorted(
        {branch[:end] for branch in parting for end in range(1, len(branch) + 1)}, key=lambda p: (len(p), p)
    )
    index = {(): ROOT, **{prefix: number for number, prefix in enumerate(needed)}}
    branches = [prefix for prefix in index if prefix in parting]
    return AnswerTree(
        tokens=tuple(prefix[-1] for prefix in needed),
        parents=tuple(index[prefix[:-1]] for prefix in needed),
        branches=tuple(Branch(index[prefix], tuple(prefixes[prefix])) for prefix in branches),
        leaves=tuple(_placed(leaf, index, branches, prefixes) for leaf in leaves),
        tail=tail,
    )


def _placed(
    leaf: Leaf,
    index: dict[tuple[int, ...], int],
    branches: list[tuple[int, ...]],
    prefixes: dict[tuple[int, ...], list[int]],
) -> Leaf:
    ends = range(len(leaf.tokens))
    nodes = tuple(index[leaf.tokens[:end]] for end in ends if end and leaf.tokens[:end] in index)
    choices = tuple(
        (branches.index(leaf.tokens[:end]), prefixes[leaf.tokens[:end]].index(leaf.tokens[end]))
        for end in ends
        if leaf.tokens[:end] in branches
    )
    return Leaf(leaf.labels, leaf.tokens, leaf.text, leaf.unsettled, nodes, choices)
