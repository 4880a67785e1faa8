"""Writes the free text of many answers side by side; rows that are done leave the batch.

Each pass reads what is certain and a guess at what follows, and keeps as much of the guess as was right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from eyeward.engine.local.attention import Memory
from eyeward.engine.local.drafts import draft
from eyeward.engine.local.json_text import JsonText
from eyeward.engine.local.language import Language
from eyeward.engine.local.scoring import Prefilled, Row
from eyeward.engine.local.tokens import PromptTokens
from eyeward.engine.local.trie import Leaf
from eyeward.engine.protocol import RawAnswer, TextSlot, TokenCounts
from eyeward.errors import ErrorType
from eyeward.verdict import Failure


@dataclass
class Writing:
    """Free text under way."""

    number: int
    """Which row of the batch it belongs to."""
    row: Row
    slot: TextSlot
    leaf: Leaf
    answer: RawAnswer
    """The answer up to the free text."""
    state: JsonText
    source: tuple[int, ...]
    """Tokens of the prompt's text, which the free text may quote."""
    pending: tuple[int, ...]
    """Tokens that are certain and not read yet: at first those of the chosen way that stand for no node of the tree."""
    tokens: list[int] = field(default_factory=list)

    @property
    def most(self) -> int:
        """Tokens that the free text may have."""
        return min(self.slot.max_tokens, self.row.context_length - self.row.prompt_length - len(self.leaf.tokens))


class Writer:
    """Greedy decoding, held to the inside of a JSON string."""

    def __init__(self, language: Language, tokens: PromptTokens) -> None:
        self._language = language
        self._tokens = tokens

    def write(self, writing: Sequence[Writing], filled: Prefilled, memory: Memory) -> list[tuple[int, RawAnswer]]:
        """Finish the answers of some rows of a batch; give each with its row's number."""
        language = self._language
        full = [(w.number, self._finished(w)) for w in writing if w.most <= 0]
        writing = [w for w in writing if w.most > 0]
        if not writing:
            return full
        memory.keep_rows(language.ids([w.number for w in writing]))
        seen = torch.stack([_seen_after(w, filled) for w in writing])
        position = torch.tensor([filled.ends[w.number] + len(w.leaf.nodes) for w in writing])
        going, done = list(writing), full
        while going:
            guesses = [_guess(w) for w in going]
            hidden, steps = self._read(
                [(*w.pending, *guess) for w, guess in zip(going, guesses, strict=True)], position, seen, memory
            )
            asked = [
                hidden[n, len(w.pending) - 1 :][: 1 + len(guess)]
                for n, (w, guess) in enumerate(zip(going, guesses, strict=True))
            ]
            logits = torch.split(language.logits(torch.cat(asked)), [len(states) for states in asked])
            finished, read = [], []
            for w, guess, scores in zip(going, guesses, logits, strict=True):
                before, right = len(w.pending), len(w.tokens)
                finished.append(self._follow(w, guess, scores))
                read.append(before + len(w.tokens) - right - 1)
            done += [(w.number, answer) for w, answer in zip(going, finished, strict=True) if answer is not None]
            kept = [n for n, answer in enumerate(finished) if answer is None]
            length = torch.tensor(read)
            seen, position = torch.cat((seen, steps < length[:, None]), dim=1), position + length
            if len(kept) < len(going):
                going = [going[n] for n in kept]
                seen, position = seen[kept], position[kept]
                memory.keep_rows(language.ids(kept).long())
        return done

    def _read(
        self, fed: Sequence[tuple[int, ...]], position: Tensor, seen: Tensor, memory: Memory
    ) -> tuple[Tensor, Tensor]:
        """Run new tokens of each row, padded on the right; give their hidden states, and the numbers of the columns."""
        longest = max(map(len, fed))
        steps = torch.arange(longest)
        ids = torch.tensor([[*tokens, *[0] * (longest - len(tokens))] for tokens in fed])
        causal = (steps[:, None] >= steps).expand(len(fed), -1, -1)
        hidden = self._language.run(
            self._language.embed(ids),
            self._language.in_line(position[:, None] + steps),
            memory,
            torch.cat((seen[:, None].expand(-1, longest, -1), causal), dim=2),
        )
        return hidden, steps

    def _follow(self, w: Writing, guess: Sequence[int], logits: Tensor) -> RawAnswer | None:
        """Write tokens as long as the guess was right, and one more; return the answer when one is the last."""
        for place, scores in enumerate(logits):
            answer = self._next(w, scores)
            if answer is not None:
                return answer
            if place == len(guess) or w.tokens[-1] != guess[place]:
                break
        w.pending = (w.tokens[-1],)
        return None

    def _next(self, w: Writing, logits: Tensor) -> RawAnswer | None:
        """Write one more token; return the answer when it is the last."""
        token, state = self._likeliest(w.state, logits)
        if state is None:
            return RawAnswer(error=not_finite(), tokens=w.answer.tokens)
        w.tokens.append(token)
        w.state = state
        if not state.closed and len(w.tokens) < w.most:
            return None
        return self._finished(w)

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

    def _finished(self, w: Writing) -> RawAnswer:
        text = w.leaf.text + w.state.raw + w.row.layout.tree.tail
        tokens = (*w.leaf.tokens, *w.tokens)
        if w.state.closed:
            whole = self._tokens.answer_ids(w.row.layout.context, text)
            if whole[: len(tokens)] == tokens:
                tokens = whole
            else:
                tokens += self._tokens.ids(w.state.tail.decode())
        counts = w.answer.tokens
        return replace(
            w.answer,
            written={**w.answer.written, w.slot.name: w.state.text},
            text=text,
            token_ids=tokens,
            tokens=TokenCounts(counts.computed + len(tokens), counts.cached, len(w.tokens)),
            cut=not w.state.closed,
        )


def _guess(w: Writing) -> tuple[int, ...]:
    return draft(w.source, (*w.leaf.tokens[-2:], *w.tokens[-2:]))[: w.most - len(w.tokens) - 1]


def _seen_after(w: Writing, filled: Prefilled) -> Tensor:
    """Say which tokens in memory free text sees: those that the last node of its way saw, [own tokens in memory]."""
    last = 1 + w.leaf.nodes[-1] if w.leaf.nodes else 0
    return filled.seen[w.number, last]


def not_finite() -> Failure:
    """Say what is wrong when the model's numbers are no numbers."""
    return Failure(
        type=ErrorType.internal,
        message="The model gave numbers that are not finite; run it in float32, or check its weights.",
    )
