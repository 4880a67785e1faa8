"""Lessons for the guard stage: one policy, several pictures, and for each the answer and the line that decides it.

A lesson is laid out as inference lays out a prompt: the policy is the prefix, every picture with its answer a suffix.
Besides answers it names targets for losses whose heads are thrown away: what each line of the policy says (fact and
effect), and which lines the rating and the category must be read from.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from eyeward.policy import LineRole, Policy, PromptWording, RenderedPolicy, Stance, render
from eyeward.scenes.caption import seen
from eyeward.scenes.facts import CATEGORY_NAMES, FACT_BY_WORDING, FACTS
from eyeward.scenes.graph import SceneGraph
from eyeward.scenes.motifs import MOTIF_BY_KEY
from eyeward.scenes.rationale import rationale, reason
from eyeward.scenes.truth import Truth, decide
from eyeward.train.from_scratch.tokenizer import IMAGE, TURN_END, TURN_START, token_id

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor

IGNORED = -100
FACT_INDEX = {fact.key: index for index, fact in enumerate(FACTS)}
CATEGORY_INDEX = {name: index for index, name in enumerate(CATEGORY_NAMES)}
NOTHING = len(FACTS)


class Effect(IntEnum):
    """What a line of a policy does to content that it names."""

    FORBIDS = 0
    ALLOWS = 1
    NEUTRAL = 2


class Point(IntEnum):
    """A token of an answer that is read from a place of the policy."""

    RATING = 0
    CATEGORY = 1
    REASON = 2
    """`breaks` or `is` in `It breaks the rule`, `O5` in `Category O5 is declared`"""
    RULE = 3
    """First word of the rule that a rationale quotes."""


@dataclass(frozen=True)
class Question:
    """A prefix: token ids, and where and what its lines are."""

    ids: tuple[int, ...]
    line_ends: tuple[int, ...]
    """Position of the newline token that closes each line."""
    line_facts: tuple[int, ...]
    """Index into FACTS, or NOTHING."""
    line_effects: tuple[int, ...]
    line_categories: tuple[int, ...]
    """Index into CATEGORY_NAMES, or their count."""
    rendered: RenderedPolicy | None = None


@dataclass(frozen=True)
class Answer:
    """A suffix after the image: token ids, and the weight of each as a target (0: given, not asked)."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]
    points: tuple[int, ...] = (0,) * len(Point)
    """Positions in `ids` of the tokens that `Point` names; 0 where there is no such token."""
    read_from: tuple[tuple[int, ...], ...] = ((),) * len(Point)
    """Positions in the question that each of them is read from; empty: none."""
    fact: int = NOTHING
    context: int = 0


class Speller:
    """Text to ids, by line, with a cache: lines repeat endlessly."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.newline = self.spell("\n")[0]
        self.image = token_id(tokenizer, IMAGE)
        self.turn_end = token_id(tokenizer, TURN_END)
        self.opening = (token_id(tokenizer, TURN_START), *self.spell("user\n"))
        self.hand_over = (
            self.newline,
            self.turn_end,
            self.newline,
            token_id(tokenizer, TURN_START),
            *self.spell("assistant\n"),
        )
        self.spell = lru_cache(maxsize=20_000)(self.spell)  # type: ignore[method-assign]

    def spell(self, text: str) -> tuple[int, ...]:
        """Give the ids of a text without special tokens."""
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)


def answer_text(rating: str, category: str, rationale_text: str | None = None) -> tuple[str, str, str, str]:
    """Give the answer in four pieces that join to one line of JSON: opening with rating, key, label, the rest."""
    rest = '"' if rationale_text is None else f'", "rationale": {json.dumps(rationale_text, ensure_ascii=False)}}}'
    return rating, '", "category": "', category, rest


def policy_question(speller: Speller, policy: Policy, wording: PromptWording) -> Question:
    """Lay a policy out as a prefix."""
    rendered = render(policy, wording)
    ids = list(speller.opening)
    ends, facts, effects, categories = [], [], [], []
    stances = {category.id: category.stance for category in policy.categories}
    for line in rendered.lines:
        ids += [*speller.spell(line.text), speller.newline]
        ends.append(len(ids) - 1)
        fact = FACT_BY_WORDING.get(line.rule or "")
        facts.append(NOTHING if fact is None else FACT_INDEX[fact.key])
        effects.append(_effect(line.role, stances.get(line.category or "")))
        categories.append(CATEGORY_INDEX.get(line.category or "", len(CATEGORY_INDEX)))
    return Question(tuple(ids), tuple(ends), tuple(facts), tuple(effects), tuple(categories), rendered)


def _effect(role: LineRole, stance: Stance | None) -> Effect:
    if role in (LineRole.START, LineRole.STEPS, LineRole.ANSWER_FORM, LineRole.BLANK) or stance is None:
        return Effect.NEUTRAL
    if stance is Stance.non_violating:
        return Effect.ALLOWS
    if stance is Stance.sensitive:
        return Effect.FORBIDS
    if role in (LineRole.SHOULD_NOT, LineRole.SHOULD_NOT_HEADING):
        return Effect.FORBIDS
    return Effect.ALLOWS if role in (LineRole.CAN, LineRole.CAN_HEADING) else Effect.NEUTRAL


def policy_answer(
    speller: Speller,
    question: Question,
    policy: Policy,
    graph: SceneGraph,
    contexts: Sequence[str],
    explain: bool,
    described: bool = False,
) -> Answer:
    """Lay out the true answer about a scene under the policy of `question`.

    A described scene is given in words in the place of the image, which is a cheap lesson in reading policies.
    """
    assert question.rendered is not None
    truth = decide(graph, policy)
    text = rationale(graph, truth) if explain else None
    rating, key, label, rest = answer_text(truth.rating.value, truth.category, text)
    spell = speller.spell
    words = spell(f"The image shows {seen(graph)}.") if described else ()
    asked = (*words, *speller.hand_over)
    opening = spell('{"rating": "')
    given = (*asked, *opening)
    label_ids = spell(label)
    rest_ids = (*spell(rest), *((speller.turn_end,) if explain else ()))
    ids = (*given, *spell(rating), *spell(key), *label_ids, *rest_ids)
    weights = (
        *(0.0 for _ in asked),
        *(0.1 for _ in opening),
        *(5.0 for _ in spell(rating)),
        *(0.1 for _ in spell(key)),
        3.0,
        *(0.3 for _ in label_ids[1:]),
        *(0.3 for _ in rest_ids),
    )
    category_at = len(given) + len(spell(rating)) + len(spell(key))
    points = [len(given), category_at, 0, 0]
    rating_lines, headers = deciding_lines(question, graph, truth)
    ends = tuple(question.line_ends[line] for line in rating_lines)
    read_from = [ends, tuple(question.line_ends[line] for line in headers), (), ()]
    if explain:
        said = f" {reason(truth.decided_by)}"
        start = category_at + len(label_ids) + len(spell(rest[: rest.index(said)]))
        points[Point.REASON], read_from[Point.REASON] = start + 1, ends
        if truth.decided_by.rule is not None:
            points[Point.RULE] = start + len(spell(said[: said.index(":") + 1]))
            read_from[Point.RULE] = tuple(e - len(spell(truth.decided_by.rule)) for e in ends)
    fact = MOTIF_BY_KEY[graph.motif].fact
    return Answer(
        ids,
        weights,
        tuple(points),
        tuple(read_from),
        NOTHING if fact is None else FACT_INDEX[fact],
        contexts.index(graph.context),
    )


def deciding_lines(question: Question, graph: SceneGraph, truth: Truth) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Name the lines that the rating and the category are read from, by their number."""
    assert question.rendered is not None
    category = truth.decided_by.category
    if category is None:
        return (), ()
    lines = [(n, line) for n, line in enumerate(question.rendered.lines) if line.category == category]
    headers = tuple(n for n, line in lines if line.role is LineRole.HEADER)
    rule = truth.decided_by.rule
    if rule is not None:
        return tuple(n for n, line in lines if line.rule == rule), headers
    declared = tuple(n for n, line in lines if line.role is LineRole.DECLARATION)
    if not declared:
        return headers, headers
    shown = {MOTIF_BY_KEY[graph.motif].fact}
    if graph.second is not None:
        shown.add(MOTIF_BY_KEY[graph.second.motif].fact)
    examples = tuple(n for n, line in lines if line.rule is not None and FACT_BY_WORDING[line.rule].key in shown)
    return declared + examples, headers


@dataclass(frozen=True)
class Batch:
    """Lessons as tensors; `policies` P, `images` N, prefix length L, suffix length S, answers start after the image."""

    prefix: Tensor
    """ids [P, L]"""
    prefix_lengths: Tensor
    """[P]"""
    answers: Tensor
    """ids [P, N, A]: what follows the image features"""
    weights: Tensor
    """[P, N, A]"""
    lines: Tensor
    """[P, M] positions of line ends, padded with 0"""
    line_facts: Tensor
    line_effects: Tensor
    line_categories: Tensor
    """[P, M], padded with IGNORED"""
    pointers: Tensor
    """bool [P, N, points, L]: where what stands at each point is to be read"""
    points: Tensor
    """[P, N, points]: positions in `answers`, see `Point`"""
    facts: Tensor
    """[P, N]"""
    contexts: Tensor
    """[P, N]"""


def collate(
    questions: Sequence[Question], answers: Sequence[Sequence[Answer]], prefix_length: int, answer_length: int, pad: int
) -> Batch:
    """Stack lessons; lengths are fixed so that compiled code sees one shape.

    Raises:
        ValueError: when a prefix or an answer does not fit.
    """
    most = max(len(q.line_ends) for q in questions)
    count, images = len(questions), len(answers[0])
    prefix = torch.full((count, prefix_length), pad)
    ids = torch.full((count, images, answer_length), pad)
    weights = torch.zeros(count, images, answer_length)
    lines = torch.zeros(count, most, dtype=torch.long)
    told = torch.full((3, count, most), IGNORED)
    pointers = torch.zeros(count, images, len(Point), prefix_length, dtype=torch.bool)
    for p, question in enumerate(questions):
        if len(question.ids) > prefix_length:
            raise ValueError(f"a policy of {len(question.ids)} tokens does not fit {prefix_length}")
        prefix[p, : len(question.ids)] = torch.tensor(question.ids)
        m = len(question.line_ends)
        if m:
            lines[p, :m] = torch.tensor(question.line_ends)
            told[:, p, :m] = torch.tensor([question.line_facts, question.line_effects, question.line_categories])
        for n, answer in enumerate(answers[p]):
            if len(answer.ids) > answer_length:
                raise ValueError(f"an answer of {len(answer.ids)} tokens does not fit {answer_length}")
            ids[p, n, : len(answer.ids)] = torch.tensor(answer.ids)
            weights[p, n, : len(answer.ids)] = torch.tensor(answer.weights)
            for point, places in enumerate(answer.read_from):
                pointers[p, n, point, list(places)] = True
    return Batch(
        prefix=prefix,
        prefix_lengths=torch.tensor([len(q.ids) for q in questions]),
        answers=ids,
        weights=weights,
        lines=lines,
        line_facts=told[0],
        line_effects=told[1],
        line_categories=told[2],
        pointers=pointers,
        points=torch.tensor([[a.points for a in row] for row in answers]),
        facts=torch.tensor([[a.fact for a in row] for row in answers]),
        contexts=torch.tensor([[a.context for a in row] for row in answers]),
    )
