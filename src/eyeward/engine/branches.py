"""From what a model says at the branches of an answer tree to the answer, for engines that ask one token at a time.

Which tokens tell the answers apart is in the tree (`engine/local/trie.py`); how they are asked for is the engine's.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from eyeward.engine.local.choosing import choose, slot_scores
from eyeward.engine.local.trie import AnswerTree, Leaf
from eyeward.engine.protocol import AnswerForm, Forced, Prompt, RawAnswer, TextSlot, TokenCounts

_WHOLE = re.compile(r'(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*')


class NoSense(ValueError):
    """What a model said cannot be made an answer of."""


@dataclass(frozen=True)
class Named:
    """Log-probabilities of the tokens that were asked for; those that were not named are missing."""

    log_probabilities: Mapping[int, float]
    unseen: float
    """Mass of the tokens that were not named, where some were missing."""
    tokens: TokenCounts

    @property
    def says_something(self) -> bool:
        """Whether any of the tokens has a probability."""
        return any(math.isfinite(log) for log in self.log_probabilities.values())


@dataclass(frozen=True)
class FreeText:
    """What was written behind the labels, up to the end of the answer."""

    text: str
    cut: bool
    """Whether it was broken off because it grew too long."""
    tokens: TokenCounts


def judged(prompt: Prompt, tree: AnswerTree, asked: Sequence[Named]) -> tuple[Leaf, RawAnswer]:
    """Choose the answer by what was said at each branch, in their order; free text is not in it yet.

    Raises:
        NoSense: when no label of some branch has a probability.
    """
    options = [_relative(named, branch.options) for named, branch in zip(asked, tree.branches, strict=True)]
    scores = [sum(options[branch][option] for branch, option in leaf.choices) for leaf in tree.leaves]
    leaf = choose(prompt, tree, scores)
    answer = RawAnswer(
        scores=slot_scores(tree, scores),
        written=dict(leaf.labels),
        text=leaf.text,
        unseen=asked[0].unseen if asked else 0.0,
        tokens=sum_of([named.tokens for named in asked]),
    )
    return leaf, answer


def wanted_text(prompt: Prompt) -> TextSlot | None:
    """Return the slot of the free text where the prompt wants it."""
    slot = next((part for part in prompt.form.parts if isinstance(part, TextSlot)), None)
    return slot if prompt.explain else None


def tail_of(form: AnswerForm) -> str:
    """Return the forced text behind the last slot."""
    return "".join(part.text for part in form.parts[-1:] if isinstance(part, Forced))


def explained(answer: RawAnswer, slot: TextSlot, tail: str, written: FreeText) -> RawAnswer:
    """Put the free text into an answer.

    Raises:
        NoSense: when it is empty, no inside of a JSON string, or ends in other words than `tail`.
    """
    whole = _WHOLE.match(written.text)
    raw = whole[0] if whole else ""
    rest = written.text[len(raw) :]
    if rest.rstrip() != tail.rstrip() and not (written.cut and (not rest or rest[0] in '\\"')):
        raise NoSense(f"The free text does not end as it should: {written.text[-200:]!r}.")
    try:
        text = str(json.loads(f'"{raw}"'))
        text.encode()
    except ValueError:
        raise NoSense("The free text holds half a character.") from None
    if not text.strip():
        raise NoSense("The free text is empty.")
    return replace(
        answer,
        written={**answer.written, slot.name: text},
        text=answer.text + raw + tail,
        tokens=sum_of([answer.tokens, written.tokens]),
        cut=written.cut,
    )


def sum_of(counts: Sequence[TokenCounts]) -> TokenCounts:
    """Add token counts up."""
    return TokenCounts(sum(c.computed for c in counts), sum(c.cached for c in counts), sum(c.written for c in counts))


def _relative(named: Named, options: Sequence[int]) -> list[float]:
    """Return the log-probabilities of the options among themselves."""
    logs = [named.log_probabilities.get(option, -math.inf) for option in options]
    most = max(logs)
    if not math.isfinite(most):
        raise NoSense("No probability of any label was named.")
    total = most + math.log(math.fsum(math.exp(log - most) for log in logs))
    return [log - total for log in logs]
