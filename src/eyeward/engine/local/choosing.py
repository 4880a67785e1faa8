"""From the log-probabilities of whole answers to the one that is written, and to the scores of each label."""

from __future__ import annotations

import math
from collections.abc import Sequence

from eyeward.engine.local.trie import AnswerTree, Leaf
from eyeward.engine.protocol import Prompt, SlotScores
from eyeward.engine.rating import sigmoid


def choose(prompt: Prompt, tree: AnswerTree, scores: Sequence[float]) -> Leaf:
    """Choose the answer to write: by the rating rule, or as greedy decoding would."""
    rule = prompt.rating_rule
    if rule is None:
        return _greedy(tree, scores)
    leaves_of: dict[str, list[tuple[float, Leaf]]] = {}
    for leaf, score in zip(tree.leaves, scores, strict=True):
        leaves_of.setdefault(dict(leaf.labels)[rule.slot], []).append((score, leaf))
    likeliest = {label: max(leaves, key=lambda pair: pair[0])[1] for label, leaves in leaves_of.items()}
    mass = {label: log_sum([score for score, _ in leaves]) for label, leaves in leaves_of.items()}
    raw = sigmoid(mass[rule.positive] - mass[rule.negative])
    category = None if rule.category_slot is None else dict(likeliest[rule.positive].labels).get(rule.category_slot)
    return likeliest[rule.label(rule.calibrated(raw, category))]


def log_sum(logs: Sequence[float]) -> float:
    """Return the logarithm of the sum of numbers given by their logarithms."""
    most = max(logs)
    return most if most == -math.inf else most + math.log(math.fsum(math.exp(log - most) for log in logs))


def _greedy(tree: AnswerTree, scores: Sequence[float]) -> Leaf:
    """Walk from branch to branch to the likelier side; not always the likeliest leaf."""
    going = list(zip(tree.leaves, scores, strict=True))
    for branch in range(len(tree.branches)):
        sides: dict[int, list[float]] = {}
        for leaf, score in going:
            for at, option in leaf.choices:
                if at == branch:
                    sides.setdefault(option, []).append(score)
        if sides:
            best = max(sides, key=lambda option: log_sum(sides[option]))
            going = [(leaf, score) for leaf, score in going if (branch, best) in leaf.choices]
    return going[0][0]


def slot_scores(tree: AnswerTree, scores: Sequence[float]) -> tuple[SlotScores, ...]:
    """Turn log-probabilities of whole answers into those of each label given the ones before it."""
    below: dict[tuple[tuple[str, str], ...], list[float]] = {}
    for leaf, score in zip(tree.leaves, scores, strict=True):
        for end in range(len(leaf.labels) + 1):
            below.setdefault(leaf.labels[:end], []).append(score)
    mass = {path: log_sum(logs) for path, logs in below.items()}
    found: dict[tuple[str, tuple[tuple[str, str], ...]], dict[str, float]] = {}
    for path, log in mass.items():
        if path:
            found.setdefault((path[-1][0], path[:-1]), {})[path[-1][1]] = min(0.0, log - mass[path[:-1]])
    return tuple(SlotScores(slot, given, labels) for (slot, given), labels in found.items())
