"""Answers by scoring: one pass over a shared prefix, many rows and the tree of possible answers; then free text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eyeward.engine.local.attention import Prefix
from eyeward.engine.local.choosing import choose, slot_scores
from eyeward.engine.local.first_choice import FirstChoice, first_choice
from eyeward.engine.local.json_text import JsonText
from eyeward.engine.local.language import Language, Run
from eyeward.engine.local.scoring import Row, prefill, score_leaves
from eyeward.engine.local.tokens import PromptTokens
from eyeward.engine.local.trie import AnswerTree, Leaf
from eyeward.engine.local.writing import Writer, Writing, not_finite
from eyeward.engine.protocol import RawAnswer, TextSlot, TokenCounts


class Decoder:
    """Answers prompts with the language model of a checkpoint. All methods want `torch.inference_mode`."""

    def __init__(self, model: Any, tokens: PromptTokens, axes: int = 1) -> None:
        """Take transformers' model of any family; `axes` is how many position numbers its tokens have."""
        self._language = Language(model, axes)
        self._tokens = tokens
        self._writer = Writer(self._language, tokens)

    def prefix(self, runs: Sequence[Run]) -> Prefix:
        """Compute the keys and values of text and images."""
        return self._language.prefix(runs)

    def first_choice(self, prefix: Prefix, row: Row) -> FirstChoice:
        """Say what the model would write where the first label stands."""
        return first_choice(self._language, self._tokens, prefix, row)

    def answer(self, prefix: Prefix, rows: Sequence[Row]) -> list[RawAnswer]:
        """Answer prompts that share a prefix."""
        memory = self._language.memory(prefix)
        filled = prefill(self._language, prefix, rows, memory)
        answers: list[RawAnswer] = []
        writing: list[Writing] = []
        for number, (row, scores) in enumerate(
            zip(rows, score_leaves(self._language, filled.states, rows), strict=True)
        ):
            counts = TokenCounts(row.length + len(row.layout.tree.tokens), prefix.length, 0)
            if scores is None:
                answers.append(RawAnswer(error=not_finite(), tokens=counts))
                continue
            leaf = choose(row.prompt, row.layout.tree, scores)
            answers.append(_labels_only(row.layout.tree, leaf, scores, counts))
            slot = next((part for part in row.prompt.form.parts if isinstance(part, TextSlot)), None)
            if row.prompt.explain and slot is not None:
                head = b"".join(self._tokens.spelling()[token] or b"" for token in leaf.unsettled)
                state = JsonText(head, row.layout.tree.tail.encode().removeprefix(b'"'))
                chain = leaf.tokens[len(leaf.nodes) :]
                writing.append(Writing(number, row, slot, leaf, answers[-1], state, row.text_tokens, chain))
        if writing:
            for number, answer in self._writer.write(writing, filled, memory):
                answers[number] = answer
        return answers


def _labels_only(tree: AnswerTree, leaf: Leaf, scores: Sequence[float], counts: TokenCounts) -> RawAnswer:
    return RawAnswer(
        scores=slot_scores(tree, scores),
        written=dict(leaf.labels),
        text=leaf.text,
        token_ids=leaf.tokens,
        tokens=counts,
    )
