"""Answers by scoring: one pass over a shared prefix, many suffixes and the tree of possible answers; then free text.

The tree hangs at the end of each suffix, in the same pass: every node sees the prompt and its own ancestors only. So
the probabilities of all labels, given each rating, come out of one pass; the way that is taken is chosen afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from eyeward.engine.local.attention import NAME, Memory, Prefix
from eyeward.engine.local.choosing import choose, slot_scores
from eyeward.engine.local.families import ImageTokens
from eyeward.engine.local.json_text import JsonText
from eyeward.engine.local.tokens import Layout, PromptTokens
from eyeward.engine.local.trie import ROOT, AnswerTree, Leaf
from eyeward.engine.protocol import Prompt, RawAnswer, TextSlot, TokenCounts
from eyeward.errors import ErrorType
from eyeward.verdict import Failure

BLOCKED = float("-inf")


@dataclass(frozen=True)
class Row:
    """A prompt behind a shared prefix."""

    prompt: Prompt
    layout: Layout
    pictures: Sequence[ImageTokens]
    """The prompt's images."""

    @property
    def own(self) -> list[tuple[int, ...] | ImageTokens]:
        """What stands behind the shared prefix."""
        return [run if isinstance(run, tuple) else self.pictures[run.index] for run in self.layout.own]


@dataclass
class _Writing:
    """Free text under way."""

    row: int
    leaf: Leaf
    state: JsonText
    tokens: list[int]
    most: int


class Decoder:
    """Runs the language model of a checkpoint. All methods want `torch.inference_mode`."""

    def __init__(self, model: Any, tokens: PromptTokens, axes: int = 1) -> None:
        """Take transformers' model of any family; `axes` is how many position numbers its tokens have."""
        self._language = model.model.language_model
        self._language.config._attn_implementation = NAME
        self._embed = model.get_input_embeddings()
        head: Any = model.get_output_embeddings()
        self._weight: Tensor = head.weight
        self._bias: Tensor | None = head.bias
        self._tokens = tokens
        self._axes = axes
        self._device = self._embed.weight.device
        self._dtype = self._weight.dtype

    def prefix(self, runs: Sequence[tuple[int, ...] | ImageTokens]) -> Prefix:
        """Compute the keys and values of text and images."""
        if not runs:
            return Prefix()
        memory = Memory(None)
        parts = [run.features if isinstance(run, ImageTokens) else self._embed(self._ids(run)) for run in runs]
        embeddings = torch.cat([part.to(device=self._device, dtype=self._dtype) for part in parts])[None]
        positions, end = self._positions(runs, 0)
        self._run(embeddings, positions[:, None].to(self._device), memory, None)
        return memory.as_prefix(end)

    def answer(self, prefix: Prefix, rows: Sequence[Row]) -> list[RawAnswer]:
        """Answer prompts that share a prefix."""
        memory = Memory(prefix)
        lengths = [_own_length(row) for row in rows]
        hidden, ends = self._prefill(prefix, rows, lengths, memory)
        joint = self._scores(hidden, rows, lengths)
        answers: list[RawAnswer] = []
        writing: list[_Writing] = []
        for number, (row, leaf_scores) in enumerate(zip(rows, joint, strict=True)):
            counts = TokenCounts(lengths[number] + len(row.layout.tree.tokens), prefix.length, 0)
            if leaf_scores is None:
                answers.append(RawAnswer(error=_not_finite(), tokens=counts))
                continue
            leaf = choose(row.prompt, row.layout.tree, leaf_scores)
            answers.append(_labels_only(row.layout.tree, leaf, leaf_scores, counts))
            slot = next((part for part in row.prompt.form.parts if isinstance(part, TextSlot)), None)
            if row.prompt.explain and slot is not None:
                head = b"".join(self._tokens.spelling()[token] or b"" for token in leaf.unsettled)
                state = JsonText(head, row.layout.tree.tail.encode().removeprefix(b'"'))
                writing.append(_Writing(number, leaf, state, [], slot.max_tokens))
        if writing:
            for written, answer in self._write(writing, rows, lengths, ends, memory, answers):
                answers[written] = answer
        return answers

    def _ids(self, rows: Sequence[int] | Sequence[Sequence[int]]) -> Tensor:
        return torch.tensor(rows, device=self._device)

    def _run(self, embeddings: Tensor, positions: Tensor, memory: Memory, mask: Tensor | None) -> Tensor:
        """Run new tokens [rows, tokens, width] at positions [rows, tokens] or [axes, rows, tokens].

        Returns their final hidden states.
        """
        out = self._language(
            inputs_embeds=embeddings,
            position_ids=positions[0] if positions.ndim == 3 and len(positions) == 1 else positions,
            use_cache=False,
            memory=memory,
            mask=mask,
        )
        memory.length += embeddings.shape[1]
        hidden: Tensor = out.last_hidden_state
        return hidden.to(self._device)

    def _positions(self, runs: Sequence[tuple[int, ...] | ImageTokens], start: int) -> tuple[Tensor, int]:
        """Return the positions [axes, tokens] of what begins at `start`, and the position of what follows."""
        parts = [torch.zeros(self._axes, 0, dtype=torch.long)]
        for run in runs:
            if isinstance(run, ImageTokens):
                parts.append(run.places + start)
                start += run.span
            else:
                parts.append(torch.arange(start, start + len(run)).expand(self._axes, -1))
                start += len(run)
        return torch.cat(parts, dim=1), start

    def _prefill(
        self, prefix: Prefix, rows: Sequence[Row], lengths: Sequence[int], memory: Memory
    ) -> tuple[Tensor, list[int]]:
        """Run what the rows have of their own, and their trees; give hidden states and the trees' first positions."""
        total = max(length + len(row.layout.tree.tokens) for row, length in zip(rows, lengths, strict=True))
        ids = torch.zeros(len(rows), total, dtype=torch.long)
        positions = torch.zeros(self._axes, len(rows), total, dtype=torch.long)
        ends = []
        for number, (row, length) in enumerate(zip(rows, lengths, strict=True)):
            place = 0
            for run in row.own:
                if not isinstance(run, ImageTokens):
                    ids[number, place : place + len(run)] = torch.tensor(run)
                place += len(run)
            tree = row.layout.tree
            if tree.tokens:
                ids[number, length : length + len(tree.tokens)] = torch.tensor(tree.tokens)
            positions[:, number, :length], end = self._positions(row.own, prefix.end)
            positions[:, number, length : length + len(tree.tokens)] = torch.tensor(
                [end + depth for depth in tree.depths], dtype=torch.long
            )
            ends.append(end)
        embeddings = self._embed(ids.to(self._device))
        for number, row in enumerate(rows):
            place = 0
            for run in row.own:
                if isinstance(run, ImageTokens):
                    embeddings[number, place : place + len(run)] = run.features.to(embeddings)
                place += len(run)
        mask = self._mask(rows, lengths, total)
        return self._run(embeddings, positions.to(self._device), memory, mask), ends

    def _mask(self, rows: Sequence[Row], lengths: Sequence[int], total: int) -> Tensor:
        made: dict[tuple[int, tuple[int, ...]], Tensor] = {}
        masks = []
        for row, length in zip(rows, lengths, strict=True):
            key = length, row.layout.tree.parents
            if key not in made:
                made[key] = tree_mask(*key, total)
            masks.append(made[key])
        stacked = torch.stack(masks) if len(made) > 1 else masks[0][None]
        return self._additive(stacked)

    def _additive(self, own: Tensor) -> Tensor:
        """Turn who may see whom [rows or 1, tokens, own tokens] into numbers to add."""
        mask = torch.zeros(own.shape[0], 1, *own.shape[1:], dtype=self._dtype, device=self._device)
        return mask.masked_fill_(~own[:, None].to(self._device), BLOCKED)

    def _scores(self, hidden: Tensor, rows: Sequence[Row], lengths: Sequence[int]) -> list[list[float] | None]:
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
            places = [[lengths[n] + branch.node for branch in tree.branches] for n in numbers]
            states = hidden[self._ids(numbers)[:, None], self._ids(places)].float()
            columns: list[Tensor] = []
            finite = torch.ones(len(numbers), dtype=torch.bool, device=self._device)
            for n, branch in enumerate(tree.branches):
                logits = self._logits(states[:, n], branch.options)
                finite &= torch.isfinite(logits).all(-1)
                columns.append(logits.log_softmax(-1))
            for number, good, scores in zip(numbers, finite.tolist(), _leaf_scores(tree, columns), strict=True):
                result[number] = scores if good else None
        return result

    def _logits(self, states: Tensor, options: Sequence[int] | None = None) -> Tensor:
        """Score tokens after states [rows, width], in float32."""
        weight, bias = self._weight, self._bias
        states = states.to(weight.device)
        if options is not None:
            chosen = self._ids(options).to(weight.device)
            weight, bias = weight[chosen], None if bias is None else bias[chosen]
        logits: Tensor = states.to(weight.dtype) @ weight.T if options is None else states.float() @ weight.float().T
        return (logits.float() if bias is None else logits.float() + bias.float()).to(self._device)

    def _write(
        self,
        writing: list[_Writing],
        rows: Sequence[Row],
        lengths: Sequence[int],
        starts: Sequence[int],
        memory: Memory,
        answers: Sequence[RawAnswer],
    ) -> list[tuple[int, RawAnswer]]:
        memory.keep_rows(self._ids([w.row for w in writing]))
        usable = torch.zeros(len(writing), memory.length, dtype=torch.bool, device=self._device)
        for n, w in enumerate(writing):
            usable[n, : lengths[w.row]] = True
            usable[n, [lengths[w.row] + node for node in w.leaf.nodes]] = True
        chains = [w.leaf.tokens[len(w.leaf.nodes) :] for w in writing]
        position = self._ids([[starts[w.row] + len(w.leaf.nodes)] for w in writing])
        longest = max(map(len, chains))
        steps = torch.arange(longest, device=self._device)
        real = steps < self._ids([[len(chain)] for chain in chains])
        ids = self._ids([[*chain, *[0] * (longest - len(chain))] for chain in chains])
        causal = (steps[:, None] >= steps).expand(len(writing), -1, -1)
        mask = torch.cat((usable[:, None].expand(-1, longest, -1), causal), dim=2)
        hidden = self._run(self._embed(ids), position + steps, memory, self._additive(mask))
        usable = torch.cat((usable, real), dim=1)
        ends = real.sum(1)
        position = position[:, 0] + ends
        states = hidden[torch.arange(len(writing), device=self._device), ends - 1]
        done: list[tuple[int, RawAnswer]] = []
        while writing:
            logits = self._logits(states)
            going = []
            for n, w in enumerate(writing):
                finished = self._next(w, logits[n], rows[w.row], answers[w.row])
                if finished is None:
                    going.append(n)
                else:
                    done.append((w.row, finished))
            if len(going) < len(writing):
                kept = self._ids(going).long()
                writing = [writing[n] for n in going]
                memory.keep_rows(kept)
                usable, position = usable[kept], position[kept]
            if not writing:
                break
            ids = self._ids([[w.tokens[-1]] for w in writing])
            usable = torch.cat((usable, usable.new_ones(len(writing), 1)), dim=1)
            states = self._run(self._embed(ids), position[:, None], memory, self._additive(usable[:, None]))[:, -1]
            position = position + 1
        return done

    def _next(self, w: _Writing, logits: Tensor, row: Row, answer: RawAnswer) -> RawAnswer | None:
        """Write one more token; return the answer when it is the last."""
        token, state = self._likeliest(w.state, logits)
        if state is None:
            return RawAnswer(error=_not_finite(), tokens=answer.tokens)
        w.tokens.append(token)
        w.state = state
        if not state.closed and len(w.tokens) < w.most:
            return None
        return self._finished(w, row, answer)

    def _likeliest(self, state: JsonText, logits: Tensor) -> tuple[int, JsonText | None]:
        spelling = self._tokens.spelling()
        if not bool(torch.isfinite(logits).all()):
            return 0, None
        for count in (1, 64, logits.shape[-1]):
            for token in logits.topk(min(count, logits.shape[-1])).indices.tolist():
                piece = spelling[token] if token < len(spelling) else None
                after = None if piece is None else state.after(piece)
                if after is not None:
                    return token, after
        return 0, None

    def _finished(self, w: _Writing, row: Row, answer: RawAnswer) -> RawAnswer:
        slot = next(part for part in row.prompt.form.parts if isinstance(part, TextSlot))
        text = w.leaf.text + w.state.raw + row.layout.tree.tail
        tokens = (*w.leaf.tokens, *w.tokens)
        if w.state.closed:
            whole = self._tokens.answer_ids(row.layout.context, text)
            if whole[: len(tokens)] == tokens:
                tokens = whole
            else:
                tokens += self._tokens.ids(w.state.tail.decode())
        counts = TokenCounts(answer.tokens.computed + len(tokens), answer.tokens.cached, len(w.tokens))
        return RawAnswer(
            scores=answer.scores,
            written={**answer.written, slot.name: w.state.text},
            text=text,
            token_ids=tokens,
            tokens=counts,
            cut=not w.state.closed,
        )


def tree_mask(length: int, parents: tuple[int, ...], total: int) -> Tensor:
    """Say who sees whom, [total, total]: a causal prompt of `length` tokens, nodes that see it and their ancestors."""
    mask = torch.ones(total, total, dtype=torch.bool).tril()
    mask[length:, length:] = False
    mask.fill_diagonal_(True)
    for node, parent in enumerate(parents):
        if parent != ROOT:
            mask[length + node, length:] |= mask[length + parent, length:]
    return mask


def _leaf_scores(tree: AnswerTree, columns: Sequence[Tensor]) -> list[list[float]]:
    starts = [0]
    for column in columns:
        starts.append(starts[-1] + column.shape[1])
    table = torch.cat((*columns, columns[0].new_zeros(columns[0].shape[0], 1)), dim=1)
    most = max(len(leaf.choices) for leaf in tree.leaves)
    paths = [
        [*(starts[branch] + option for branch, option in leaf.choices), *[starts[-1]] * (most - len(leaf.choices))]
        for leaf in tree.leaves
    ]
    scores: list[list[float]] = table[:, torch.tensor(paths, device=table.device)].double().sum(-1).tolist()
    return scores


def _labels_only(tree: AnswerTree, leaf: Leaf, scores: Sequence[float], counts: TokenCounts) -> RawAnswer:
    return RawAnswer(
        scores=slot_scores(tree, scores),
        written=dict(leaf.labels),
        text=leaf.text,
        token_ids=leaf.tokens,
        tokens=counts,
    )


def _own_length(row: Row) -> int:
    return sum(map(len, row.own))


def _not_finite() -> Failure:
    return Failure(
        type=ErrorType.internal,
        message="The model gave numbers that are not finite; run it in float32, or check its weights.",
    )
