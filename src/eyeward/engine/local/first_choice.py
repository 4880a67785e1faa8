"""What a model would write where its first label stands, were nothing forced. Only checks ask for it."""

from __future__ import annotations

from dataclasses import dataclass

from eyeward.engine.local.attention import Prefix
from eyeward.engine.local.language import Language
from eyeward.engine.local.scoring import Row, prefill
from eyeward.engine.local.tokens import PromptTokens


@dataclass(frozen=True)
class FirstChoice:
    """The model's own distribution over all its tokens, at the place where the first labels part."""

    mass: float
    """Probability of the tokens with which labels go on; a head of noise gives about their share of all tokens."""
    entropy: float
    """In nats."""
    tokens: int
    """How many there are to choose from."""
    likeliest: str
    """The text of the likeliest; empty where it is a mark of the model."""


def first_choice(language: Language, tokens: PromptTokens, prefix: Prefix, row: Row) -> FirstChoice:
    """Score every token after the prompt and the forced text before the first labels."""
    states = prefill(language, prefix, [row], language.memory(prefix)).states
    branch = row.layout.tree.branches[0]
    logs = language.logits(states[:, 1 + branch.node])[0].cpu().double().log_softmax(-1)
    best, spelling = int(logs.argmax()), tokens.spelling()
    text = spelling[best] if best < len(spelling) else None
    return FirstChoice(
        mass=float(logs[list(branch.options)].exp().sum()),
        entropy=float(-(logs.exp() * logs).nansum()),
        tokens=len(logs),
        likeliest=(text or b"").decode("utf-8", "replace"),
    )
