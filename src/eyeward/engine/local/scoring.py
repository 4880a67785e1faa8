"""Scores all possible answers of many rows at once: the tree of answers hangs at the end of each row.

Every node of the tree sees the row and its own ancestors only. So the probabilities of all labels, given each rating,
come out of one pass; the way that is taken is chosen afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from eyeward.engine.local.attention import Memory, Prefix
from eyeward.engine.local.families import ImageTokens
from eyeward.engine.local.language import Language
from eyeward.engine.local.tokens import Layout
from eyeward.engine.local.trie import ROOT, AnswerTree
from eyeward.engine.protocol import Prompt


@dataclass(frozen=True)
class Row:
    """A prompt behind a shared prefix."""

    prompt: Prompt
    layout: Layout
    pictures: Sequence[ImageTokens]
    """The prompt's images."""
    context_length: int
    """Tokens that prompt and answer may have together."""

    @property
    def own(self) -> list[tuple[int, ...] | ImageTokens]:
        """What stands behind the shared prefix; at least one token."""
        return [run if isinstance(run, tuple) else self.pictures[run.index] for run in self.layout.own]

    @property
    def length(self) -> int:
        """Count the tokens behind the shared prefix."""
        return sum(map(len, self.own))

    @property
    def text_tokens(self) -> tuple[int, ...]:
        """The tokens of the prompt's text, one run after the other."""
        runs = (*self.layout.shared, *self.layout.own)
        return tuple(token for run in runs if isinstance(run, tuple) for token in run)

    @property
    def prompt_length(self) -> int:
        """Count the tokens of the prompt, the shared prefix included."""
        return self.length + sum(
            len(run) if isinstance(run, tuple) else len(self.pictures[run.index]) for run in self.layout.shared
        )

    @property
    def whole_length(self) -> int:
        """Count the tokens of the prompt and of the tree of its answers."""
        return self.prompt_length + len(self.layout.tree.tokens)


@dataclass(frozen=True)
class Prefilled:
    """Rows after their prompts and trees went through the model."""

    states: Tensor
    """Final hidden states of the last token of each prompt, then of the nodes: [rows, 1 + nodes, width]"""
    seen: Tensor
    """bool [rows, 1 + nodes, own tokens in memory]: what each of these saw"""
    ends: list[int]
    """The position after each prompt."""


def prefill(language: Language, prefix: Prefix, rows: Sequence[Row], memory: Memory) -> Prefilled:
    """Run what the rows have of their own, and their trees.

    The last token of each prompt runs with the nodes; of those before it only keys and values are wanted.
    """
    lengths = [row.length for row in rows]
    embeddings, positions, ends = _embedded(language, prefix, rows)
    before = max(lengths) - 1
    if before:
        language.remember(embeddings[:, :before], positions[:, :, :before], memory)
    nodes = max(len(row.layout.tree.tokens) for row in rows)
    ids = torch.zeros(len(rows), nodes, dtype=torch.long)
    places = torch.zeros(len(rows), nodes, dtype=torch.long)
    for number, row in enumerate(rows):
        tree = row.layout.tree
        if tree.tokens:
            ids[number, : len(tree.tokens)] = torch.tensor(tree.tokens)
            places[number, : len(tree.tokens)] = torch.tensor([ends[number] + depth for depth in tree.depths])
    last = torch.tensor(lengths) - 1
    numbers = torch.arange(len(rows))
    final = embeddings[numbers.to(embeddings.device), last.to(embeddings.device)][:, None]
    positions = torch.cat((positions[:, numbers, last][..., None], language.in_line(places)), dim=2)
    seen = _seen(rows, last, before)
    states = language.run(torch.cat((final, language.embed(ids)), dim=1), positions, memory, seen)
    return Prefilled(states, seen.expand(len(rows), -1, -1), ends)


def _embedded(language: Language, prefix: Prefix, rows: Sequence[Row]) -> tuple[Tensor, Tensor, list[int]]:
    """Lay the rows out behind the prefix, padded on the right: embeddings, positions, and the positions that follow."""
    most = max(row.length for row in rows)
    ids = torch.zeros(len(rows), most, dtype=torch.long)
    laid = [language.positions(row.own, prefix.end) for row in rows]
    positions = torch.zeros(laid[0][0].shape[0], len(rows), most, dtype=torch.long)
    images: list[tuple[int, int, ImageTokens]] = []
    for number, row in enumerate(rows):
        positions[:, number, : row.length] = laid[number][0]
        place = 0
        for run in row.own:
            if isinstance(run, ImageTokens):
                images.append((number, place, run))
            else:
                ids[number, place : place + len(run)] = torch.tensor(run)
            place += len(run)
    embeddings = language.embed(ids)
    for number, place, image in images:
        embeddings[number, place : place + len(image)] = image.features.to(embeddings)
    return embeddings, positions, [end for _, end in laid]


def _seen(rows: Sequence[Row], last: Tensor, before: int) -> Tensor:
    """Say what last tokens and nodes see, [rows or 1, 1 + nodes, before + 1 + nodes]; once where all rows are alike."""
    trees = {id(row.layout.tree) for row in rows}
    if len(trees) == 1 and len(set(last.tolist())) == 1:
        rows, last = rows[:1], last[:1]
    total = 1 + max(len(row.layout.tree.tokens) for row in rows)
    own = (torch.arange(before) < last[:, None])[:, None].expand(-1, total, -1)
    return torch.cat((own, torch.stack([tree_mask(row.layout.tree.parents, total) for row in rows])), dim=2)


def tree_mask(parents: tuple[int, ...], total: int) -> Tensor:
    """Say who sees whom, bool [total, total]: the end of a prompt, then nodes, which see it and their ancestors."""
    mask = torch.eye(total, dtype=torch.bool)
    mask[:, 0] = True
    for node, parent in enumerate(parents):
        if parent != ROOT:
            mask[1 + node] |= mask[1 + parent]
    return mask


def score_leaves(language: Language, states: Tensor, rows: Sequence[Row]) -> list[list[float] | None]:
    """Return the log-probability of every leaf, per row; they add up to one. None where a number is not finite."""
    groups: dict[int, list[int]] = {}
    for number, row in enumerate(rows):
        groups.setdefault(id(row.layout.tree), []).append(number)
    result: list[list[float] | None] = [None] * len(rows)
    for numbers in groups.values():
        tree = rows[numbers[0]].layout.tree
        if not tree.branches:
            for number in numbers:
                result[number] = [0.0] * len(tree.leaves)
            continue
        columns: list[Tensor] = []
        finite = torch.ones(len(numbers), dtype=torch.bool, device=language.device)
        chosen = states[language.ids(numbers)].float()
        for branch in tree.branches:
            logits = language.logits(chosen[:, 1 + branch.node], branch.options)
            finite &= torch.isfinite(logits).all(-1)
            columns.append(logits.log_softmax(-1))
        for number, good, scores in zip(numbers, finite.tolist(), _joined(tree, columns), strict=True):
            result[number] = scores if good else None
    return result


def _joined(tree: AnswerTree, columns: Sequence[Tensor]) -> list[list[float]]:
    starts = [0]
    for column in columns:
        starts.append(starts[-1] + column.shape[1])
    table = torch.cat((*columns, columns[0].new_zeros(columns[0].shape[0], 1)), dim=1)
    most = max(len(leaf.choices) for leaf in tree.leaves)
    paths = [
        [*(starts[branch] + option for branch, option in leaf.choices), *[starts[-1]] * (most - len(leaf.choices))]
        for leaf in tree.leaves
    ]
    scores: list[list[float]] = table.cpu().double()[:, torch.tensor(paths)].sum(-1).tolist()
    return scores
